// SPDX-License-Identifier: MIT
/* webdemo: the web server of the master over made-up runs, for tests of the page that a real run
 * cannot steer: thousands of endpoints, hostile names, lost workers, an hour of history.
 *
 *     webdemo [--port N] [--rows N] [--workers N] [--history SECONDS] [--hostile] [--running]
 *
 * It prints "http://127.0.0.1:PORT" and lives until SIGTERM, SIGINT or the end of its stdin. It
 * stands in for master.c and view.c: commands change a small model, a view of it is published
 * each second. */
#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "master/bridge.h"
#include "master/output.h"
#include "master/web.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HISTORY_MAX 3600
#define PATIENCE_S 3

struct demo {
    struct bridge *bridge;
    int rows, workers, history;
    bool is_hostile;
    uint64_t tick;
    const char *state;
    char run_id[32], boot_id[32], host[256], notice[256];
    double users, target, rate, run_time_s, started_at, ended_at;
    uint64_t *requests, *failures, cut;
    struct view_point points[HISTORY_MAX];
    size_t point_count;
    unsigned runs;
};

/* -- views: all their memory is in one list of blocks -- */

struct view_arena {
    void *blocks[8 + 3 * 12000];
    size_t count;
};

void view_ref(struct view *v)
{
    __atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
}

void view_unref(struct view *v)
{
    if (__atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < v->arena->count; i++)
        free(v->arena->blocks[i]);
    free(v->arena);
    free(v);
}

static void *keep(struct view *v, void *block)
{
    if (block == NULL || v->arena->count == sizeof v->arena->blocks / sizeof(void *))
        abort();
    v->arena->blocks[v->arena->count++] = block;
    return block;
}

static void *zalloc(struct view *v, size_t count, size_t size)
{
    return keep(v, calloc(count + 1, size));
}

static const char *copy(struct view *v, const char *text)
{
    return keep(v, strdup(text));
}

/* -- the model -- */

static double wave(double t, double period, double low, double high)
{
    return low + (high - low) * (0.5 + 0.5 * sin(t * 2 * M_PI / period));
}

static bool is_active(const struct demo *d)
{
    return strcmp(d->state, "running") == 0 || strcmp(d->state, "spawning") == 0;
}

static void add_point(struct demo *d, double now)
{
    struct view_point p = {.second = (int64_t)now - 1,
                           .users = (uint32_t)d->users,
                           .target_users = (uint32_t)d->target,
                           .p50 = NAN,
                           .p95 = NAN,
                           .p99 = NAN,
                           .mean_ms = NAN};
    if (d->users > 0) {
        p.rps = d->users * wave(now, 37, 2.1, 2.7);
        p.fail_rps = fmod(now, 60) < 8 ? p.rps * 0.04 : p.rps * 0.001;
        p.p50 = wave(now, 53, 41, 66);
        p.p95 = p.p50 * wave(now, 19, 2.4, 3.3);
        p.p99 = p.p95 * wave(now, 11, 1.3, 2.6);
        p.mean_ms = p.p50 * 1.2;
    }
    if (d->point_count == HISTORY_MAX)
        memmove(d->points, d->points + 1, --d->point_count * sizeof p);
    d->points[d->point_count++] = p;
    for (int i = 0; i < d->rows; i++) {
        double share = 2.0 / ((i + 1.0) * (log(d->rows) + 1));
        d->requests[i] += (uint64_t)(p.rps * share + (fmod(now, 3) < 1));
        d->failures[i] += i % 5 == 2 ? (uint64_t)(p.fail_rps * share * 3 + 0.5) : 0;
    }
}

static void advance(struct demo *d, double now)
{
    if (!is_active(d))
        return;
    double step = d->rate > 0 ? d->rate : 1;
    d->users =
        d->users < d->target ? fmin(d->target, d->users + step) : fmax(d->target, d->users - step);
    d->state = d->users == d->target ? "running" : "spawning";
    add_point(d, now);
    if (d->run_time_s > 0 && now - d->started_at >= d->run_time_s) {
        d->state = "stopped";
        d->ended_at = now;
        d->users = 0;
    }
}

static void forget(struct demo *d)
{
    memset(d->requests, 0, (size_t)d->rows * sizeof *d->requests);
    memset(d->failures, 0, (size_t)d->rows * sizeof *d->failures);
    d->point_count = 0;
    d->cut = 0;
}

