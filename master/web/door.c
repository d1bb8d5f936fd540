// SPDX-License-Identifier: MIT
/* door: see door.h. Tokens are taken from a header and from a form's body, and from no address:
 * addresses are kept by histories, proxies and logs. */
#include "master/web/door.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/web/reply.h"
#include "master/web/request.h"
#include "master/web/route.h"

#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOGIN_PATH "/login"
#define SIGN_IN_BODY_MAX 4096
#define DOOR_TAG 0x646f6f72u /* "door" */

struct door {
    uint32_t tag;
    struct access *access; /* NULL: nobody is asked */
    char cookie[32];       /* its name */
    char base_path[128];
    bool has_tls;
};

struct door *door_new(const struct door_config *c, char **why)
{
    struct door *d = mem_zalloc(sizeof *d);
    HANDLE_MADE(d, DOOR_TAG);
    snprintf(d->cookie, sizeof d->cookie, "katydid_%d", c->port);
    snprintf(d->base_path, sizeof d->base_path, "%s", c->base_path);
    d->has_tls = c->has_tls;
    if (c->tokens != NULL)
        d->access = access_new(c->tokens, why);
    if (c->tokens == NULL || d->access != NULL)
        return d;
    door_free(d);
    return NULL;
}

void door_free(struct door *d)
{
    if (d == NULL)
        return;
    HANDLE_IS(d, DOOR_TAG);
    access_free(d->access);
    HANDLE_ENDS(d);
    free(d);
}

bool door_asks(const struct door *d)
{
    HANDLE_IS(d, DOOR_TAG);
    return d->access != NULL;
}

/* -- cookies -- */

static const char *session_of(const struct door *d, struct mg_connection *conn, char *to,
                              size_t size)
{
    const char *cookies = mg_get_header(conn, "Cookie");
    if (cookies == NULL || mg_get_cookie(cookies, d->cookie, to, size) <= 0)
        return NULL;
    return to;
}

static void add_cookie(const struct door *d, struct sbuf *headers, const char *value)
{
    sbuf_addf(headers, "Set-Cookie: %s=%s; Path=%s/; HttpOnly; SameSite=Lax%s%s\r\n", d->cookie,
              value, d->base_path, d->has_tls ? "; Secure" : "",
              value[0] == '\0' ? "; Max-Age=0" : "");
}

char *door_other_cookies(const struct door *d, const char *header)
{
    struct sbuf kept = {0};
    const size_t name = strlen(d->cookie);
    while (*header != '\0') {
        header += strspn(header, "; ");
        const size_t len = strcspn(header, ";");
        if (len > 0 && (strncmp(header, d->cookie, name) != 0 || header[name] != '=')) {
            sbuf_adds(&kept, kept.len > 0 ? "; " : "");
            sbuf_add(&kept, header, len);
        }
        header += len;
    }
    return kept.len > 0 ? sbuf_take(&kept) : NULL;
}

/* -- the form -- */

static const char STYLE[] =
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif;--page:#f5f6f8;--panel:#fff;"
    "--line:#8a94a3;--ink:#14171c;--accent:#0067a5;--accent-ink:#fff;--error:#b3261e;"
    "--edge:#dfe3e8}"
    "@media(prefers-color-scheme:dark){:root{--page:#0d0f12;--panel:#14181d;--line:#6b7686;"
    "--ink:#e8ebef;--accent:#56b4f0;--accent-ink:#06141f;--error:#ff8a80;--edge:#2a3038}}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--page);"
    "color:var(--ink)}"
    "main{box-sizing:border-box;width:min(24rem,92vw);padding:1.5rem;background:var(--panel);"
    "border:1px solid var(--edge);border-radius:.5rem}"
    "h1{margin:0 0 1rem;font-size:1.375rem}"
    "input,button{box-sizing:border-box;display:block;width:100%;min-height:2.5rem;"
    "padding:.375rem .75rem;font:inherit;color:var(--ink);background:var(--panel);"
    "border:1px solid var(--line);border-radius:.375rem}"
    "button{margin-top:1rem;cursor:pointer;color:var(--accent-ink);background:var(--accent);"
    "border-color:var(--accent)}"
    ":focus-visible{outline:2px solid var(--accent);outline-offset:2px}"
    "p{border-left:.25rem solid var(--error);padding-left:.75rem}";

