// SPDX-License-Identifier: MIT
/* Incoming messages. Each parser fills its part of struct message and says whether the data had
 * the shape of the type; what it allocated before a refusal is released by proto_parse. */
#include "common/base/mem.h"
#include "master/proto/proto_script.h"
#include "master/proto/proto_walk.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CLASSES 100000u
#define MAX_CLASS_NAME 1000
#define MAX_SCENARIOS 10000u
#define MAX_JOURNALS 64u
#define MAX_USERS 100000000u /* of one worker */
#define MAX_CONSTANTS 1000u  /* and values of one */

static bool parse_users(const msgpack_object *data, struct users_report *out)
{
    const msgpack_object *counts = proto_get(data, "user_classes_count");
    if (!counts || counts->type != MSGPACK_OBJECT_MAP || counts->via.map.size > MAX_CLASSES)
        return false;
    out->classes = mem_zalloc((counts->via.map.size + (size_t)1) * sizeof *out->classes);
    for (uint32_t i = 0; i < counts->via.map.size; i++) {
        const msgpack_object_kv *kv = &counts->via.map.ptr[i];
        uint64_t users = proto_unsigned(&kv->val, UINT64_MAX);
        if (kv->key.type != MSGPACK_OBJECT_STR || kv->key.via.str.size > MAX_CLASS_NAME ||
            users > MAX_USERS - out->total)
            return false;
        out->classes[out->count++] = (struct class_users){proto_text(&kv->key), (unsigned)users};
        out->total += (unsigned)users;
    }
    return true;
}

static void users_fini(struct users_report *u)
{
    for (size_t i = 0; i < u->count; i++)
        free(u->classes[i].name);
    free(u->classes);
}

/* -1: boomer and locust4j, which have no Locust version. Falsy: Locust before 2.0. */
static bool parse_ready(const msgpack_object *data, struct message *m)
{
    struct message_ready *r = &m->ready;
    if (data->type == MSGPACK_OBJECT_STR) {
        if (!proto_copy(data, r->version, sizeof r->version))
            return false;
        r->is_accepted = r->version[0] != 0;
        r->is_katydid = strstr(r->version, "+katydid.") != NULL;
        return true;
    }
    r->is_accepted = proto_number(data, 0) == -1.0;
    return true;
}

#define HEALTH_MAX 1e9 /* beyond which no number means anything */

static double health_of(const msgpack_object *map, const char *key, double otherwise)
{
    return fmin(proto_number(proto_get(map, key), otherwise), HEALTH_MAX);
}

static bool parse_heartbeat(const msgpack_object *data, struct message *m)
{
    struct message_heartbeat *h = &m->heartbeat;
    h->cpu_percent = health_of(data, "current_cpu_usage", 0);
    h->memory_bytes = proto_unsigned(proto_get(data, "current_memory_usage"), 0);
    h->order = proto_unsigned(proto_get(data, "order"), 0);
    h->shares = proto_unsigned(proto_get(data, "shares"), UINT64_MAX);
    h->clock = fmax(proto_number(proto_get(data, "clock"), 0), 0);
    h->clock_error_ms = health_of(data, "clock_error_ms", -1);
    proto_copy(proto_get(data, "token"), m->token, sizeof m->token);
    return proto_copy(proto_get(data, "state"), h->state, sizeof h->state);
}

static struct slice bin_of(const msgpack_object *o)
{
    bool is_bin = o && o->type == MSGPACK_OBJECT_BIN;
    return is_bin ? (struct slice){o->via.bin.ptr, o->via.bin.size} : (struct slice){0};
}