/* What the main thread of a master would write of its own state. */
static void render(const struct demo *d, enum document document, struct sbuf *out)
{
    struct stats s;
    stats_init(&s, d->started_at, STATS_LIMITS_DEFAULT);
    switch (document) {
    case DOCUMENT_REQUESTS_CSV:
    case DOCUMENT_HISTORY_CSV:
        csv_requests(&s, out);
        break;
    case DOCUMENT_FAILURES_CSV:
        csv_failures(&s, out);
        break;
    case DOCUMENT_EXCEPTIONS_CSV:
        csv_exceptions(&s, out);
        break;
    case DOCUMENT_TASKS:
        sbuf_adds(out, "{\"per_class\": {\"Shopper\": {\"ratio\": 0.8, \"tasks\": {\"browse\": "
                       "{\"ratio\": 0.75}, \"buy\": {\"ratio\": 0.25}}}}, \"total\": {\"Shopper\": "
                       "{\"ratio\": 0.8, \"tasks\": {\"browse\": {\"ratio\": 0.6}, \"buy\": "
                       "{\"ratio\": 0.2}}}}}\n");
        break;
    case DOCUMENT_LOGS:
        sbuf_adds(out, "{\"master\": [\"[2026-01-31 12:00:00,000] demo/INFO/katydid.master: "
                       "Starting\"], \"workers\": {\"load-01\": [\"[2026-01-31 12:00:01,000] "
                       "demo/WARNING/locust.user: Slow\"]}}\n");
        break;
    }
    stats_fini(&s);
}

static struct command_result execute(void *arg, struct command *c)
{
    struct demo *d = arg;
    struct command_result r = {.is_ok = true};
    double now = clk_wall();
    switch (c->kind) {
    case CMD_SWARM:
        if (d->workers == 0) {
            snprintf(r.text, sizeof r.text, "No worker is connected.");
            r.is_ok = false;
            break;
        }
        if (!is_active(d)) {
            forget(d);
            snprintf(d->run_id, sizeof d->run_id, "run-%u", ++d->runs);
            d->started_at = now;
            d->ended_at = 0;
            d->users = 0;
            d->run_time_s = 0;
            d->state = "spawning";
        }
        d->target = c->users >= 0 ? c->users : d->target;
        d->rate = c->spawn_rate >= 0 ? c->spawn_rate : d->rate;
        d->run_time_s = c->run_time_s >= 0 ? c->run_time_s : d->run_time_s;
        if (c->host != NULL)
            snprintf(d->host, sizeof d->host, "%s", c->host);
        snprintf(r.text, sizeof r.text, "Swarming started");
        break;
    case CMD_STOP:
        d->state = d->runs > 0 ? "stopped" : "ready";
        d->ended_at = now;
        d->users = d->target = 0;
        d->cut += 3;
        snprintf(r.text, sizeof r.text, "Stopped.");
        break;
    case CMD_RESET:
        forget(d);
        snprintf(r.text, sizeof r.text, "Reset.");
        break;
    case CMD_RENDER:
        render(d, c->document, c->out);
        break;
    case CMD_USER_CLASS:
    case CMD_QUIT:
        break;
    }
    command_fini(c);
    return r;
}

/* -- what the page shows of it -- */

static const char *const NAMES[] = {"/",         "/products", "/products/:id", "/cart",
                                    "/checkout", "/login",    "/search?q=",    "/orders/:id/items"};
static const char *const HOSTILE[] = {"<img src=x onerror=alert(1)>",
                                      "</script><script>alert(1)",
                                      "\342\200\256evil", /* U+202E: right to left */
                                      "=cmd|' /C calc'!A0",
                                      "a\"b'c&d",
                                      "{{constructor.constructor('alert(1)')()}}"};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void fill_row(struct view_row *r, uint64_t requests, uint64_t failures, double rps, int i)
{
    double base = 30 + 13 * (i % 9);
    r->requests = requests;
    r->failures = failures;
    r->rps = r->total_rps = rps;
    r->fail_rps = r->total_fail_rps = requests > 0 ? rps * (double)failures / (double)requests : 0;
    if (requests == 0)
        return;
    r->mean_ms = base * 1.3;
    r->min_ms = base / 4;
    r->max_ms = base * 40;
    r->median_ms = r->p50 = base;
    r->p90 = base * 2.2;
    r->p95 = base * 2.9;
    r->p99 = base * 5.4;
    r->p999 = base * 17.25;
    r->mean_bytes = 812 + 3 * i;
}

