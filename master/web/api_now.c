// SPDX-License-Identifier: MIT
/* api_now: what the page shows of now, and does to the run (docs/api.md). */
#include "master/web/feed.h"
#include "master/web/intake.h"
#include "master/web/live.h"
#include "master/web/page.h"
#include "master/web/reply.h"
#include "master/web/request.h"

static int get_state(struct request *r)
{
    return request_answer_view(r, feed_hello);
}

static int get_live(struct request *r)
{
    struct feed_mark mark;
    struct query_error e;
    struct sbuf out = {0};
    if (!feed_mark_query(&mark, &r->query, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    feed_tick(v, &mark, &out);
    view_unref(v);
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int get_exceptions(struct request *r)
{
    return request_answer_view(r, feed_exceptions);
}

static void add_extensions(const struct view *v, struct sbuf *out)
{
    sbuf_adds(out, v->web.extensions[0] != '\0' ? v->web.extensions : "{}");
    sbuf_addc(out, '\n');
}

static int get_extensions(struct request *r)
{
    return request_answer_view(r, add_extensions);
}

static int get_workers(struct request *r)
{
    return request_answer_view(r, feed_workers);
}

static int run_command(struct request *r, enum intake_action action)
{
    struct sbuf body = {0};
    struct command c;
    struct intake_error e;
    int status;
    if (!request_command(r, INTAKE_BODY_MAX, &body, &status)) {
        sbuf_fini(&body);
        return status;
    }
    bool is_ok = intake_json(action, body.data, body.len, request_has_shape(r), &c, &e);
    sbuf_fini(&body);
    if (!is_ok)
        return reply_error(r->conn, 400, e.field, e.text);
    struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    return request_answer_result(r, &result);
}

static int post_marker(struct request *r)
{
    return run_command(r, INTAKE_MARKER);
}

static int post_start(struct request *r)
{
    return run_command(r, INTAKE_START);
}

static int post_edit(struct request *r)
{
    return run_command(r, INTAKE_EDIT);
}

static int post_stop(struct request *r)
{
    return run_command(r, INTAKE_STOP);
}

static int post_reset(struct request *r)
{
    return run_command(r, INTAKE_RESET);
}

static const struct route ROUTES[] = {
    {"GET", "/", page_get},
    {"GET", "/api/v1/state", get_state},
    {"GET", LIVE_PATH, get_live},
    {"GET", "/api/v1/exceptions", get_exceptions},
    {"GET", "/api/v1/workers", get_workers},
    {"GET", "/api/v1/extensions", get_extensions},
    {"POST", "/api/v1/start", post_start},
    {"POST", "/api/v1/edit", post_edit},
    {"POST", "/api/v1/stop", post_stop},
    {"POST", "/api/v1/reset", post_reset},
    {"POST", "/api/v1/marker", post_marker},
    {"GET", "/api/v1/runs/{run}/state", get_state},
    {"GET", "/api/v1/runs/{run}/live", get_live},
    {"GET", "/api/v1/runs/{run}/exceptions", get_exceptions},
    {"GET", "/api/v1/runs/{run}/workers", get_workers},
};
const struct routes now_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