/* A list of lists of numbers; what else it is, is none. */
static void parse_told(const msgpack_object *list, struct message_stats *s)
{
    if (!list || list->type != MSGPACK_OBJECT_ARRAY || list->via.array.size > MAX_SCENARIOS)
        return;
    s->scenarios = mem_zalloc((list->via.array.size + (size_t)1) * sizeof *s->scenarios);
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *each = &list->via.array.ptr[i];
        struct told_iterations *told = &s->scenarios[s->scenario_count++];
        if (each->type != MSGPACK_OBJECT_ARRAY || each->via.array.size < ITERATIONS_TOLD + 2)
            continue;
        const msgpack_object *numbers = each->via.array.ptr;
        for (int n = 0; n < ITERATIONS_TOLD; n++)
            told->told[n] = proto_unsigned(&numbers[n], 0);
        told->users = (uint32_t)proto_unsigned(&numbers[ITERATIONS_TOLD], 0);
        told->waiting = (uint32_t)proto_unsigned(&numbers[ITERATIONS_TOLD + 1], 0);
        if (each->via.array.size > ITERATIONS_TOLD + 2)
            told->busy = (uint32_t)proto_unsigned(&numbers[ITERATIONS_TOLD + 2], 0);
        if (each->via.array.size > ITERATIONS_TOLD + 3)
            told->most_waiting = (uint32_t)proto_unsigned(&numbers[ITERATIONS_TOLD + 3], 0);
    }
}

static void parse_journals(const msgpack_object *list, struct told_journals *all)
{
    if (!list || list->type != MSGPACK_OBJECT_ARRAY || list->via.array.size > MAX_JOURNALS)
        return;
    all->list = mem_zalloc((list->via.array.size + (size_t)1) * sizeof *all->list);
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *each = &list->via.array.ptr[i];
        struct told_journal *told = &all->list[all->count++];
        if (each->type != MSGPACK_OBJECT_ARRAY || each->via.array.size < 3)
            continue;
        told->written = proto_unsigned(&each->via.array.ptr[0], 0);
        told->dropped = proto_unsigned(&each->via.array.ptr[1], 0);
        told->trouble = proto_text(&each->via.array.ptr[2]);
        told->offered = told->written + told->dropped;
        if (each->via.array.size > 3)
            told->offered = proto_unsigned(&each->via.array.ptr[3], 0);
    }
}

static void journals_fini(struct told_journals *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->list[i].trouble);
    free(all->list);
}

static bool parse_iterations(const msgpack_object *data, struct message *m)
{
    struct message_iterations *it = &m->iterations;
    it->scenario = proto_unsigned(proto_get(data, "scenario"), UINT64_MAX);
    it->started = proto_unsigned(proto_get(data, "started"), 0);
    it->done = proto_unsigned(proto_get(data, "done"), 0);
    it->wanted = proto_unsigned(proto_get(data, "wanted"), 0);
    return proto_copy(proto_get(data, "run"), it->run, sizeof it->run);
}

static bool parse_spans(const msgpack_object *data, struct message *m)
{
    struct message_spans *s = &m->spans;
    s->number = proto_unsigned(proto_get(data, "number"), 0);
    s->count = proto_unsigned(proto_get(data, "count"), 0);
    s->dropped = proto_unsigned(proto_get(data, "dropped"), 0);
    s->spans = bin_of(proto_get(data, "spans"));
    return proto_copy(proto_get(data, "run"), s->run, sizeof s->run) &&
           proto_copy(proto_get(data, "sender"), s->sender, sizeof s->sender);
}

static bool parse_stats(const msgpack_object *data, struct message *m)
{
    struct message_stats *s = &m->stats;
    if (data->type != MSGPACK_OBJECT_MAP)
        return false;
    if (proto_get(data, "user_classes_count") && !parse_users(data, &s->users))
        return false;
    const msgpack_object *own = proto_get(data, "katydid");
    s->sent_at =
        proto_number(proto_get(proto_get(data, "stats_total"), "last_request_timestamp"), 0);
    if (!own)
        return true;
    const msgpack_object *report = proto_get(own, "report");
    const msgpack_object *health = proto_get(own, "health");
    if (!report || report->type != MSGPACK_OBJECT_BIN)
        return false;
    s->is_katydid = true;
    s->report = bin_of(report);
    s->names = bin_of(proto_get(own, "names"));
    s->series = bin_of(proto_get(own, "series"));
    s->series_names = bin_of(proto_get(own, "series_names"));
    s->anew = bin_of(proto_get(own, "anew"));
    s->written = bin_of(proto_get(own, "written"));
    s->seq = proto_unsigned(proto_get(own, "seq"), 0);
    s->sent_at = proto_number(proto_get(own, "t"), 0);
    s->cpu_percent = health_of(health, "cpu", 0);
    s->memory_bytes = proto_unsigned(proto_get(health, "memory"), 0);
    s->lag_ms = health_of(health, "lag_ms", 0);
    s->lag_p99_ms = health_of(health, "lag_p99_ms", -1);
    s->fds = health_of(health, "fds", -1);
    s->connections = health_of(health, "connections", -1);
    s->cores = fmax(health_of(health, "cpu_limit", 0), 0);
    s->throttled = fmax(health_of(health, "throttled", 0), 0);
    s->starved = health_of(health, "starved", -1);
    s->late_starts = fmax(health_of(health, "late_starts", 0), 0);
    proto_copy(proto_get(own, "token"), m->token, sizeof m->token);
    parse_told(proto_get(own, "scenarios"), s);
    parse_journals(proto_get(own, "journals"), &s->journals);
    const msgpack_object *run = proto_get(own, "run");
    if (run && run->type != MSGPACK_OBJECT_NIL && !proto_copy(run, s->run, sizeof s->run))
        return false;
    return s->seq > 0 && proto_copy(proto_get(own, "epoch"), s->epoch, sizeof s->epoch);
}

