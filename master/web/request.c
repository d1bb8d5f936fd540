// SPDX-License-Identifier: MIT
/* request: see request.h. */
#include "master/web/request.h"

#include "master/web/reply.h"
#include "master/web/runs.h"

#include <civetweb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct guard_request request_sender(const struct request *r)
{
    return (struct guard_request){.host = mg_get_header(r->conn, "Host"),
                                  .origin = mg_get_header(r->conn, "Origin"),
                                  .referer = mg_get_header(r->conn, "Referer"),
                                  .fetch_site = mg_get_header(r->conn, "Sec-Fetch-Site"),
                                  .user_agent = mg_get_header(r->conn, "User-Agent")};
}

static struct view *stored_view(struct request *r)
{
    struct runs_trouble trouble = {0};
    struct view *v = runs_view(r->runs, r->piece, &trouble);
    if (v == NULL)
        reply_error(r->conn, trouble.status, "", trouble.text);
    free(trouble.text);
    return v;
}

struct view *request_view(struct request *r)
{
    if (r->piece[0] != '\0')
        return stored_view(r);
    struct view *v = bridge_view(r->bridge);
    if (v == NULL)
        reply_error(r->conn, 503, "", "The master is still starting. Try again in a second.");
    return v;
}

int request_answer_view(struct request *r, void (*write)(const struct view *v, struct sbuf *out))
{
    struct sbuf out = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    write(v, &out);
    view_unref(v);
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

bool request_has_shape(struct request *r)
{
    struct view *v = bridge_view(r->bridge);
    bool shape = v != NULL && v->has_shape;
    if (v != NULL)
        view_unref(v);
    return shape;
}

bool request_is_type(const struct request *r, const char *type)
{
    const char *given = mg_get_header(r->conn, "Content-Type");
    size_t len = strlen(type);
    return given != NULL && strncasecmp(given, type, len) == 0 &&
           (given[len] == '\0' || given[len] == ';' || given[len] == ' ');
}

static int take_early(struct request *r, size_t max, struct sbuf *body)
{
    if (r->early.len > max)
        return 413;
    *body = r->early;
    r->early = (struct sbuf){0};
    return 0;
}

bool request_read(struct request *r, size_t max, struct sbuf *body, int *status)
{
    const char *text = "The body ended early.";
    *status = r->has_early ? take_early(r, max, body) : reply_read_body(r->conn, max, body);
    if (*status == 0) {
        sbuf_clear(&r->said);
        sbuf_add(&r->said, body->data, body->len);
        return true;
    }
    if (*status == 413)
        text = "The body is too large.";
    else if (*status == 411)
        text = "Send the body with a Content-Length.";
    reply_error(r->conn, *status, "", text);
    return false;
}

bool request_is_command(struct request *r, int *status)
{
    struct guard_request sender = request_sender(r);
    const char *mark = mg_get_header(r->conn, "X-Katydid");
    if (!guard_page_ok(&sender))
        *status = request_refuse_sender(r);
    else if (mark == NULL || strcmp(mark, "1") != 0)
        *status = reply_error(r->conn, 403, "", "Commands need the header \"X-Katydid: 1\".");
    else
        return true;
    return false;
}

bool request_command(struct request *r, size_t max, struct sbuf *body, int *status)
{
    if (!request_is_command(r, status))
        return false;
    if (request_is_type(r, "application/json"))
        return request_read(r, max, body, status);
    *status = reply_error(r->conn, 415, "", "Commands are JSON: send it as application/json.");
    return false;
}

bool request_render(struct request *r, enum document document, struct sbuf *out, int *status)
{
    struct command c = {.kind = CMD_RENDER, .document = document, .out = out};
    struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    *status = result.is_ok ? 200 : 503;
    if (!result.is_ok)
        reply_error(r->conn, 503, "", result.text);
    return result.is_ok;
}

int request_refuse_sender(struct request *r)
{
    return reply_error(r->conn, 403, "",
                       "Commands are taken from Katydid's own page and from programs, not from "
                       "other sites.");
}

int request_status(const struct command_result *result)
{
    if (result->status != 0)
        return result->status;
    if (result->is_ok)
        return 200;
    return result->field[0] != '\0' ? 400 : 409;
}

int request_answer_result(struct request *r, const struct command_result *result)
{
    struct sbuf out = {0};
    if (!result->is_ok)
        return reply_error(r->conn, request_status(result), result->field, result->text);
    sbuf_adds(&out, "{\"ok\":true,\"text\":");
    sbuf_add_json(&out, result->text, strlen(result->text));
    sbuf_adds(&out, "}\n");
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}
