// SPDX-License-Identifier: MIT
/* webdemo: the web server of the master over made-up runs, for tests of the page that a real run
 * cannot steer: thousands of endpoints, hostile names, lost workers, an hour of history.
 *
 *     webdemo [--port N] [--rows N] [--workers N] [--history SECONDS] [--dense] [--hostile]
 *             [--running]
 *
 * It prints "http://127.0.0.1:PORT" and lives until SIGTERM, SIGINT or the end of its stdin. It
 * stands in for the master's main thread: commands change a small model, a view of it is published
 * each second. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/web/bridge.h"
#include "master/data/events.h"
#include "master/out/csv_tables.h"
#include "master/data/timeline.h"
#include "master/data/view_build.h"
#include "master/web/web.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMELINE_BYTES ((size_t)256 << 20)
#define HOSTILE_COUNT 6
#define ROWS_OF_THE_PAST 100 /* so many rows has a second of the prepared history; --dense: all */

struct demo {
    struct bridge *bridge;
    int rows, workers, history;
    bool is_hostile, is_dense;
    const char *state;
    char run_id[32], boot_id[32], host[256], notice[256];
    double users, target, rate, run_time_s, started_at, ended_at;
    unsigned runs;
    uint32_t dice;
    struct stats stats;
    struct timeline *timeline;
    struct events *events;
    struct view_builder *view_builder;
};

/* -- the model -- */

static const char *const NAMES[] = {"/",         "/products", "/products/:id", "/cart",
                                    "/checkout", "/login",    "/search?q=",    "/orders/:id/items"};
static const char *const HOSTILE[HOSTILE_COUNT] = {"<img src=x onerror=alert(1)>",
                                                   "</script><script>alert(1)",
                                                   "\342\200\256evil", /* U+202E: right to left */
                                                   "=cmd|' /C calc'!A0",
                                                   "a\"b'c&d",
                                                   "{{constructor.constructor('alert(1)')()}}"};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static double roll(struct demo *d)
{
    d->dice = d->dice * 1664525u + 1013904223u;
    return (double)(d->dice >> 8) / (1 << 24);
}

static double wave(double t, double period, double low, double high)
{
    return low + (high - low) * (0.5 + 0.5 * sin(t * 2 * M_PI / period));
}

static bool is_active(const struct demo *d)
{
    return strcmp(d->state, "running") == 0 || strcmp(d->state, "spawning") == 0;
}

static struct tally *row_of(struct demo *d, int i)
{
    static const char *const methods[] = {"GET", "POST", "GET", "PUT"};
    char name[128];
    if (d->is_hostile && i < HOSTILE_COUNT)
        snprintf(name, sizeof name, "%s", HOSTILE[i]);
    else if (i < (int)COUNT(NAMES))
        snprintf(name, sizeof name, "%s", NAMES[i]);
    else
        snprintf(name, sizeof name, "/api/v2/catalogue/section-%03d/item", i);
    const char *method = methods[i % 4];
    return stats_row(&d->stats, method, strlen(method), name, strlen(name));
}

/* n requests of row i in the second before now: in few steps, so that thousands of rows are quick.
 */
static void make_requests(struct demo *d, int i, double now, uint64_t n, struct tally *more)
{
    double base = (30 + 13 * (i % 9)) * wave(now, 53, 800, 1300);
    more->requests = n;
    more->bytes = n * (812 + 3 * (uint64_t)i);
    more->first_at = more->last_at = now - 0.5;
    for (uint64_t left = n, k = 0; left > 0; k++) {
        uint64_t share = k > 12 || left < 3 ? left : left / 3;
        uint64_t us = (uint64_t)(base * exp((roll(d) + roll(d) + roll(d) - 1.3) * 1.4));
        hist_add(&more->hist, us, share);
        more->sum_us += us * share;
        more->min_us = us < more->min_us ? us : more->min_us;
        more->max_us = us > more->max_us ? us : more->max_us;
        left -= share;
    }
    more->extra.status[2] = n;
    more->extra.sent_bytes = n * 180;
    more->extra.received_bytes = more->bytes + n * 220;
    more->extra.phased = n;
    more->extra.phase_us[PHASE_CONNECT] = more->sum_us / 20;
    more->extra.phase_us[PHASE_WAIT] = more->sum_us / 10 * 8;
    more->extra.phase_us[PHASE_RECEIVE] = more->sum_us / 10;
}

