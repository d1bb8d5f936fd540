// SPDX-License-Identifier: MIT
/* web: see master/web.h.
 *
 * civetweb parses requests and runs a thread per connection; everything else is decided here. Its
 * begin_request callback sees each request first and answers it completely: civetweb's own files,
 * forms and redirects are never reached. The only thing let through is a checked upgrade of the
 * live socket. Order of the checks: Host, then route, then method, then sender, then body.
 *
 * Locust's routes keep their methods and answers (docs/api.md); state changes of the page are
 * POST only.
 */
#include "master/web.h"

#include "common/base/log.h"
#include "master/bridge.h"
#include "master/web/feed.h"
#include "master/web/guard.h"
#include "master/web/intake.h"
#include "master/web/listen.h"
#include "master/web/live.h"
#include "master/web/reply.h"
#include "master/web/request.h"

#include <civetweb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LOGGER "katydid.web"
#define LIVE_PATH "/api/v1/live"

struct web {
    struct bridge *bridge;
    struct guard guard;
    struct live *live;
    struct mg_context *ctx;
    struct listen listen;
    char base_path[128];
};

/* -- the page -- */

static const struct asset *find_asset(const char *path)
{
    for (size_t i = 0; i < asset_count; i++) {
        if (strcmp(assets[i].path, path) == 0)
            return &assets[i];
    }
    return NULL;
}

static int get_page(struct request *r)
{
    const struct asset *page = find_asset("/index.html");
    if (page == NULL)
        return reply_text(r->conn, 200,
                          "This katydid was built without its page (WEBUI=0); the API is at "
                          "api/v1/state, see docs/api.md.\n");
    return reply_asset(r->conn, page);
}

/* -- the page's API -- */

static int get_state(struct request *r)
{
    return request_answer_view(r, feed_hello);
}