/* A browser that may tell no referrer would send the form from the origin "null", which is nobody's
 * (guard.h). error: "" none; ours, and needs no escapes. */
static int show_form(struct request *r, int status, const char *more, const char *error)
{
    char nonce[33];
    struct sbuf headers = {0}, html = {0};
    secret_hex(nonce, sizeof nonce - 1);
    sbuf_addf(&headers,
              "Content-Security-Policy: default-src 'none'; style-src 'nonce-%s'; form-action "
              "'self'; base-uri 'none'; frame-ancestors 'none'\r\n%s",
              nonce, more);
    sbuf_addf(&html,
              "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in · "
              "Katydid</title><meta name=\"viewport\" content=\"width=device-width, "
              "initial-scale=1\"><meta name=\"referrer\" "
              "content=\"same-origin\"><style nonce=\"%s\">%s</style></head><body><main>"
              "<h1>Katydid</h1>",
              nonce, STYLE);
    if (error[0] != '\0')
        sbuf_addf(&html, "<p role=\"alert\">%s</p>", error);
    sbuf_adds(&html, "<form method=\"post\" action=\"login\"><label>Token<input type=\"password\" "
                     "name=\"token\" autocomplete=\"current-password\" required autofocus></label>"
                     "<button type=\"submit\">Sign in</button></form></main></body></html>\n");
    reply_html_with(r->conn, status, headers.data, html.data);
    sbuf_fini(&headers);
    sbuf_fini(&html);
    return status;
}

/* -- who is not let in -- */

#define SIGN_IN_WORDS                                                                              \
    "Sign in first: send a token of --web-token in the header \"Authorization: Bearer "            \
    "TOKEN\", or open the page in a browser."
#define WRONG_WORDS "This token is not known here."

static int refuse_early(struct request *r, int wait_s, bool is_form)
{
    char headers[48], text[96];
    snprintf(headers, sizeof headers, "Retry-After: %d\r\n", wait_s);
    snprintf(text, sizeof text, "Too many attempts with wrong tokens. Try again in %d s.", wait_s);
    return is_form ? show_form(r, 429, headers, text)
                   : reply_error_with(r->conn, 429, headers, "", text);
}

static bool is_of_browser(const struct request *r)
{
    const char *accept = mg_get_header(r->conn, "Accept");
    return route_is_read(r->method) && accept != NULL && strstr(accept, "text/html") != NULL;
}

static int refuse(struct door *d, struct request *r, bool is_failed)
{
    if (!is_failed && is_of_browser(r)) {
        char to[sizeof d->base_path + sizeof LOGIN_PATH];
        snprintf(to, sizeof to, "%s" LOGIN_PATH, d->base_path);
        return reply_found(r->conn, to);
    }
    return reply_error_with(r->conn, 401, "WWW-Authenticate: Bearer realm=\"katydid\"\r\n", "",
                            is_failed ? WRONG_WORDS : SIGN_IN_WORDS);
}

/* -- signing in and out -- */

/* The token of a form; NULL, and *status after an answer was sent. */
static const char *sent_token(struct request *r, struct sbuf *body, struct form *form, int *status)
{
    struct guard_request sender = request_sender(r);
    if (!guard_page_ok(&sender)) {
        *status = request_refuse_sender(r);
        return NULL;
    }
    if (!request_read(r, SIGN_IN_BODY_MAX, body, status))
        return NULL;
    const bool is_form = request_is_type(r, "application/x-www-form-urlencoded");
    const char *token = is_form && form_parse(form, body->data != NULL ? body->data : "", body->len)
                            ? form_get(form, "token")
                            : NULL;
    if (token == NULL)
        *status = show_form(r, 400, "", "Give a token.");
    return token;
}

static int sign_in(struct door *d, struct request *r)
{
    char session[2 * ACCESS_ID + 1];
    struct sbuf body = {0}, headers = {0};
    struct form form = {0};
    int status = 0;
    const char *token = sent_token(r, &body, &form, &status);
    if (token != NULL) {
        struct access_verdict v = access_sign_in(d->access, token, r->client, session);
        r->who = v.who;
        r->is_failed = v.is_failed;
        if (v.wait_s > 0) {
            status = refuse_early(r, v.wait_s, true);
        } else if (v.is_failed) {
            status = show_form(r, 401, "", WRONG_WORDS);
        } else {
            add_cookie(d, &headers, session);
            status = reply_see_other(r->conn, "./", headers.data);
        }
    }
    explicit_bzero(session, sizeof session);
    sbuf_clear(&r->said);
    sbuf_fini(&headers);
    sbuf_fini(&body);
    form_fini(&form);
    return status;
}

