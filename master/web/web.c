// SPDX-License-Identifier: MIT
/* web: see master/web/web.h.
 *
 * civetweb parses requests and runs a thread per connection; everything else is decided here. Its
 * begin_request callback sees each request first and answers it completely: civetweb's own files,
 * forms and redirects are never reached. The only thing let through is a checked upgrade of the
 * live socket. Order of the checks: Host, then path, then the token and what its role may (door.h),
 * then the host's admission, then route, then method, then sender, then body. The path is read once
 * (path.h), for all of them.
 *
 * Locust's routes keep their methods and answers (docs/api.md); state changes of the page are
 * POST only.
 */
#include "master/web/web.h"

#include "common/base/handle.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "master/web/audit.h"
#include "master/web/bridge.h"
#include "master/web/door.h"
#include "master/web/feed.h"
#include "master/web/front.h"
#include "master/web/admission.h"
#include "master/web/guard.h"
#include "master/web/listen.h"
#include "master/web/live.h"
#include "master/web/note.h"
#include "master/web/path.h"
#include "master/web/reply.h"
#include "master/web/request.h"
#include "master/web/route.h"
#include "master/web/runs.h"
#include "master/web/upstream.h"

#include <civetweb.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOGGER "katydid.web"
#define WEB_NICE 5
#define MAY_STAY_S 1 /* a viewer waits so long for its next tick when the host is busy */

#define WEB_TAG 0x7765625fu /* "web_" */

struct web {
    uint32_t tag; /* handle.h */
    struct bridge *bridge;
    struct admission *admission;
    bool wants_login;
    char secret[33];       /* admits the host's own requests */
    char front_secret[33]; /* marks what came by the front */
    struct guard guard;
    struct live *live;
    struct mg_context *ctx;
    struct listen listen;
    struct runs *runs;
    struct door *door;
    struct audit *audit;
    char base_path[128];
};

/* -- routing -- */

static const struct routes *const TABLES[] = {&now_routes,     &timeline_routes, &test_routes,
                                              &samples_routes, &metrics_routes,  &runs_routes,
                                              &locust_routes,  &door_routes};

static struct route_found find_route(const char *path, const char *method)
{
    return route_find(TABLES, sizeof TABLES / sizeof TABLES[0], path, method);
}

static int refuse_query(struct request *r)
{
    static const char text[] = "The query is not well formed.";
    if (strncmp(r->path, "/api/", 5) == 0)
        return reply_error(r->conn, 400, "", text);
    return reply_text(r->conn, 400, text);
}

static bool read_query(struct request *r)
{
    const char *query = r->raw_query != NULL ? r->raw_query : "";
    return form_parse(&r->query, query, strlen(query));
}

static int route_request(struct request *r)
{
    const struct route_found found = find_route(r->path, r->method);
    if (!read_query(r))
        return refuse_query(r);
    if (found.allowed[0] != '\0')
        return route_call(r, &found);
    const struct asset *asset = asset_find(r->path);
    if (asset == NULL)
        return reply_text(r->conn, 404, "Not found.\n");
    return route_is_read(r->method) ? reply_asset(r->conn, asset)
                                    : reply_method(r->conn, "GET, HEAD");
}

/* -- the host's part -- */

/* What the newest view says of the host's web server, to be kept longer than the view. */
struct host_web {
    char socket[108];
    bool has_login, has_page;
    bool is_changed; /* the locustfile has a say in how every request is handled */
};

static struct host_web host_web(struct web *w)
{
    struct host_web h = {.has_login = w->wants_login};
    struct view *v = bridge_view(w->bridge);
    if (v == NULL)
        return h;
    snprintf(h.socket, sizeof h.socket, "%s", v->web.socket);
    h.has_login |= v->web.has_login;
    h.is_changed = v->web.is_changed;
    h.has_page = v->web.has_page;
    view_unref(v);
    return h;
}