static int get_live(struct request *r)
{
    struct feed_mark mark;
    struct sbuf out = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    feed_mark_query(&mark, &r->query);
    feed_tick(v, &mark, &out);
    view_unref(v);
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int get_series(struct request *r)
{
    struct sbuf out = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    int64_t from = (int64_t)form_get_number(&r->query, "from", INT64_MAX, 0);
    int64_t to = (int64_t)form_get_number(&r->query, "to", INT64_MAX, INT64_MAX);
    int step = (int)form_get_number(&r->query, "step", 3600, 1);
    feed_series(v, from, to, step > 0 ? step : 1, &out);
    view_unref(v);
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int get_failures(struct request *r)
{
    return request_answer_view(r, feed_failures);
}

static int get_exceptions(struct request *r)
{
    return request_answer_view(r, feed_exceptions);
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
    struct guard_request sender = request_sender(r);
    const char *mark = mg_get_header(r->conn, "X-Katydid");
    if (!guard_page_ok(&sender))
        return request_refuse_sender(r);
    if (mark == NULL || strcmp(mark, "1") != 0)
        return reply_error(r->conn, 403, "", "Commands need the header \"X-Katydid: 1\".");
    if (!request_is_type(r, "application/json"))
        return reply_error(r->conn, 415, "", "Commands are JSON: send it as application/json.");
    if (!request_read(r, INTAKE_BODY_MAX, &body, &status)) {
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

/* -- routing -- */

static const struct route PAGE[] = {
    {"GET", "/", get_page},
    {"GET", "/api/v1/state", get_state},
    {"GET", LIVE_PATH, get_live},
    {"GET", "/api/v1/series", get_series},
    {"GET", "/api/v1/failures", get_failures},
    {"GET", "/api/v1/exceptions", get_exceptions},
    {"GET", "/api/v1/workers", get_workers},
    {"POST", "/api/v1/start", post_start},
    {"POST", "/api/v1/edit", post_edit},
    {"POST", "/api/v1/stop", post_stop},
    {"POST", "/api/v1/reset", post_reset},
};
static const struct routes page_routes = {PAGE, sizeof PAGE / sizeof PAGE[0]};

static const struct routes *const TABLES[] = {&page_routes, &locust_routes};

static const struct route *find_route(const char *path)
{
    for (size_t t = 0; t < sizeof TABLES / sizeof TABLES[0]; t++)
        for (size_t i = 0; i < TABLES[t]->count; i++)
            if (strcmp(TABLES[t]->routes[i].path, path) == 0)
                return &TABLES[t]->routes[i];
    return NULL;
}

static bool is_read(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static int call_route(struct request *r, const struct route *route)
{
    bool takes_reads = strcmp(route->method, "GET") == 0;
    const char *allowed = takes_reads ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
    if (takes_reads ? is_read(r->method) : strcmp(route->method, r->method) == 0)
        return route->handle(r);
    if (strcmp(r->method, "OPTIONS") == 0)
        return reply_options(r->conn, allowed);
    return reply_method(r->conn, allowed);
}

static int route_request(struct request *r)
{
    const struct route *route = find_route(r->path);
    if (route != NULL)
        return call_route(r, route);
    const struct asset *asset = find_asset(r->path);
    if (asset == NULL)
        return reply_text(r->conn, 404, "Not found.\n");
    return is_read(r->method) ? reply_asset(r->conn, asset) : reply_method(r->conn, "GET, HEAD");
}

static bool is_upgrade(struct mg_connection *conn)
{
    const char *upgrade = mg_get_header(conn, "Upgrade");
    return upgrade != NULL && strcasecmp(upgrade, "websocket") == 0;
}

/* 0 lets civetweb shake hands with a viewer. */
static int check_upgrade(struct request *r, struct web *w)
{
    struct guard_request sender = request_sender(r);
    if (strcmp(r->path, LIVE_PATH) != 0)
        return reply_text(r->conn, 404, "There is no socket here.\n");
    if (!guard_origin_ok(sender.origin, sender.host))
        return reply_error(r->conn, 403, "", "The live socket serves Katydid's own page only.");
    if (!live_has_room(w->live))
        return reply_error(r->conn, 503, "", "Too many live pages; poll GET api/v1/live instead.");
    return 0;
}

/* The path below the base path, or NULL. */
static const char *below_base(const struct web *w, const char *uri)
{
    size_t len = strlen(w->base_path);
    if (strncmp(uri, w->base_path, len) != 0 || (uri[len] != '/' && uri[len] != '\0'))
        return NULL;
    return uri + len;
}

static int refuse_host(struct mg_connection *conn)
{
    return reply_text(conn, 421,
                      "This name is not one of Katydid's own. Use its address, or start it with\n"
                      "KATYDID_WEB_ALLOWED_HOSTS=name[,name] in its environment.\n");
}

static int on_request(struct mg_connection *conn)
{
    struct web *w = mg_get_user_context_data(conn);
    const struct mg_request_info *ri = mg_get_request_info(conn);
    struct request r = {.bridge = w->bridge, .conn = conn, .method = ri->request_method};
    const char *host = mg_get_header(conn, "Host");
    if (!guard_host_ok(&w->guard, host))
        return refuse_host(conn);
    if (mg_get_header(conn, "Transfer-Encoding") != NULL && ri->content_length >= 0)
        return reply_text(conn, 400, "Content-Length and Transfer-Encoding exclude each other.\n");
    r.path = ri->local_uri != NULL ? below_base(w, ri->local_uri) : NULL;
    if (r.path == NULL)
        return reply_text(conn, 404, "Not found.\n");
    if (r.path[0] == '\0') { /* the base path without its slash: relative addresses need it */
        char location[sizeof w->base_path + 1];
        snprintf(location, sizeof location, "%s/", w->base_path);
        return reply_redirect(conn, location);
    }
    if (is_upgrade(conn))
        return check_upgrade(&r, w);
    const char *query = ri->query_string != NULL ? ri->query_string : "";
    int status;
    if (form_parse(&r.query, query, strlen(query)))
        status = route_request(&r);
    else
        status = reply_text(conn, 400, "The query is not well formed.\n");
    form_fini(&r.query);
    return status;
}

/* civetweb refuses what it cannot parse: with our headers, and without its own words. */
static int on_http_error(struct mg_connection *conn, int status, const char *text)
{
    (void)text;
    reply_text(conn, status, status < 500 ? "The request was not understood.\n" : "Failed.\n");
    return 0;
}

static int on_log(const struct mg_connection *conn, const char *text)
{
    (void)conn;
    log_debug(LOGGER, "%s", text);
    return 1;
}

static int on_init_tls(void *ssl_ctx, void *arg)
{
    const struct web *w = arg;
    return listen_load_tls(&w->listen, ssl_ctx);
}

/* -- lifetime -- */

static void warn_if_open(const struct web *w)
{
    if (guard_is_loopback(&w->guard))
        return;
    log_warning(LOGGER,
                "The page listens on %s without a password: whoever reaches port %d can start load "
                "against any host from this machine. Keep it inside a network you trust, or use "
                "--web-host 127.0.0.1.",
                w->guard.is_wildcard ? "every interface" : w->guard.bound, w->listen.port);
}

/* civetweb's threads must not take the signals that the main thread waits for. */
static struct mg_context *start_server(struct web *w, const char **options)
{
    static const struct mg_callbacks callbacks = {.begin_request = on_request,
                                                  .http_error = on_http_error,
                                                  .log_message = on_log,
                                                  .init_ssl = on_init_tls};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct mg_context *ctx = mg_start(&callbacks, w, options);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ctx;
}

static void set_base_path(struct web *w, const char *path)
{
    snprintf(w->base_path, sizeof w->base_path, "%s%s",
             path != NULL && path[0] != '\0' && path[0] != '/' ? "/" : "",
             path != NULL ? path : "");
    size_t len = strlen(w->base_path);
    while (len > 0 && w->base_path[len - 1] == '/')
        w->base_path[--len] = '\0';
}

static bool start(struct web *w, const struct web_config *c, char **why)
{
    char live_path[sizeof w->base_path + sizeof LIVE_PATH];
    if (w->live == NULL || !listen_init(&w->listen, c, w->guard.bound, why))
        return false;
    mg_init_library(w->listen.has_tls ? MG_FEATURES_TLS : MG_FEATURES_DEFAULT);
    w->ctx = start_server(w, w->listen.options);
    if (w->ctx == NULL) {
        *why = strdup("the web server did not start; run with --loglevel DEBUG to see its words");
        return false;
    }
    listen_read_port(&w->listen, w->ctx);
    snprintf(live_path, sizeof live_path, "%s%s", w->base_path, LIVE_PATH);
    live_attach(w->live, w->ctx, live_path);
    warn_if_open(w);
    return true;
}

struct web *web_start(const struct web_config *c, struct bridge *b, char **why)
{
    char machine[GUARD_NAME_MAX] = "";
    struct web *w = calloc(1, sizeof *w);
    *why = NULL;
    if (w == NULL)
        return NULL;
    w->bridge = b;
    w->live = live_new(b);
    gethostname(machine, sizeof machine - 1);
    guard_init(&w->guard, c->host, machine, getenv("KATYDID_WEB_ALLOWED_HOSTS"));
    set_base_path(w, c->base_path);
    if (start(w, c, why))
        return w;
    web_stop(w);
    return NULL;
}

int web_port(const struct web *w)
{
    return w->listen.port;
}

void web_stop(struct web *w)
{
    if (w == NULL)
        return;
    if (w->live != NULL)
        live_stop(w->live);
    if (w->ctx != NULL)
        mg_stop(w->ctx);
    live_free(w->live);
    free(w);
}