static char HTTP_503[] = "HTTPError('503 Server Error: Service Unavailable for url: …')";
static char BOOM[] = "<b>boom</b> \x01 \xff broken";

static void fail_some(struct demo *d, struct tally *row, double now, uint64_t n, struct tally *more)
{
    struct failure one = {.method = row->method,
                          .name = row->name,
                          .text = d->is_hostile ? BOOM : HTTP_503,
                          .count = n,
                          .first_at = now - 0.5,
                          .last_at = now - 0.5};
    more->failures = n;
    more->extra.status[2] -= n;
    more->extra.status[5] = n;
    hist_add(tally_part(more, PART_failed), more->max_us, n);
    timeline_failure(d->timeline, stats_note_failure(&d->stats, &one)->number, &one);
}

static void add_row(struct demo *d, int i, double now, uint64_t n, bool is_failing)
{
    struct tally more, *row = row_of(d, i);
    struct sbuf hist = {0}, failed = {0};
    tally_init(&more, NULL, NULL);
    make_requests(d, i, now, n, &more);
    if (is_failing && i % 5 == 2 && n > 1)
        fail_some(d, row, now, n / 2, &more);
    more.recent[(int64_t)(now - 1) % STATS_SECONDS] =
        (struct per_second){(int64_t)(now - 1), (uint32_t)n, (uint32_t)more.failures};
    tally_merge(row, &more);
    tally_merge(&d->stats.total, &more);
    hist_pack(&more.hist, &hist);
    if (more.failed != NULL)
        hist_pack(more.failed, &failed);
    timeline_row(d->timeline, row->number, &more,
                 &(struct tally_packed){{hist.data, hist.len}, {{failed.data, failed.len}}});
    sbuf_fini(&hist);
    sbuf_fini(&failed);
    tally_fini(&more);
}

static bool is_gone(const struct demo *d, int worker)
{
    return d->workers > 3 && worker == 3;
}

static int owner_of(const struct demo *d, int row)
{
    int worker = row % d->workers;
    return is_gone(d, worker) ? 0 : worker;
}

static double cpu_of(int worker, double now)
{
    return wave(now + worker * 9, 41, 8, worker == 1 ? 97 : 62);
}

static double lag_of(int worker, double now)
{
    return worker == 2 ? -1 : wave(now + worker, 29, 0.2, worker == 1 ? 41 : 3);
}

static void add_health(struct demo *d, double now)
{
    for (int i = 0; i < d->workers; i++) {
        if (is_gone(d, i))
            continue;
        double cpu = cpu_of(i, now), lag = lag_of(i, now);
        struct timeline_health h = {.index = (uint32_t)i,
                                    .samples = 1,
                                    .users_sum = (uint64_t)d->users / (unsigned)d->workers,
                                    .cpu_sum = (uint64_t)(cpu * 10),
                                    .cpu_max = (uint32_t)(cpu * 10),
                                    .has_lag = lag >= 0,
                                    .lag_us = lag >= 0 ? (uint32_t)(lag * 1000) : 0,
                                    .memory_kb = (90u + 4u * (unsigned)i) << 10};
        timeline_health(d->timeline, now - 0.5, &h);
        events_watch(d->events, now, (unsigned)i, "load",
                     &(struct events_health){.cpu = cpu, .lag_ms = lag});
    }
}

static void add_second(struct demo *d, double now, bool is_past)
{
    double rps = d->users * wave(now, 37, 2.1, 2.7);
    bool is_failing = fmod(now, 60) < 8;
    bool is_thin = is_past && !d->is_dense && d->rows > ROWS_OF_THE_PAST;
    int step = is_thin ? d->rows / ROWS_OF_THE_PAST : 1;
    for (int w = 0; w < d->workers; w++) {
        if (is_gone(d, w))
            continue;
        timeline_report(d->timeline, (uint32_t)w, now - 1, now);
        for (int i = 0; i < d->rows; i++) {
            double share = 2.0 / ((i + 1.0) * (log(d->rows) + 1)) / d->workers;
            uint64_t n = (uint64_t)(rps * share + roll(d)) + d->is_dense;
            if (n > 0 && owner_of(d, i) == w && (i < 20 || i % step == (int)fmod(now, step)))
                add_row(d, i, now, n * (unsigned)d->workers, is_failing);
        }
    }
    timeline_users(d->timeline, now - 0.5, (unsigned)d->users, (unsigned)d->target);
    add_health(d, now);
    timeline_close(d->timeline, now - 1);
    timeline_work(d->timeline, is_past);
}