/* The Flask app asks for what its own view of a route of ours answers. */
static bool is_inner(const struct web *w, struct mg_connection *conn)
{
    const char *given = mg_get_header(conn, "X-Katydid-Secret");
    return w->secret[0] != '\0' && given != NULL && strlen(given) == strlen(w->secret) &&
           CRYPTO_memcmp(given, w->secret, strlen(w->secret)) == 0;
}

static const char *client_of(const struct web *w, struct mg_connection *conn)
{
    const char *front = is_inner(w, conn) ? NULL : mg_get_header(conn, FRONT_HEADER);
    const char *space = front != NULL ? strchr(front, ' ') : NULL;
    return space != NULL ? space + 1 : mg_get_request_info(conn)->remote_addr;
}

static struct upstream upstream_of(const struct web *w, struct request *r, const struct host_web *h)
{
    return (struct upstream){.socket = h->socket,
                             .client = r->client,
                             .path = r->full_path,
                             .query = r->raw_query,
                             .has_tls = w->listen.has_tls,
                             .door = w->door,
                             .who = &r->who,
                             .is_by_header = r->is_by_header,
                             .login = r->login};
}

static bool is_change(const struct request *r)
{
    return !route_is_read(r->method) && strcmp(r->method, "OPTIONS") != 0;
}

static bool is_by_page(const struct request *r)
{
    struct guard_request sender = request_sender(r);
    return guard_page_ok(&sender);
}

static int forward(struct web *w, struct request *r, const struct host_web *h)
{
    struct upstream u = upstream_of(w, r, h);
    if (is_change(r) && !is_by_page(r))
        return request_refuse_sender(r);
    r->is_forwarded = true;
    r->has_login = h->has_login;
    admission_forget(w->admission);
    int status = upstream_forward(r->conn, &u);
    admission_forget(w->admission);
    return status;
}

static bool is_locusts(const char *path)
{
    for (size_t i = 0; i < locust_routes.count; i++)
        if (strcmp(locust_routes.routes[i].path, path) == 0)
            return true;
    return strcmp(path, "/") == 0 || strcmp(path, "/stats/report") == 0;
}

static bool is_page_file(const char *path)
{
    return strcmp(path, "/") == 0 || strncmp(path, "/assets/", 8) == 0;
}

/* Without a session one may see the login page and what it is made of. */
static bool is_open(const char *path)
{
    return strcmp(path, "/login") == 0 || strncmp(path, "/assets/", 8) == 0;
}

/* 0: go on; else the status of the answer that was sent. Who has a say in everything is asked each
 * time, and shown the body. */
static int ask_host(struct web *w, struct request *r, const struct host_web *h)
{
    struct upstream u = upstream_of(w, r, h);
    int status = 0;
    if (!h->is_changed)
        return admission_admits(w->admission, r->conn, &u);
    if (is_change(r)) {
        if (!is_by_page(r))
            return request_refuse_sender(r);
        if (!request_read(r, FORM_BODY_MAX, &r->early, &status))
            return status;
        r->has_early = true;
        u.body = &r->early;
    }
    return upstream_admits(r->conn, &u);
}

static int check_admission(struct web *w, struct request *r, const struct host_web *h)
{
    r->has_login = h->has_login;
    bool is_asked = h->is_changed || (h->has_login && !is_open(r->path));
    return is_asked ? ask_host(w, r, h) : 0;
}

/* What the host answers itself. */
static bool is_hosts(const struct request *r, const struct host_web *h)
{
    if (h->socket[0] == '\0' ||
        (strcmp(r->path, "/login") == 0 && door_asks(r->door) && !h->has_login))
        return false;
    if (h->has_page && is_page_file(r->path))
        return true;
    if (h->has_login && strcmp(r->path, "/login") == 0)
        return true;
    if (is_locusts(r->path))
        return h->is_changed;
    return find_route(r->path, r->method).allowed[0] == '\0' && asset_find(r->path) == NULL;
}