static int post_login(struct request *r)
{
    return door_asks(r->door) ? sign_in(r->door, r) : reply_method(r->conn, "GET, HEAD, OPTIONS");
}

void door_add_who(const struct request *r, struct sbuf *out)
{
    sbuf_addf(out, "{\"role\":\"%s\",\"name\":\"%s\",\"asks\":%s}", role_word(r->who.role),
              r->who.name, door_asks(r->door) ? "true" : "false");
}

static int get_session(struct request *r)
{
    struct sbuf out = {0};
    door_add_who(r, &out);
    sbuf_addc(&out, '\n');
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int delete_session(struct request *r)
{
    char session[2 * ACCESS_ID + 2];
    struct sbuf headers = {0};
    int status;
    if (!request_is_command(r, &status))
        return status;
    if (door_asks(r->door) && session_of(r->door, r->conn, session, sizeof session) != NULL)
        access_sign_out(r->door->access, session);
    add_cookie(r->door, &headers, "");
    struct sbuf out = {0};
    sbuf_adds(&out, "{\"ok\":true,\"text\":\"Signed out.\"}\n");
    status = reply_json_with(r->conn, 200, headers.data, &out);
    sbuf_fini(&out);
    sbuf_fini(&headers);
    return status;
}

static const struct route ROUTES[] = {
    {"POST", "/login", post_login},
    {"GET", "/api/v1/session", get_session},
    {"DELETE", "/api/v1/session", delete_session},
};
const struct routes door_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};

/* -- the check -- */

static struct access_verdict check(struct door *d, const struct request *r)
{
    char session[2 * ACCESS_ID + 2];
    struct access_shown shown = {.authorization = mg_get_header(r->conn, "Authorization"),
                                 .session = session_of(d, r->conn, session, sizeof session),
                                 .address = r->client};
    return access_check(d->access, &shown);
}

/* What a stranger may have is answered here, and nothing of it is asked of the locustfile. */
static int serve_stranger(struct door *d, struct request *r, bool is_failed)
{
    const char *path = r->path != NULL ? r->path : "";
    if (strcmp(path, LOGIN_PATH) == 0 && strcmp(r->method, "POST") == 0)
        return sign_in(d, r);
    if (strcmp(path, LOGIN_PATH) == 0 && route_is_read(r->method))
        return show_form(r, 200, "", "");
    const struct asset *asset =
        route_is_read(r->method) && strncmp(path, "/assets/", 8) == 0 ? asset_find(path) : NULL;
    return asset != NULL ? reply_asset(r->conn, asset) : refuse(d, r, is_failed);
}

int door_admit(struct request *r)
{
    struct door *d = r->door;
    HANDLE_IS(d, DOOR_TAG);
    if (d->access == NULL) {
        r->who.role = ROLE_RUN;
        return 0;
    }
    struct access_verdict v = check(d, r);
    r->who = v.who;
    r->is_by_header = v.by_header;
    r->is_failed = v.is_failed;
    if (v.wait_s > 0)
        return refuse_early(r, v.wait_s, false);
    return v.who.role != ROLE_NONE ? 0 : serve_stranger(d, r, v.is_failed);
}

bool door_still_admits(const struct request *r)
{
    struct door *d = r->door;
    HANDLE_IS(d, DOOR_TAG);
    return d->access == NULL || check(d, r).who.role != ROLE_NONE;
}

int door_check_role(const struct request *r, bool is_change)
{
    const char *path = r->path != NULL ? r->path : "";
    if (!is_change || r->who.role == ROLE_RUN || strcmp(path, LOGIN_PATH) == 0 ||
        strcmp(path, SESSION_PATH) == 0)
        return 0;
    return reply_error(r->conn, 403, "",
                       "This token may look, but not start, stop or change anything: that takes "
                       "one of the role run.");
}
