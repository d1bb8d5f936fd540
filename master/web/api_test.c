// SPDX-License-Identifier: MIT
/* api_test: what is tested, before a test: the locustfile, one user tried once, a form checked. */
#include "master/web/intake.h"
#include "master/web/reply.h"
#include "master/web/request.h"

#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_BODY_MAX 65536
#define WRONG_MAX 16 /* fields of a form that are told at once */

static int answer_document(struct request *r, enum document document)
{
    struct sbuf out = {0};
    int status;
    if (request_render(r, document, &out, &status))
        status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int get_script(struct request *r)
{
    return answer_document(r, DOCUMENT_SCRIPT);
}

/* {"ok":…} with the host's answer, or its error, whole. */
static int answer_host(struct request *r, int status, const struct command_result *result,
                       struct sbuf *said)
{
    struct sbuf out = {0};
    sbuf_addf(&out, "{\"ok\":%s", result->is_ok ? "true" : "false");
    if (!result->is_ok) {
        const char *error = said->len ? said->data : result->text;
        sbuf_adds(&out, ",\"field\":");
        sbuf_add_json(&out, result->field, strlen(result->field));
        sbuf_adds(&out, ",\"error\":");
        sbuf_add_json(&out, error, strlen(error));
        sbuf_addc(&out, '}');
    } else if (said->len > 2) { /* its members go on where ours end */
        sbuf_addc(&out, ',');
        sbuf_add(&out, said->data + 1, said->len - 1);
    } else {
        sbuf_addc(&out, '}');
    }
    sbuf_addc(&out, '\n');
    reply_json(r->conn, status, &out);
    sbuf_fini(&out);
    return status;
}

static int ask(struct request *r, enum command_kind kind, enum intake_question question)
{
    struct sbuf body = {0}, said = {0};
    struct intake_error e;
    int status;
    if (!request_command(r, TRY_BODY_MAX, &body, &status)) {
        sbuf_fini(&body);
        return status;
    }
    if (body.len == 0)
        sbuf_adds(&body, "{}");
    if (!intake_ask(question, body.data, body.len, &e)) {
        sbuf_fini(&body);
        return reply_error(r->conn, 400, e.field, e.text);
    }
    struct command c = {.kind = kind, .out = &said, .json = sbuf_take(&body)};
    struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    status = answer_host(r, request_status(&result), &result, &said);
    sbuf_fini(&body);
    sbuf_fini(&said);
    return status;
}

static int post_try(struct request *r)
{
    return ask(r, CMD_TRY, INTAKE_TRY);
}

static int post_reload(struct request *r)
{
    return ask(r, CMD_RELOAD, INTAKE_RELOAD);
}

static int post_ping(struct request *r)
{
    return ask(r, CMD_PING, INTAKE_PING);
}

/* What the master finds wrong with the rest, unless the field is blamed already. */
static size_t check_rest(struct request *r, struct command *c, struct intake_error *wrong,
                         size_t count)
{
    struct command_result result = bridge_submit(r->bridge, c, REQUEST_TIMEOUT_MS);
    if (result.is_ok)
        return count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(wrong[i].field, result.field) == 0)
            return count;
    snprintf(wrong[count].field, sizeof wrong[count].field, "%s", result.field);
    snprintf(wrong[count].text, sizeof wrong[count].text, "%.255s", result.text);
    return count + 1;
}

static void add_wrong(struct sbuf *out, const struct intake_error *e)
{
    sbuf_adds(out, "\"field\":");
    sbuf_add_json(out, e->field, strlen(e->field));
    sbuf_adds(out, ",\"error\":");
    sbuf_add_json(out, e->text, strlen(e->text));
}

static int answer_check(struct request *r, const struct intake_error *wrong, size_t count)
{
    struct sbuf out = {0};
    sbuf_adds(&out, count == 0 ? "{\"ok\":true" : "{\"ok\":false,");
    if (count > 0) {
        add_wrong(&out, &wrong[0]);
        sbuf_adds(&out, ",\"errors\":[");
        for (size_t i = 0; i < count; i++) {
            sbuf_adds(&out, i > 0 ? ",{" : "{");
            add_wrong(&out, &wrong[i]);
            sbuf_addc(&out, '}');
        }
        sbuf_addc(&out, ']');
    }
    sbuf_adds(&out, "}\n");
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

/* The rules of start, all of them, and no start. */
static int post_check(struct request *r)
{
    struct sbuf body = {0};
    struct command c;
    struct intake_error wrong[WRONG_MAX + 1];
    int status;
    if (!request_command(r, INTAKE_BODY_MAX, &body, &status)) {
        sbuf_fini(&body);
        return status;
    }
    size_t count = intake_check(body.data, body.len, request_has_shape(r), &c, wrong, WRONG_MAX);
    sbuf_fini(&body);
    if (count == 1 && wrong[0].field[0] == '\0')
        command_fini(&c);
    else
        count = check_rest(r, &c, wrong, count);
    return answer_check(r, wrong, count);
}

/* How texts of thresholds are understood: each, or what is wrong with it. */
static int post_thresholds(struct request *r)
{
    struct sbuf body = {0}, out = {0};
    int status;
    if (!request_command(r, INTAKE_BODY_MAX, &body, &status)) {
        sbuf_fini(&body);
        return status;
    }
    struct command c = {
        .kind = CMD_RENDER, .document = DOCUMENT_THRESHOLDS, .out = &out, .json = sbuf_take(&body)};
    const struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    status = result.is_ok
                 ? reply_json(r->conn, 200, &out)
                 : reply_error(r->conn, request_status(&result), result.field, result.text);
    sbuf_fini(&body);
    sbuf_fini(&out);
    return status;
}

static int post_scenario(struct request *r)
{
    struct sbuf body = {0};
    int status;
    if (!request_command(r, INTAKE_BODY_MAX, &body, &status)) {
        sbuf_fini(&body);
        return status;
    }
    struct command c = {.kind = CMD_SCENARIO, .json = sbuf_take(&body)};
    const struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
    return request_answer_result(r, &result);
}

static const struct route ROUTES[] = {
    {"POST", "/api/v1/scenario", post_scenario}, {"POST", "/api/v1/thresholds", post_thresholds},
    {"GET", "/api/v1/script", get_script},       {"POST", "/api/v1/try", post_try},
    {"POST", "/api/v1/reload", post_reload},     {"POST", "/api/v1/check", post_check},
    {"POST", "/api/v1/ping", post_ping},
};
const struct routes test_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