static bool parse_spawned(const msgpack_object *data, struct message *m)
{
    return parse_users(data, &m->spawned);
}

static bool parse_exception(const msgpack_object *data, struct message *m)
{
    m->exception.message = proto_text(proto_get(data, "msg"));
    m->exception.traceback = proto_text(proto_get(data, "traceback"));
    const msgpack_object *code = proto_get(data, "exit_code");
    m->exception.has_ended = code != NULL;
    m->exception.exit_code = (int)(proto_unsigned(code, 1) & 255);
    return m->exception.message && m->exception.traceback;
}

static bool parse_call(const msgpack_object *data, struct message *m)
{
    struct message_call *c = &m->call;
    const msgpack_object *method = proto_get(data, "method");
    static const struct {
        const char *name;
        enum call_method method;
    } plain[] = {{"stop", CALL_STOP},
                 {"quit", CALL_QUIT},
                 {"reason", CALL_REASON},
                 {"reset_stats", CALL_RESET},
                 {"clear_stats", CALL_CLEAR}};
    double code = proto_number(proto_get(data, "exit_code"), -1);
    c->has_exit_code = code >= 0 && code <= 255;
    c->exit_code = c->has_exit_code ? (int)code : 0;
    proto_copy(proto_get(data, "token"), m->token, sizeof m->token);
    proto_copy(proto_get(data, "reason"), c->reason, sizeof c->reason);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        c->method = plain[i].method;
        if (proto_is(method, plain[i].name))
            return true;
    }
    c->method = CALL_START;
    c->users = proto_number(proto_get(data, "user_count"), -1);
    c->spawn_rate = proto_number(proto_get(data, "spawn_rate"), -1);
    c->user_classes = proto_texts(proto_get(data, "user_classes"));
    return proto_is(method, "start");
}

static bool parse_want(const msgpack_object *data, struct message *m)
{
    const msgpack_object *stats = proto_get(data, "stats");
    m->want.has_stats = stats != NULL;
    m->want.stats = proto_bool(stats);
    m->want.report = proto_bool(proto_get(data, "report"));
    return m->want.has_stats || m->want.report;
}

static bool parse_ticked(const msgpack_object *data, struct message *m)
{
    struct message_ticked *t = &m->ticked;
    if (data->type == MSGPACK_OBJECT_NIL) {
        t->result = TICK_END;
        return true;
    }
    t->error = proto_text(proto_get(data, "error"));
    t->result = t->error ? TICK_ERROR : TICK_AIM;
    t->users = proto_number(proto_get(data, "users"), -1);
    t->spawn_rate = proto_number(proto_get(data, "spawn_rate"), -1);
    t->user_classes = proto_texts(proto_get(data, "user_classes"));
    return data->type == MSGPACK_OBJECT_MAP;
}

static bool parse_done(const msgpack_object *data, struct message *m)
{
    struct message_done *d = &m->done;
    const msgpack_object *code = proto_get(data, "process_exit_code");
    double number = proto_number(code, 0);
    d->id = proto_unsigned(proto_get(data, "id"), 0);
    d->has_exit_code = code && code->type != MSGPACK_OBJECT_NIL;
    d->exit_code = number > -256 && number < 256 ? (int)number : 255;
    d->is_unhandled = proto_bool(proto_get(data, "unhandled"));
    d->is_failed = proto_bool(proto_get(data, "failed"));
    d->setup = bin_of(proto_get(data, "setup"));
    return data->type == MSGPACK_OBJECT_MAP;
}