static int by_name(const void *a, const void *b)
{
    const struct view_row *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->method, y->method);
}

static void add_rows(struct demo *d, struct view *v)
{
    static const char *const methods[] = {"GET", "POST", "GET", "PUT"};
    uint64_t requests = 0, failures = 0;
    double rps = d->point_count > 0 ? d->points[d->point_count - 1].rps : 0;
    v->row_count = d->runs > 0 ? (size_t)d->rows : 0;
    v->rows = zalloc(v, v->row_count, sizeof *v->rows);
    for (int i = 0; i < (int)v->row_count; i++) {
        char name[128];
        struct view_row *r = &v->rows[i];
        requests += d->requests[i];
        failures += d->failures[i];
        if (d->is_hostile && i < (int)COUNT(HOSTILE))
            snprintf(name, sizeof name, "%s", HOSTILE[i]);
        else if (i < (int)COUNT(NAMES))
            snprintf(name, sizeof name, "%s", NAMES[i]);
        else
            snprintf(name, sizeof name, "/api/v2/catalogue/section-%03d/item", i);
        r->id = (uint32_t)i + 1;
        r->changed_tick = d->tick;
        r->method = methods[i % 4];
        r->name = copy(v, name);
        fill_row(r, d->requests[i], d->failures[i], rps * 0.4 / (1 + i), i);
    }
    qsort(v->rows, v->row_count, sizeof *v->rows, by_name);
    v->total = (struct view_row){.method = "", .name = "Aggregated", .changed_tick = d->tick};
    fill_row(&v->total, requests, failures, rps, 2);
    v->total.cut = d->cut;
}

static void add_failures(struct demo *d, struct view *v)
{
    v->failures = zalloc(v, v->row_count, sizeof *v->failures);
    for (size_t i = 0; i < v->row_count && v->failure_count < 300; i++) {
        const struct view_row *r = &v->rows[i];
        if (r->failures == 0)
            continue;
        v->failures[v->failure_count++] = (struct view_failure){
            r->method,
            r->name,
            d->is_hostile ? "<b>boom</b> \x01 \xff broken"
                          : "HTTPError('503 Server Error: Service Unavailable for url: …')",
            r->failures,
            d->started_at + 2,
            v->now - 1};
    }
    v->exceptions = zalloc(v, 1, sizeof *v->exceptions);
    if (v->total.requests < 500)
        return;
    v->exception_count = 1;
    v->exceptions[0] = (struct view_exception){
        "'token'",
        "Traceback (most recent call last):\n  File \"locustfile.py\", line 41, in buy\n"
        "    token = self.session[\"token\"]\nKeyError: 'token'\n",
        "worker-1,worker-2",
        12,
        d->started_at + 4,
        v->now - 3};
}

static void add_workers(struct demo *d, struct view *v)
{
    v->worker_count = (size_t)d->workers;
    v->workers = zalloc(v, v->worker_count, sizeof *v->workers);
    for (int i = 0; i < d->workers; i++) {
        char id[64];
        snprintf(id, sizeof id, "load-%02d_%08x", i + 1, 0x5eed1234u + (unsigned)i);
        bool is_gone = d->workers > 3 && i == 3;
        v->workers[i] = (struct view_worker){
            .id = copy(v, id),
            .state = is_gone ? "missing" : d->state,
            .index = i,
            .users = is_gone ? 0 : (uint32_t)(d->users / d->workers),
            .cpu_percent = is_gone ? 0 : wave(v->now + i * 9, 41, 8, i == 1 ? 97 : 62),
            .memory_bytes = (90u + 4u * (unsigned)i) << 20,
            .loop_lag_ms = i == 2 ? -1 : wave(v->now + i, 29, 0.2, i == 1 ? 41 : 3),
            .is_katydid = i != 2,
            .requests = v->total.requests / (uint64_t)d->workers,
            .rps = is_gone ? 0 : v->total.rps / d->workers};
    }
    v->classes = zalloc(v, 2, sizeof *v->classes);
    v->class_count = 2;
    v->classes[0] = (struct view_class){"Shopper", 8, 0, (uint32_t)(d->users * 0.8)};
    v->classes[1] = (struct view_class){"Admin", 2, 0, (uint32_t)(d->users * 0.2)};
}

