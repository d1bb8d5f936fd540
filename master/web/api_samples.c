// SPDX-License-Identifier: MIT
/* api_samples: single requests and log lines. */
#include "common/base/mem.h"
#include "master/web/query.h"
#include "master/web/reply.h"
#include "master/web/request.h"

#include <stdint.h>

#define LINES_MAX 5000
#define LINES_DEFAULT 500

static int answer(struct request *r, struct command c)
{
    struct sbuf out = {0};
    c.kind = CMD_RENDER;
    c.out = &out;
    struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    int status = result.is_ok ? reply_json(r->conn, 200, &out)
                              : reply_error(r->conn, 503, result.field, result.text);
    sbuf_fini(&out);
    return status;
}

static int get_samples(struct request *r)
{
    uint64_t kind = 0, row = 0;
    struct query_error e;
    const char *check = form_get(&r->query, "check");
    if (!query_count(&r->query, "kind", UINT32_MAX, &kind, &e) ||
        !query_count(&r->query, "row", UINT32_MAX, &row, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    if (check != NULL && check[0] != '\0' && !kind && !row)
        return answer(
            r, (struct command){.document = DOCUMENT_CHECK_SAMPLES, .text = mem_strdup(check)});
    if (!kind == !row)
        return reply_error(
            r->conn, 400, kind ? "row" : "kind",
            "Give kind, the id of a failure, or row, the id of a row, or check, the name "
            "of a check; one of them.");
    struct command c = {.document = kind ? DOCUMENT_SAMPLES : DOCUMENT_ROW_SAMPLES,
                        .id = kind ? kind : row};
    return answer(r, c);
}

static int get_logs(struct request *r)
{
    uint64_t since = 0, limit = LINES_DEFAULT;
    struct query_error e;
    if (!query_count(&r->query, "since", UINT64_MAX, &since, &e) ||
        !query_count(&r->query, "limit", LINES_MAX, &limit, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    return answer(r, (struct command){.document = DOCUMENT_LINES, .since = since, .limit = limit});
}

static const struct route ROUTES[] = {
    {"GET", "/api/v1/samples", get_samples},
    {"GET", "/api/v1/logs", get_logs},
};
const struct routes samples_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