static int serve_request(struct web *w, struct request *r)
{
    const struct host_web h = host_web(w);
    if (is_inner(w, r->conn))
        return route_request(r);
    if (is_hosts(r, &h))
        return forward(w, r, &h);
    int refused = check_admission(w, r, &h);
    return refused != 0 ? refused : route_request(r);
}

/* Outside of the base path there are only the routes of the locustfile. */
static int serve_outside(struct web *w, struct request *r)
{
    const struct host_web h = host_web(w);
    if (h.socket[0] != '\0')
        return forward(w, r, &h);
    return h.is_changed ? ask_host(w, r, &h) : reply_text(r->conn, 404, "Not found.\n");
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
    struct feed_mark mark;
    struct query_error e;
    if (strcmp(r->path, LIVE_PATH) != 0)
        return reply_text(r->conn, 404, "There is no socket here.\n");
    if (!guard_origin_ok(sender.origin, sender.host))
        return reply_error(r->conn, 403, "", "The live socket serves Katydid's own page only.");
    const struct host_web h = host_web(w);
    int refused = check_admission(w, r, &h);
    if (refused != 0)
        return refused;
    if (!read_query(r))
        return refuse_query(r);
    if (!feed_mark_query(&mark, &r->query, &e))
        return reply_error(r->conn, 400, e.field, e.text);
    if (!live_has_room(w->live))
        return reply_error(r->conn, 503, "", "Too many live pages; poll GET api/v1/live instead.");
    return 0;
}

/* The session of a viewer may be over, or a guard of another mind. Who does not answer changes
 * nothing. */
static bool may_stay(void *arg, struct mg_connection *conn, bool *is_told)
{
    struct web *w = arg;
    const struct host_web h = host_web(w);
    char path[sizeof w->base_path + sizeof LIVE_PATH];
    snprintf(path, sizeof path, "%s%s", w->base_path, LIVE_PATH);
    struct request r = {.conn = conn,
                        .door = w->door,
                        .client = client_of(w, conn),
                        .full_path = path,
                        .raw_query = mg_get_request_info(conn)->query_string};
    *is_told = true;
    if (!door_still_admits(&r))
        return false;
    if ((!h.is_changed && !h.has_login) || h.socket[0] == '\0')
        return true;
    struct upstream u = upstream_of(w, &r, &h);
    enum upstream_verdict verdict = upstream_still_admits(conn, &u, MAY_STAY_S);
    *is_told = verdict != UPSTREAM_MUTE;
    return verdict != UPSTREAM_NO;
}