static void advance(struct demo *d, double now, bool is_past)
{
    if (!is_active(d))
        return;
    double step = d->rate > 0 ? d->rate : 1;
    d->users =
        d->users < d->target ? fmin(d->target, d->users + step) : fmax(d->target, d->users - step);
    d->state = d->users == d->target ? "running" : "spawning";
    add_second(d, now, is_past);
    if (d->run_time_s > 0 && now - d->started_at >= d->run_time_s) {
        d->state = "stopped";
        d->ended_at = now;
        d->users = 0;
    }
}

static void forget(struct demo *d, double now)
{
    stats_clear(&d->stats, now);
    view_builder_forget(d->view_builder);
    timeline_clear(d->timeline, now);
    events_clear(d->events);
}

/* What the main thread of a master would write of its own state. */
static void render(const struct demo *d, enum document document, struct sbuf *out)
{
    struct stats s;
    stats_init(&s, d->started_at, STATS_LIMITS_DEFAULT);
    switch (document) {
    case DOCUMENT_REQUESTS_CSV:
        csv_requests(&s, &(struct percentile_columns){0}, out, sbuf_add_csv_no_formula);
        break;
    case DOCUMENT_FAILURES_CSV:
        csv_failures(&s, out, sbuf_add_csv_no_formula);
        break;
    case DOCUMENT_EXCEPTIONS_CSV:
        csv_exceptions(&s, out, sbuf_add_csv_no_formula);
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
    case DOCUMENT_SCRIPT:
        sbuf_adds(out, "null");
        break;
    case DOCUMENT_LINES:
    case DOCUMENT_SAMPLES:
    case DOCUMENT_ROW_SAMPLES:
    case DOCUMENT_CHECK_SAMPLES:
    case DOCUMENT_METRICS:
    case DOCUMENT_COURSE:
    case DOCUMENT_THRESHOLDS:
    case DOCUMENT_REPORT_METRICS:
    case DOCUMENT_REPORT_SAMPLES:
    case DOCUMENT_REPORT_LOGS:
    case DOCUMENT_SCENARIOS:
    case DOCUMENT_SCRAPE:
        sbuf_adds(out, "{}");
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
            forget(d, now);
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
        d->stats.total.cut += 3;
        timeline_close(d->timeline, now + 2);
        timeline_work(d->timeline, true);
        snprintf(r.text, sizeof r.text, "Stopped.");
        break;
    case CMD_RESET:
        stats_reset(&d->stats, now);
        timeline_reset(d->timeline, now);
        snprintf(r.text, sizeof r.text, "Reset.");
        break;
    case CMD_RENDER:
        render(d, c->document, c->out);
        break;
    case CMD_MARKER:
        events_add(d->events, c->at > 0 ? c->at : now, "marker", "%s", c->text);
        snprintf(r.text, sizeof r.text, "Marked.");
        break;
    case CMD_TRY:
    case CMD_RELOAD:
    case CMD_PING:
        snprintf(r.text, sizeof r.text, "There is no locustfile in a made-up run.");
        r.is_ok = false;
        break;
    case CMD_SCENARIO:
    case CMD_USER_CLASS:
    case CMD_QUIT:
        break;
    }
    command_fini(c);
    return r;
}

/* -- what the page shows of it -- */