static bool parse_web(const msgpack_object *data, struct message *m)
{
    struct message_web *w = &m->web;
    w->has_login = proto_bool(proto_get(data, "login"));
    w->is_changed = proto_bool(proto_get(data, "changed"));
    w->has_page = proto_bool(proto_get(data, "page"));
    w->extensions = proto_text(proto_get(data, "extensions"));
    proto_copy(proto_get(data, "socket"), w->socket, sizeof w->socket);
    return w->extensions != NULL;
}

static bool parse_ending(const msgpack_object *data, struct message *m)
{
    proto_copy(proto_get(data, "token"), m->token, sizeof m->token);
    return true;
}

static const struct {
    const char *type;
    enum message_kind kind;
    bool (*parse)(const msgpack_object *data, struct message *m);
} TYPES[] = {
    {"heartbeat", MESSAGE_HEARTBEAT, parse_heartbeat},
    {"stats", MESSAGE_STATS, parse_stats},
    {"client_ready", MESSAGE_CLIENT_READY, parse_ready},
    {"spawning", MESSAGE_SPAWNING, NULL},
    {"spawning_complete", MESSAGE_SPAWNING_COMPLETE, parse_spawned},
    {"exception", MESSAGE_EXCEPTION, parse_exception},
    {"logs", MESSAGE_LOGS, NULL},
    {"client_stopped", MESSAGE_CLIENT_STOPPED, parse_ending},
    {"quit", MESSAGE_QUIT, parse_ending},
    {"locustfile", MESSAGE_LOCUSTFILE, NULL},
    {"katydid_script", MESSAGE_SCRIPT, NULL},
    {"katydid_call", MESSAGE_CALL, parse_call},
    {"katydid_ticked", MESSAGE_TICKED, parse_ticked},
    {"katydid_done", MESSAGE_DONE, parse_done},
    {"katydid_want", MESSAGE_WANT, parse_want},
    {"katydid_web", MESSAGE_WEB, parse_web},
    {"katydid_answer", MESSAGE_ANSWER, NULL},
    {"katydid_samples", MESSAGE_SAMPLES, NULL},
    {"katydid_logs", MESSAGE_LINES, NULL},
    {"katydid_iterations", MESSAGE_ITERATIONS, parse_iterations},
    {"katydid_spans", MESSAGE_SPANS, parse_spans},
};

static enum proto_rc parse_data(struct message *m)
{
    m->kind = MESSAGE_CUSTOM;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (m->type.len != strlen(TYPES[i].type) ||
            memcmp(m->type.data, TYPES[i].type, m->type.len) != 0)
            continue;
        m->kind = TYPES[i].kind;
        if (!TYPES[i].parse)
            return PROTO_OK;
        msgpack_unpacked u;
        if (!proto_decode(&u, m->data))
            return PROTO_BROKEN;
        bool is_good = TYPES[i].parse(&u.data, m);
        msgpack_unpacked_destroy(&u);
        return is_good ? PROTO_OK : PROTO_BROKEN;
    }
    return PROTO_OK;
}

static bool text_of(struct slice element, struct slice *out)
{
    msgpack_unpacked u;
    if (!proto_decode(&u, element))
        return false;
    bool is_text = u.data.type == MSGPACK_OBJECT_STR;
    if (is_text)
        *out = (struct slice){u.data.via.str.ptr, u.data.via.str.size};
    msgpack_unpacked_destroy(&u);
    return is_text;
}

bool proto_peek_type(const void *bytes, size_t len, struct slice *type)
{
    const unsigned char *p = bytes;
    if (len < 2 || p[0] != 0x93 || (p[1] & 0xe0) != 0xa0 || len < 2 + (p[1] & 0x1fu))
        return false;
    *type = (struct slice){(const char *)p + 2, p[1] & 0x1fu};
    return true;
}