static void publish(struct demo *d, double now)
{
    struct view *v = calloc(1, sizeof *v);
    struct view_arena *arena = calloc(1, sizeof *arena);
    if (v == NULL || arena == NULL)
        abort();
    v->arena = arena;
    v->refs = 1;
    v->tick = ++d->tick;
    v->now = now;
    v->boot_id = copy(v, d->boot_id);
    v->run_id = copy(v, d->run_id);
    v->state = d->state;
    v->version = "demo";
    v->locustfile = "locustfiles/ecommerce.py";
    v->host = copy(v, d->host);
    v->web = (struct view_web){.socket = "", .extensions = ""};
    v->notice = copy(v, d->notice);
    v->started_at = d->started_at;
    v->ended_at = d->ended_at;
    v->run_time_s = d->run_time_s;
    v->users = (uint32_t)d->users;
    v->target_users = (uint32_t)d->target;
    v->spawn_rate = d->rate;
    v->is_distributed = d->workers != 1;
    struct view_point *points = zalloc(v, d->point_count, sizeof *points);
    memcpy(points, d->points, d->point_count * sizeof *points);
    v->points = points;
    v->point_count = d->point_count;
    add_rows(d, v);
    add_failures(d, v);
    add_workers(d, v);
    bridge_publish(d->bridge, v);
}

static void begin_running(struct demo *d)
{
    struct command c = {.kind = CMD_SWARM, .users = 400, .spawn_rate = 40, .run_time_s = -1};
    double now = clk_wall();
    execute(d, &c);
    snprintf(d->host, sizeof d->host, "https://shop.test");
    d->started_at = now - d->history;
    for (int i = d->history; i > 0; i--)
        advance(d, now - i);
    if (d->workers > 3)
        snprintf(d->notice, sizeof d->notice,
                 "Worker load-04 was lost; its users moved to the others.");
}

static void serve(struct demo *d)
{
    double next = clk_wall();
    for (;;) {
        struct pollfd fds[2] = {{bridge_fd(d->bridge), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        double wait_ms = (next - clk_wall()) * 1000;
        poll(fds, 2, wait_ms > 0 ? (int)wait_ms + 1 : 0);
        if (fds[1].revents & (POLLHUP | POLLERR))
            return;
        bool was_asked = (fds[0].revents & POLLIN) != 0;
        if (was_asked)
            bridge_run_commands(d->bridge, execute, d);
        if (clk_wall() >= next) {
            advance(d, next);
            next += 1;
            was_asked = true;
        }
        if (was_asked)
            publish(d, clk_wall());
    }
}

int main(int argc, char **argv)
{
    static struct demo d = {.rows = 8, .workers = 1, .state = "ready"};
    static const struct option options[] = {{"port", 1, NULL, 'p'},
                                            {"rows", 1, NULL, 'r'},
                                            {"workers", 1, NULL, 'w'},
                                            {"history", 1, NULL, 'h'},
                                            {"hostile", 0, NULL, 'x'},
                                            {"running", 0, NULL, 'g'},
                                            {0}};
    struct web_config config = {.host = "127.0.0.1", .base_path = ""};
    bool is_running = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int number = optarg != NULL ? (int)strtol(optarg, NULL, 10) : 0;
        switch (option) {
        case 'p':
            config.port = number;
            break;
        case 'r':
            d.rows = number;
            break;
        case 'w':
            d.workers = number;
            break;
        case 'h':
            d.history = number;
            break;
        case 'x':
            d.is_hostile = true;
            break;
        case 'g':
            is_running = true;
            break;
        default:
            return 2;
        }
    }
    char *why;
    d.requests = calloc((size_t)d.rows, sizeof *d.requests);
    d.failures = calloc((size_t)d.rows, sizeof *d.failures);
    d.bridge = bridge_new();
    snprintf(d.boot_id, sizeof d.boot_id, "boot-%d", (int)getpid());
    if (is_running)
        begin_running(&d);
    publish(&d, clk_wall());
    struct web *web = web_start(&config, d.bridge, &why);
    if (web == NULL) {
        fprintf(stderr, "%s\n", why != NULL ? why : "out of memory");
        return 1;
    }
    printf("http://127.0.0.1:%d\n", web_port(web));
    fflush(stdout);
    serve(&d);
    bridge_close(d.bridge);
    web_stop(web);
    bridge_free(d.bridge);
    return 0;
}
