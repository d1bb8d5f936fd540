// SPDX-License-Identifier: MIT
/* api_metrics: what was counted in series (checks, groups, custom metrics, requests by tags). Their
 * seconds are the main thread's own, which adds them up; how much of it is bounded there. */
#include "common/base/mem.h"
#include "master/data/snapshot.h"
#include "master/web/feed.h"
#include "master/web/timeline_json.h"
#include "master/web/reply.h"
#include "master/web/request.h"

#include <civetweb.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ABOVE_MOST 1e9

static int answer(struct request *r, struct command c)
{
    struct sbuf out = {0};
    c.kind = CMD_RENDER;
    c.out = &out;
    const struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    const int status =
        result.is_ok ? reply_json(r->conn, 200, &out)
                     : reply_error(r->conn, request_status(&result), result.field, result.text);
    sbuf_fini(&out);
    return status;
}

/* The range and the step that are asked for; false after an answer was sent. */
static bool read_range(struct request *r, struct command *c, int *status)
{
    struct query q;
    struct query_error e;
    if (!query_read(&r->query, &q, &e)) {
        *status = reply_error(r->conn, 400, e.field, e.text);
        return false;
    }
    struct view *v = request_view(r);
    *status = 503;
    if (v == NULL)
        return false;
    const struct settled_range range = timeline_json_settle(v, &q);
    view_unref(v);
    c->since = (uint64_t)range.from;
    c->limit = (uint64_t)range.to;
    c->id = q.step;
    return true;
}

static int get_metrics(struct request *r)
{
    struct command c = {.document = DOCUMENT_METRICS};
    int status;
    if (form_get(&r->query, "from") == NULL && form_get(&r->query, "to") == NULL)
        return request_answer_view(r, feed_series);
    return read_range(r, &c, &status) ? answer(r, c) : status;
}

static bool read_above(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*number) && *number > 0 && *number < ABOVE_MOST;
}

static int get_course(struct request *r)
{
    struct command c = {.document = DOCUMENT_COURSE};
    const char *metric = form_get(&r->query, "metric"), *tags = form_get(&r->query, "tags"),
               *above = form_get(&r->query, "above");
    int status;
    if (metric == NULL || metric[0] == '\0')
        return reply_error(r->conn, 400, "metric", "Give the name of a metric.");
    if (!read_range(r, &c, &status))
        return status;
    if (above != NULL && !read_above(above, &c.above))
        return reply_error(r->conn, 400, "above", "Give a number above 0.");
    c.text = mem_strdup(metric);
    c.json = tags != NULL && tags[0] != '\0' ? mem_strdup(tags) : NULL;
    return answer(r, c);
}

/* For Prometheus. */
static int get_scrape(struct request *r)
{
    struct sbuf out = {0};
    struct scrape scrape = {0};
    struct command c = {.kind = CMD_RENDER, .document = DOCUMENT_SCRAPE, .scrape = &scrape};
    const struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    if (!result.is_ok)
        return reply_error(r->conn, 503, "", result.text);
    const char *type = scrape.write(&scrape, mg_get_header(r->conn, "Accept"), &out);
    const int status = reply_scraped(r->conn, type, &out);
    snapshot_unref(scrape.snapshot);
    sbuf_fini(&out);
    return status;
}

static const struct route ROUTES[] = {
    {"GET", "/metrics", get_scrape},
    {"GET", "/api/v1/metrics", get_metrics},
    {"GET", "/api/v1/metrics/series", get_course},
};
const struct routes metrics_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