enum proto_rc proto_parse(const void *bytes, size_t len, struct message *m)
{
    const unsigned char *p = bytes, *end = p + len;
    struct slice elements[3];
    memset(m, 0, sizeof *m);
    if (len == 0 || len > PROTO_MAX_BYTES || *p++ != 0x93)
        return PROTO_BROKEN;
    for (size_t i = 0; i < 3; i++) {
        const unsigned char *after = proto_skip(p, end);
        if (!after)
            return PROTO_BROKEN;
        elements[i] = (struct slice){(const char *)p, (size_t)(after - p)};
        p = after;
    }
    m->data = elements[1];
    if (p != end || !text_of(elements[0], &m->type))
        return PROTO_BROKEN;
    text_of(elements[2], &m->node);
    enum proto_rc rc = parse_data(m);
    if (rc != PROTO_OK)
        message_fini(m);
    return rc;
}

bool proto_logs(struct slice data,
                void (*line)(void *arg, double mono, const char *text, size_t len), void *arg)
{
    msgpack_unpacked u;
    if (!proto_decode(&u, data))
        return false;
    const msgpack_object *logs = proto_get(&u.data, "logs");
    const msgpack_object *times = proto_get(&u.data, "mono");
    bool is_list = logs && logs->type == MSGPACK_OBJECT_ARRAY;
    size_t timed = times && times->type == MSGPACK_OBJECT_ARRAY ? times->via.array.size : 0;
    for (size_t i = 0; is_list && i < logs->via.array.size; i++) {
        const msgpack_object *each = &logs->via.array.ptr[i];
        double mono = i < timed ? proto_number(&times->via.array.ptr[i], -1) : -1;
        if (each->type == MSGPACK_OBJECT_STR)
            line(arg, mono, each->via.str.ptr, each->via.str.size);
    }
    msgpack_unpacked_destroy(&u);
    return is_list;
}

void message_fini(struct message *m)
{
    switch (m->kind) {
    case MESSAGE_STATS:
        users_fini(&m->stats.users);
        free(m->stats.scenarios);
        journals_fini(&m->stats.journals);
        break;
    case MESSAGE_SPAWNING_COMPLETE:
        users_fini(&m->spawned);
        break;
    case MESSAGE_EXCEPTION:
        free(m->exception.message);
        free(m->exception.traceback);
        break;
    case MESSAGE_CALL:
        proto_texts_free(m->call.user_classes);
        break;
    case MESSAGE_WEB:
        free(m->web.extensions);
        break;
    case MESSAGE_TICKED:
        proto_texts_free(m->ticked.user_classes);
        free(m->ticked.error);
        break;
    case MESSAGE_CLIENT_READY:
    case MESSAGE_HEARTBEAT:
    case MESSAGE_SPAWNING:
    case MESSAGE_LOGS:
    case MESSAGE_CLIENT_STOPPED:
    case MESSAGE_QUIT:
    case MESSAGE_LOCUSTFILE:
    case MESSAGE_SCRIPT:
    case MESSAGE_WANT:
    case MESSAGE_ANSWER:
    case MESSAGE_SAMPLES:
    case MESSAGE_LINES:
    case MESSAGE_ITERATIONS:
    case MESSAGE_SPANS:
    case MESSAGE_DONE:
    case MESSAGE_CUSTOM:
        break;
    }
    memset(m, 0, sizeof *m);
}

static bool parse_class(const msgpack_object *o, struct script_class *out)
{
    out->name = proto_text(proto_get(o, "name"));
    out->host = proto_text(proto_get(o, "host"));
    out->needs_host = proto_bool(proto_get(o, "needs_host"));
    out->callables = proto_texts(proto_get(o, "callables"));
    out->has_tests = proto_bool(proto_get(o, "has_tests"));
    out->weight = proto_number(proto_get(o, "weight"), 1);
    uint64_t fixed = proto_unsigned(proto_get(o, "fixed_count"), 0);
    out->fixed_count = fixed < 100000000u ? (unsigned)fixed : 100000000u;
    proto_tasks(proto_get(o, "tasks"), &out->tasks);
    return out->name != NULL;
}