/* The part of a path below the base path, or NULL. */
static const char *below_base(const struct web *w, const char *path)
{
    size_t len = strlen(w->base_path);
    if (strncmp(path, w->base_path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return NULL;
    return path + len;
}

static int refuse_host(struct mg_connection *conn)
{
    return reply_text(conn, 421,
                      "This name is not one of Katydid's own. Use its address, or start it with\n"
                      "KATYDID_WEB_ALLOWED_HOSTS=name[,name] in its environment.\n");
}

/* civetweb's port is for the front and the host alone. */
static bool is_by_front(const struct web *w, struct mg_connection *conn)
{
    const char *given = mg_get_header(conn, FRONT_HEADER);
    size_t len = strlen(w->front_secret);
    return is_inner(w, conn) || (given != NULL && strlen(given) > len && given[len] == ' ' &&
                                 CRYPTO_memcmp(given, w->front_secret, len) == 0);
}

static bool has_one_host(const struct mg_request_info *ri)
{
    int count = 0;
    for (int i = 0; i < ri->num_headers; i++)
        count += strcasecmp(ri->http_headers[i].name, "Host") == 0;
    return count == 1;
}

/* To the same place by its one name. */
static int redirect_to(struct request *r, const char *path)
{
    struct sbuf location = {0};
    path_add_encoded(&location, path);
    if (r->raw_query != NULL)
        sbuf_addf(&location, "?%s", r->raw_query);
    int status = reply_redirect(r->conn, location.data);
    sbuf_fini(&location);
    return status;
}

/* The base path without its slash: relative addresses need it. */
static int redirect_to_base(struct web *w, struct request *r)
{
    char path[sizeof w->base_path + 1];
    snprintf(path, sizeof path, "%s/", w->base_path);
    return redirect_to(r, path);
}

/* A route that changes something and may be read (Locust's old ways) counts as a change. */
static bool may_change(const struct request *r)
{
    if (is_change(r) || r->path == NULL)
        return is_change(r);
    const struct route_found found = find_route(r->path, r->method);
    return found.route != NULL && strcmp(found.route->method, "GET") != 0;
}

/* Of a request that the host passes on. */
static void take_who(struct request *r)
{
    const char *name = mg_get_header(r->conn, "X-Katydid-User");
    const char *client = mg_get_header(r->conn, "X-Forwarded-For");
    const char *role = mg_get_header(r->conn, "X-Katydid-Role");
    const char *login = mg_get_header(r->conn, UPSTREAM_LOGIN_HEADER);
    if (role != NULL && strcmp(role, role_word(ROLE_SEE)) == 0)
        r->who.role = ROLE_SEE;
    if (login != NULL)
        upstream_read_login(login, strlen(login), r->login);
    if (name != NULL)
        snprintf(r->who.name, sizeof r->who.name, "%s", name);
    if (client != NULL)
        r->client = client;
}

/* 0: go on; else the status of the answer that was sent. The host's own requests were let in when
 * they came to it. */
static int check_door(struct web *w, struct request *r)
{
    r->who.role = ROLE_RUN;
    r->may_change = may_change(r);
    if (is_inner(w, r->conn)) {
        take_who(r);
        return 0;
    }
    int status = door_admit(r);
    return status != 0 ? status : door_check_role(r, r->may_change);
}

static int serve_path(struct web *w, struct request *r, const char *path)
{
    r->full_path = path;
    r->path = below_base(w, path);
    int refused = check_door(w, r);
    if (refused != 0)
        return refused;
    if (r->path == NULL)
        return serve_outside(w, r);
    if (r->path[0] == '\0')
        return redirect_to_base(w, r);
    return is_upgrade(r->conn) ? check_upgrade(r, w) : serve_request(w, r);
}

static void note(const struct web *w, const struct request *r, int status)
{
    const struct route_found none = {0};
    const struct route_found found = r->path != NULL ? find_route(r->path, r->method) : none;
    note_request(w->audit, r, found.route, status);
}

static int serve(struct web *w, struct request *r, const char *raw_path)
{
    int status = 400;
    struct sbuf path = {0};
    switch (path_read(raw_path != NULL ? raw_path : "", &path)) {
    case PATH_OK:
        status = serve_path(w, r, path.data);
        note(w, r, status);
        break;
    case PATH_DOUBLED:
        status = redirect_to(r, path.data);
        break;
    case PATH_BAD:
        reply_text(r->conn, status, "This is no path that can be read in one way only.\n");
        break;
    }
    form_fini(&r->query);
    sbuf_fini(&r->early);
    sbuf_fini(&r->said);
    sbuf_fini(&path);
    return status;
}

static int on_request(struct mg_connection *conn)
{
    struct web *w = mg_get_user_context_data(conn);
    const struct mg_request_info *ri = mg_get_request_info(conn);
    struct request r = {.bridge = w->bridge,
                        .runs = w->runs,
                        .conn = conn,
                        .door = w->door,
                        .client = client_of(w, conn),
                        .method = ri->request_method,
                        .raw_query = ri->query_string};
    const char *host = mg_get_header(conn, "Host");
    if (!is_by_front(w, conn))
        return reply_text(conn, 403, "This port is the page's own.\n");
    if (!guard_host_ok(&w->guard, host))
        return refuse_host(conn);
    if (!has_one_host(ri))
        return reply_text(conn, 400, "There are several Host headers.\n");
    if (mg_get_header(conn, "Transfer-Encoding") != NULL && ri->content_length >= 0)
        return reply_text(conn, 400, "Content-Length and Transfer-Encoding exclude each other.\n");
    return serve(w, &r, ri->local_uri_raw);
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

/* -- lifetime -- */

bool web_check_tokens(const struct web_config *c, char **why)
{
    struct access *a = c->tokens != NULL ? access_new(c->tokens, why) : NULL;
    access_free(a);
    return c->tokens == NULL || a != NULL;
}

static void warn_if_open(const struct web *w)
{
    if (guard_is_loopback(&w->guard))
        return;
    if (door_asks(w->door)) {
        if (!w->listen.has_tls)
            log_warning(LOGGER, "Tokens of the page travel in clear: whoever reads the traffic has "
                                "them. Give --tls-cert and --tls-key, or put TLS in front.");
        return;
    }
    log_warning(
        LOGGER,
        "The page listens on %s without a password: whoever reaches port %d can start load "
        "against any host from this machine. Give --web-token, keep it inside a network you "
        "trust, or use --web-host 127.0.0.1.",
        w->guard.is_wildcard ? "every interface" : w->guard.bound, w->listen.port);
}

/* Whoever looks on must not slow the test down: the main thread comes first. Writers of the live
 * sockets are made by these threads, and inherit it. */
static void *on_thread(const struct mg_context *ctx, int type)
{
    (void)ctx;
    (void)type;
    setpriority(PRIO_PROCESS, (id_t)gettid(), WEB_NICE);
    return NULL;
}

/* civetweb's threads must not take the signals that the main thread waits for. */
static struct mg_context *start_server(struct web *w, const char **options)
{
    static const struct mg_callbacks callbacks = {
        .begin_request = on_request,
        .http_error = on_http_error,
        .log_message = on_log,
        .init_thread = on_thread,
    };
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
    if (!listen_init(&w->listen, c, w->guard.bound, why))
        return false;
    w->door = door_new(
        &(struct door_config){c->tokens, w->base_path, w->listen.port, w->listen.has_tls}, why);
    if (w->door == NULL)
        return false;
    mg_init_library(MG_FEATURES_DEFAULT);
    w->ctx = start_server(w, w->listen.options);
    if (w->ctx == NULL) {
        *why =
            mem_strdup("the web server did not start; run with --loglevel DEBUG to see its words");
        return false;
    }
    live_attach(w->live, w->ctx);
    if (!listen_start(&w->listen, w->ctx, w->front_secret, why))
        return false;
    warn_if_open(w);
    return true;
}

struct web *web_start(const struct web_config *c, struct bridge *b, char **why)
{
    char machine[GUARD_NAME_MAX] = "";
    struct web *w = mem_zalloc(sizeof *w);
    HANDLE_MADE(w, WEB_TAG);
    *why = NULL;
    w->bridge = b;
    w->live = live_new(b, &(struct live_door){may_stay, w});
    w->admission = admission_new();
    w->runs = runs_new(c->runs);
    w->audit = c->audit;
    w->wants_login = c->web_login;
    snprintf(w->secret, sizeof w->secret, "%s", c->secret != NULL ? c->secret : "");
    w->listen.fd = -1;
    secret_hex(w->front_secret, sizeof w->front_secret - 1);
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
    HANDLE_IS(w, WEB_TAG);
    return w->listen.port;
}

int web_inner_port(const struct web *w)
{
    HANDLE_IS(w, WEB_TAG);
    return w->listen.inner_port;
}

void web_stop(struct web *w)
{
    if (w == NULL)
        return;
    HANDLE_IS(w, WEB_TAG);
    if (w->live != NULL)
        live_stop(w->live);
    listen_stop(&w->listen);
    if (w->ctx != NULL)
        listen_end(&w->listen, w->ctx);
    live_free(w->live);
    admission_free(w->admission);
    door_free(w->door);
    runs_free(w->runs);
    HANDLE_ENDS(w);
    free(w);
}
