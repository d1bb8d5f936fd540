// SPDX-License-Identifier: MIT
/* locust: the routes that Locust has, with its parameters, keys and status codes, for scripts that
 * call them (docs/api.md). Numbers come from the newest view; tables with every column, task
 * ratios and logs are written by the main thread. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "master/web/compat.h"
#include "master/web/intake.h"
#include "master/data/json_out.h"
#include "master/web/reply.h"
#include "master/web/request.h"

#include <civetweb.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STOP_TIMEOUT_S 30

/* -- /swarm -- */

static void add_classes(struct json_out *j, char **classes)
{
    if (classes == NULL)
        return;
    json_out_open(j, "user_classes", '[');
    for (size_t i = 0; classes[i] != NULL; i++)
        json_out_text(j, NULL, classes[i]);
    json_out_close(j, ']');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct swarm_said {
    bool is_ok;
    const char *text, *host; /* host: NULL none */
    double run_time_s;       /* 0: not to be told */
    char **classes;          /* NULL: not to be told */
};

/* What Locust answers; status 200 also for a refusal. */
static int answer_swarm(struct request *r, const struct swarm_said *said)
{
    struct sbuf out = {0};
    struct json_out j;
    json_out_init(&j, &out);
    json_out_open(&j, NULL, '{');
    if (said->host != NULL)
        json_out_text(&j, "host", said->host);
    else
        json_out_float(&j, "host", NAN); /* null */
    json_out_text(&j, "message", said->text);
    if (said->run_time_s > 0)
        json_out_whole(&j, "run_time", said->run_time_s);
    json_out_bool(&j, "success", said->is_ok);
    add_classes(&j, said->classes);
    json_out_close(&j, '}');
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

/* The form of the body, whichever way it is encoded. */
static bool read_form(struct request *r, struct form *form, int *status)
{
    struct sbuf body = {0};
    const char *type = mg_get_header(r->conn, "Content-Type");
    bool is_parts = request_is_type(r, "multipart/form-data");
    memset(form, 0, sizeof *form);
    if (!is_parts && !request_is_type(r, "application/x-www-form-urlencoded")) {
        *status = reply_error(r->conn, 415, "",
                              "Send the fields of /swarm as application/x-www-form-urlencoded or "
                              "multipart/form-data.");
        return false;
    }
    bool is_ok = request_read(r, FORM_BODY_MAX, &body, status);
    if (is_ok) {
        const char *bytes = body.data != NULL ? body.data : "";
        is_ok = is_parts ? form_parse_parts(form, type, bytes, body.len)
                         : form_parse(form, bytes, body.len);
        if (!is_ok)
            *status = reply_error(r->conn, 400, "",
                                  is_parts ? "The parts of the form of /swarm are not well formed."
                                           : "The form of /swarm has a broken escape or too many "
                                             "fields.");
    }
    sbuf_fini(&body);
    return is_ok;
}

static char **copy_classes(char **from)
{
    size_t count = 0;
    while (from != NULL && from[count] != NULL)
        count++;
    char **to = count > 0 ? mem_zalloc((count + 1) * sizeof *to) : NULL;
    for (size_t i = 0; i < count; i++)
        to[i] = mem_strdup(from[i]);
    if (count > 0)
        qsort(to, count, sizeof *to, by_text);
    return to;
}

static char **all_classes(struct bridge *b)
{
    struct view *v = bridge_view(b);
    size_t count = v != NULL ? v->class_count : 0;
    char **names = mem_zalloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = mem_strdup(v->classes[i].name);
    if (count > 0)
        qsort(names, count, sizeof *names, by_text);
    if (v != NULL)
        view_unref(v);
    return names;
}

static void free_classes(char **classes)
{
    for (size_t i = 0; classes != NULL && classes[i] != NULL; i++)
        free(classes[i]);
    free(classes);
}

static int swarm(struct request *r, struct command *c)
{
    struct sbuf host = {0};
    double run_time_s = c->run_time_s;
    char **classes = copy_classes(c->user_classes);
    c->out = &host; // cppcheck-suppress autoVariables ; bridge_submit takes it and clears *c
    struct command_result result = bridge_submit(r->bridge, c, REQUEST_TIMEOUT_MS);
    bool is_plain = result.is_ok && !result.is_shaped;
    if (is_plain && result.is_picked && classes == NULL)
        classes = all_classes(r->bridge);
    const struct swarm_said said = {.is_ok = result.is_ok,
                                    .text = result.text,
                                    .host = host.data,
                                    .run_time_s = is_plain ? run_time_s : 0,
                                    .classes = is_plain && result.is_picked ? classes : NULL};
    int status = answer_swarm(r, &said);
    free_classes(classes);
    sbuf_fini(&host);
    return status;
}

/* Refused before the master was asked: the host is the one on show. */
static int refuse_swarm(struct request *r, const char *text)
{
    struct view *v = bridge_view(r->bridge);
    const char *host = v != NULL && v->host[0] != '\0' ? v->host : NULL;
    int status = answer_swarm(r, &(struct swarm_said){.text = text, .host = host});
    if (v != NULL)
        view_unref(v);
    return status;
}

static int post_swarm(struct request *r)
{
    int status;
    struct form form;
    struct command c;
    struct intake_error e;
    struct guard_request sender = request_sender(r);
    if (!guard_script_ok(&sender))
        return request_refuse_sender(r);
    if (!read_form(r, &form, &status)) {
        form_fini(&form);
        return status;
    }
    bool is_ok = intake_form(&form, request_has_shape(r), &c, &e);
    form_fini(&form);
    return is_ok ? swarm(r, &c) : refuse_swarm(r, e.text);
}

/* -- other commands -- */

/* Locust's /stop answers when the test has ended. */
static void wait_stopped(struct bridge *b)
{
    uint64_t tick = 0;
    const uint64_t until = clk_mono_ns() + STOP_TIMEOUT_S * UINT64_C(1000000000);
    while (clk_mono_ns() < until) {
        struct view *v = bridge_wait_view(b, tick, 1500);
        if (v == NULL)
            return;
        tick = v->tick;
        bool is_over = strcmp(v->state, "stopped") == 0 || strcmp(v->state, "ready") == 0;
        view_unref(v);
        if (is_over)
            return;
    }
}

static struct command_result submit_simple(struct request *r, enum command_kind kind)
{
    struct command c = {.kind = kind, .users = -1, .spawn_rate = -1, .run_time_s = -1};
    return bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
}

static int end_test(struct request *r)
{
    struct sbuf out = {0};
    struct json_out j;
    struct guard_request sender = request_sender(r);
    if (!guard_script_ok(&sender))
        return request_refuse_sender(r);
    struct command_result result = submit_simple(r, CMD_STOP);
    if (result.is_ok)
        wait_stopped(r->bridge);
    json_out_init(&j, &out);
    json_out_open(&j, NULL, '{');
    json_out_text(&j, "message", result.is_ok ? "Test stopped" : result.text);
    json_out_bool(&j, "success", result.is_ok);
    json_out_close(&j, '}');
    int status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int reset_stats(struct request *r)
{
    struct guard_request sender = request_sender(r);
    if (!guard_script_ok(&sender))
        return request_refuse_sender(r);
    struct command_result result = submit_simple(r, CMD_RESET);
    return result.is_ok ? reply_html(r->conn, 200, "ok") : request_answer_result(r, &result);
}

static int post_user(struct request *r)
{
    int status;
    struct sbuf body = {0};
    struct guard_request sender = request_sender(r);
    if (!guard_script_ok(&sender))
        return request_refuse_sender(r);
    bool is_ok = request_read(r, FORM_BODY_MAX, &body, &status);
    if (is_ok) {
        struct command c = {.kind = CMD_USER_CLASS};
        sbuf_adds(&body, "");
        c.json = sbuf_take(&body);
        struct command_result result = bridge_submit(r->bridge, &c, REQUEST_TIMEOUT_MS);
        struct sbuf out = {0};
        sbuf_adds(&out, "{}\n");
        status = result.is_ok ? reply_json(r->conn, 201, &out)
                              : reply_error(r->conn, 400, result.field, result.text);
        sbuf_fini(&out);
    }
    sbuf_fini(&body);
    return status;
}

/* -- reading -- */

static int get_requests(struct request *r)
{
    return request_answer_view(r, compat_requests);
}

static int get_exceptions(struct request *r)
{
    return request_answer_view(r, compat_exceptions);
}

static int get_worker_count(struct request *r)
{
    return request_answer_view(r, compat_worker_count);
}

static int answer_json(struct request *r, enum document document)
{
    int status;
    struct sbuf out = {0};
    if (request_render(r, document, &out, &status))
        status = reply_json(r->conn, 200, &out);
    sbuf_fini(&out);
    return status;
}

static int get_tasks(struct request *r)
{
    return answer_json(r, DOCUMENT_TASKS);
}

static int get_logs(struct request *r)
{
    return answer_json(r, DOCUMENT_LOGS);
}

static int send_csv(struct request *r, const struct view *v, const char *suffix, struct sbuf *text)
{
    struct sbuf name = {0};
    compat_file_name(v, suffix, &name);
    int status = reply_download(r->conn, "text/csv", name.data, text);
    sbuf_fini(&name);
    return status;
}

static int answer_csv(struct request *r, enum document document, const char *suffix)
{
    int status;
    struct sbuf out = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    if (request_render(r, document, &out, &status))
        status = send_csv(r, v, suffix, &out);
    view_unref(v);
    sbuf_fini(&out);
    return status;
}

static int get_requests_csv(struct request *r)
{
    return answer_csv(r, DOCUMENT_REQUESTS_CSV, "_requests.csv");
}

static int get_failures_csv(struct request *r)
{
    return answer_csv(r, DOCUMENT_FAILURES_CSV, "_failures.csv");
}

static int get_exceptions_csv(struct request *r)
{
    return answer_csv(r, DOCUMENT_EXCEPTIONS_CSV, "_exceptions.csv");
}

/* Here and not by the main thread: a slow disk delays who asks, and not the run. */
static int get_history_csv(struct request *r)
{
    struct sbuf name = {0};
    struct view *v = request_view(r);
    if (v == NULL)
        return 503;
    int status;
    const int fd = v->history_file[0] != '\0' ? open(v->history_file, O_RDONLY | O_CLOEXEC) : -1;
    compat_file_name(v, "_requests_full_history.csv", &name);
    if (v->history_file[0] == '\0')
        status = reply_text(r->conn, 404,
                            "Error: Server was not started with option to generate full history.");
    else if (fd < 0)
        status = reply_text(r->conn, 500, "Error: The history file cannot be read.");
    else
        status = reply_file(r->conn, "text/csv", name.data, fd);
    if (fd >= 0)
        close(fd);
    view_unref(v);
    sbuf_fini(&name);
    return status;
}

/* Where the host has no login page of its own: see web.c. */
static int get_login(struct request *r)
{
    return reply_found(r->conn, "./");
}

static const struct route ROUTES[] = {
    {"POST", "/swarm", post_swarm},
    {"GET, POST", "/stop", end_test}, /* Locust 2.47 takes POST only, older ones GET only */
    {"GET, POST", "/stats/reset", reset_stats},
    {"GET", "/stats/requests", get_requests},
    {"GET", "/stats/requests/csv", get_requests_csv},
    {"GET", "/stats/requests_full_history/csv", get_history_csv},
    {"GET", "/stats/failures/csv", get_failures_csv},
    {"GET", "/exceptions", get_exceptions},
    {"GET", "/exceptions/csv", get_exceptions_csv},
    {"GET", "/tasks", get_tasks},
    {"GET", "/logs", get_logs},
    {"GET", "/worker-count", get_worker_count},
    {"POST", "/user", post_user},
    {"GET", "/login", get_login},
};
const struct routes locust_routes = {ROUTES, sizeof ROUTES / sizeof ROUTES[0]};
