// SPDX-License-Identifier: MIT
#pragma once
/* k6_rows: under which of k6's names rows of the statistics are sent. What it has no name for goes
 * by names of the same kind, so that http_reqs has what is HTTP alone. */

enum k6_row { K6_HTTP, K6_GRPC, K6_OTHER, K6_ROWS };

struct k6_names {
    const char *count, *failed; /* NULL: k6 does not count these */
    const char *duration;
};

enum k6_row k6_row_of(const char *method);
const struct k6_names *k6_names_of(enum k6_row kind);
