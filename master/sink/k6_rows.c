// SPDX-License-Identifier: MIT
#include "master/sink/k6_rows.h"
#include "common/metric/tally.h"
#include <string.h>

enum k6_row k6_row_of(const char *method)
{
    return tally_http_method(method) ? K6_HTTP : strcmp(method, "grpc") == 0 ? K6_GRPC : K6_OTHER;
}

const struct k6_names *k6_names_of(enum k6_row kind)
{
    static const struct k6_names names[K6_ROWS] = {
        [K6_HTTP] = {"http_reqs", "http_req_failed", "http_req_duration"},
        [K6_GRPC] = {NULL, NULL, "grpc_req_duration"},
        [K6_OTHER] = {"reqs", "req_failed", "req_duration"},
    };
    return &names[kind];
}