static void parse_shapes(const msgpack_object *shapes, struct script *out)
{
    if (!shapes || shapes->type != MSGPACK_OBJECT_ARRAY || shapes->via.array.size > MAX_CLASSES)
        return;
    out->shapes = mem_zalloc((shapes->via.array.size + (size_t)1) * sizeof *out->shapes);
    for (size_t i = 0; i < shapes->via.array.size; i++) {
        const msgpack_object *each = &shapes->via.array.ptr[i];
        char *name = proto_text(proto_get(each, "name"));
        if (name)
            out->shapes[out->shape_count++] =
                (struct script_shape){name, proto_bool(proto_get(each, "use_common_options"))};
    }
}

static bool parse_constant(const char *name, const msgpack_object *value, struct tunables *out)
{
    double values[TUNABLES_SHARES_MAX];
    size_t count = 1;
    if (value->type != MSGPACK_OBJECT_ARRAY) {
        values[0] = proto_number(value, NAN);
        return tunables_set(out, name, values, count);
    }
    count = value->via.array.size;
    if (count > TUNABLES_SHARES_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        values[i] = proto_number(&value->via.array.ptr[i], NAN);
    return tunables_set(out, name, values, count);
}

/* What the locustfile set in modules of Locust. */
static void parse_constants(const msgpack_object *constants, struct script *out)
{
    out->tunables = tunables_usual;
    if (!constants || constants->type != MSGPACK_OBJECT_MAP ||
        constants->via.map.size > MAX_CONSTANTS)
        return;
    for (uint32_t i = 0; i < constants->via.map.size; i++) {
        const msgpack_object_kv *kv = &constants->via.map.ptr[i];
        char *name = proto_text(&kv->key);
        if (name && !parse_constant(name, &kv->val, &out->tunables)) {
            free(out->bad_constant);
            out->bad_constant = name;
        } else {
            free(name);
        }
    }
}

static void parse_listens(const msgpack_object *names, struct script *out)
{
    if (!names || names->type != MSGPACK_OBJECT_ARRAY)
        return;
    for (uint32_t i = 0; i < names->via.array.size; i++) {
        out->hears_reports |= proto_is(&names->via.array.ptr[i], "worker_report");
        out->hears_beats |= proto_is(&names->via.array.ptr[i], "heartbeat_sent");
    }
}

static void parse_settings(const msgpack_object *o, struct script_settings *s)
{
    const struct {
        const char *name;
        double *number;
    } numbers[] = {{"num_users", &s->users},
                   {"spawn_rate", &s->spawn_rate},
                   {"run_time", &s->run_time_s},
                   {"stop_timeout", &s->stop_timeout_s},
                   {"expect_workers", &s->expect_workers},
                   {"expect_workers_max_wait", &s->expect_workers_max_wait_s},
                   {"autoquit", &s->autoquit_s},
                   {"exit_code_on_error", &s->exit_code_on_error}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i].number = proto_number(proto_get(o, numbers[i].name), NAN);
    s->is_given = o && o->type == MSGPACK_OBJECT_MAP;
    s->reset_stats = proto_bool(proto_get(o, "reset_stats"));
    s->json = proto_bool(proto_get(o, "json"));
    s->only_summary = proto_bool(proto_get(o, "only_summary"));
    s->print_stats = proto_bool(proto_get(o, "print_stats"));
    s->host = proto_text(proto_get(o, "host"));
    s->html_file = proto_text(proto_get(o, "html_file"));
    s->json_file = proto_text(proto_get(o, "json_file"));
    s->csv_prefix = proto_text(proto_get(o, "csv_prefix"));
}

static bool parse_script(const msgpack_object *data, struct script *out)
{
    const msgpack_object *classes = proto_get(data, "user_classes");
    const msgpack_object *shape = proto_get(data, "shape");
    out->is_local = proto_is(proto_get(data, "role"), "local");
    out->locustfile = proto_text(proto_get(data, "locustfile"));
    out->has_opentelemetry = proto_bool(proto_get(data, "has_opentelemetry"));
    out->has_setup = proto_bool(proto_get(data, "setup"));
    out->has_teardown = proto_bool(proto_get(data, "teardown"));
    out->has_named_setup = proto_bool(proto_get(data, "named_setup"));
    out->has_named_teardown = proto_bool(proto_get(data, "named_teardown"));
    out->has_shape = shape && shape->type == MSGPACK_OBJECT_MAP;
    out->shape_name = proto_text(proto_get(shape, "name"));
    parse_constants(proto_get(data, "constants"), out);
    parse_listens(proto_get(data, "listens"), out);
    out->shape_uses_options = proto_bool(proto_get(shape, "use_common_options"));
    parse_shapes(proto_get(data, "shapes"), out);
    parse_settings(proto_get(data, "settings"), &out->settings);
    if (!classes || classes->type != MSGPACK_OBJECT_ARRAY || classes->via.array.size > MAX_CLASSES)
        return false;
    out->classes = mem_zalloc((classes->via.array.size + (size_t)1) * sizeof *out->classes);
    while (out->class_count < classes->via.array.size) {
        size_t i = out->class_count++;
        const msgpack_object *each = &classes->via.array.ptr[i];
        if (!parse_class(each, &out->classes[i]))
            return false;
        out->has_connections |= proto_bool(proto_get(each, "has_connection"));
        out->has_proxies |= proto_bool(proto_get(each, "has_proxies"));
    }
    return true;
}

/* The bytes of one value of a map, whole. */
static struct slice raw_value(struct slice map, const char *key)
{
    const unsigned char *p = (const unsigned char *)map.data, *end = p + map.len;
    size_t head = map.len == 0 ? 0 : *p == 0xde ? 3 : *p == 0xdf ? 5 : (*p & 0xf0) == 0x80 ? 1 : 0;
    for (p += head; head > 0 && p < end;) {
        const unsigned char *value = proto_skip(p, end);
        const unsigned char *after = value ? proto_skip(value, end) : NULL;
        struct slice name;
        if (!after)
            break;
        if (text_of((struct slice){(const char *)p, (size_t)(value - p)}, &name) &&
            name.len == strlen(key) && !memcmp(name.data, key, name.len))
            return (struct slice){(const char *)value, (size_t)(after - value)};
        p = after;
    }
    return (struct slice){NULL, 0};
}

static char *json_member(struct slice map, const char *key)
{
    const struct slice value = raw_value(map, key);
    struct sbuf json = {0};
    if (value.len > 0 && proto_to_json(value, &json))
        return sbuf_take(&json);
    sbuf_fini(&json);
    return NULL;
}

enum proto_rc proto_script(const struct message *m, struct script *out)
{
    msgpack_unpacked u;
    memset(out, 0, sizeof *out);
    if (!proto_decode(&u, m->data))
        return PROTO_BROKEN;
    bool is_good = parse_script(&u.data, out);
    msgpack_unpacked_destroy(&u);
    if (!is_good) {
        script_fini(out);
        return PROTO_BROKEN;
    }
    out->about = json_member(m->data, "about");
    out->thresholds = json_member(m->data, "thresholds");
    out->metrics = json_member(m->data, "metrics");
    out->scenarios = json_member(m->data, "scenarios");
    struct slice options = raw_value(m->data, "options");
    if (options.len > 0) {
        out->options = mem_dup(options.data, options.len);
        out->options_len = options.len;
    }
    return PROTO_OK;
}

void script_fini(struct script *s)
{
    for (size_t i = 0; i < s->class_count; i++) {
        free(s->classes[i].name);
        free(s->classes[i].host);
        task_list_fini(&s->classes[i].tasks);
        proto_texts_free(s->classes[i].callables);
    }
    for (size_t i = 0; i < s->shape_count; i++)
        free(s->shapes[i].name);
    free(s->shapes);
    free(s->classes);
    free(s->shape_name);
    free(s->locustfile);
    free(s->options);
    free(s->about);
    free(s->thresholds);
    free(s->metrics);
    free(s->scenarios);
    free(s->bad_constant);
    free(s->settings.host);
    free(s->settings.html_file);
    free(s->settings.json_file);
    free(s->settings.csv_prefix);
    memset(s, 0, sizeof *s);
}

const char *script_host(const struct script *s)
{
    const char *host = s->class_count > 0 ? s->classes[0].host : NULL;
    for (size_t i = 1; host && i < s->class_count; i++)
        if (!s->classes[i].host || strcmp(host, s->classes[i].host) != 0)
            return "";
    return host ? host : "";
}