static void list_workers(const struct demo *d, double now, struct view_worker *workers,
                         char (*ids)[32])
{
    for (int i = 0; i < d->workers; i++) {
        double rps = d->users * wave(now, 37, 2.1, 2.7) / d->workers;
        snprintf(ids[i], sizeof ids[i], "load-%02d_%08x", i + 1, 0x5eed1234u + (unsigned)i);
        workers[i] =
            (struct view_worker){.id = ids[i],
                                 .state = is_gone(d, i) ? "missing" : d->state,
                                 .index = i,
                                 .users = is_gone(d, i) ? 0 : (uint32_t)(d->users / d->workers),
                                 .cpu_percent = is_gone(d, i) ? 0 : cpu_of(i, now),
                                 .memory_bytes = (90u + 4u * (unsigned)i) << 20,
                                 .loop_lag_ms = lag_of(i, now),
                                 .lag_p99_ms = lag_of(i, now),
                                 .fds = 40,
                                 .connections = is_gone(d, i) ? 0 : d->users / d->workers,
                                 .is_katydid = i != 2,
                                 .requests = d->stats.total.requests / (uint64_t)d->workers,
                                 .rps = is_gone(d, i) ? 0 : rps};
    }
}

static void add_exception(struct demo *d, double now)
{
    if (d->stats.total.requests < 500 || d->stats.exception_count > 0)
        return;
    stats_add_exception(&d->stats, now - 3, "'token'",
                        "Traceback (most recent call last):\n  File \"locustfile.py\", line 41, in "
                        "buy\n    token = self.session[\"token\"]\nKeyError: 'token'\n",
                        "worker-1,worker-2", 12);
}

static void publish(struct demo *d, double now)
{
    struct view_worker *workers = mem_zalloc((size_t)(d->workers + 1) * sizeof *workers);
    char(*ids)[32] = mem_zalloc((size_t)(d->workers + 1) * sizeof *ids);
    struct view_class classes[] = {{"Shopper", 8, 0, (uint32_t)(d->users * 0.8), 0},
                                   {"Admin", 2, 0, (uint32_t)(d->users * 0.2), 0}};
    list_workers(d, now, workers, ids);
    add_exception(d, now);
    struct view head = {.now = now,
                        .boot_id = d->boot_id,
                        .run_id = d->run_id,
                        .state = d->state,
                        .version = "demo",
                        .locustfile = "locustfiles/ecommerce.py",
                        .host = d->host,
                        .notice = d->notice,
                        .started_at = d->started_at,
                        .ended_at = d->ended_at,
                        .run_time_s = d->run_time_s,
                        .users = (uint32_t)d->users,
                        .target_users = (uint32_t)d->target,
                        .spawn_rate = d->rate,
                        .is_distributed = d->workers != 1,
                        .workers = workers,
                        .worker_count = (size_t)d->workers,
                        .classes = classes,
                        .class_count = COUNT(classes),
                        .timeline = timeline_snapshot(d->timeline),
                        .events = events_snapshot(d->events),
                        .is_saturated = events_is_saturated(d->events, now)};
    head.points = timeline_points(d->timeline, &head.point_count);
    bridge_publish(d->bridge, view_builder_build(d->view_builder, &head, &d->stats));
    free(ids);
    free(workers);
}

static void begin_running(struct demo *d)
{
    struct command c = {.kind = CMD_SWARM, .users = 400, .spawn_rate = 40, .run_time_s = -1};
    double now = clk_wall();
    execute(d, &c);
    snprintf(d->host, sizeof d->host, "https://shop.test");
    d->started_at = now - d->history;
    forget(d, d->started_at);
    for (int i = d->history; i > 0; i--)
        advance(d, now - i, true);
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
            advance(d, next, false);
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
    static const struct option options[] = {{"port", 1, NULL, 'p'},    {"rows", 1, NULL, 'r'},
                                            {"workers", 1, NULL, 'w'}, {"history", 1, NULL, 'h'},
                                            {"dense", 0, NULL, 'd'},   {"hostile", 0, NULL, 'x'},
                                            {"running", 0, NULL, 'g'}, {0}};
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
        case 'd':
            d.is_dense = true;
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
    stats_init(&d.stats, clk_wall(), STATS_LIMITS_DEFAULT);
    d.timeline = timeline_new(TIMELINE_BYTES);
    d.events = events_new();
    d.view_builder = view_builder_new();
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
    view_builder_free(d.view_builder);
    events_free(d.events);
    timeline_free(d.timeline);
    stats_fini(&d.stats);
    return 0;
}
