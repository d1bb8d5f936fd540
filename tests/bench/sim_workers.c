// SPDX-License-Identifier: MIT
/* Simulated workers, to measure what a master costs: each one has a link of its own, speaks our
 * dialect (docs/wire.md), obeys spawn, stop and quit, beats once a second and reports as often as
 * the master wishes on every endpoint, but sends no load to anyone. A report is kept and sent again
 * until it is acknowledged, as connections break under a master that reads too little. One thread;
 * the reports are spread over the second, as those of independent machines are.
 *
 *   sim_workers --endpoint tcp://HOST:PORT [--workers 200] [--endpoints 100] [--samples 10]
 *               [--seconds 30] [--churn]
 *
 * With --churn one of them leaves, or one joins in its place under another name, each second.
 * Says whenever TELL_WAITING more reports wait for their acknowledgement, and how many do when the
 * last worker is told to stop.
 *
 * Ends after the given seconds, or when the master told every worker to quit; then prints what was
 * sent in the test the master started, to compare with what the master shows, and how many of those
 * requests are in reports that it did not acknowledge: it may have them or not; how long at worst a
 * report waited for its acknowledgement, how many did longer than OLD, and how seldom the master
 * wished them at most. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/wire/link.h"
#include "common/wire/report.h"
#include "common/wire/unpack.h"

#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORKERS 2000
#define MAX_IN_FLIGHT 8 /* reports; then none until the master has read some */
#define TELL_WAITING 500
#define SECOND_NS UINT64_C(1000000000)
#define RESEND_NS (3 * SECOND_NS) /* then twice as long, up to RESEND_MAX_NS */
#define RESEND_MAX_NS (24 * SECOND_NS)
#define OLD_NS (2 * SECOND_NS)
#define LAST_NS (60 * SECOND_NS) /* at the end: for the acknowledgements */

struct options {
    const char *endpoint;
    unsigned workers, endpoints, samples, seconds;
    bool is_churning;
};

/* A report on its way. */
struct report {
    uint64_t seq, requests, sent_ns;
    uint64_t due_ns, patience_ns; /* when it is sent again */
    struct sbuf bytes;            /* of the message, with all names */
};

struct worker {
    struct link *link;
    char id[64];
    char run[128];       /* of the last spawn; "" before the first */
    struct sbuf classes; /* packed map of its users */
    struct report *pending;
    size_t pending_count;
    uint64_t users, seq, due_ns, report_ns;
    bool is_named;     /* the master has the names of this run */
    double interval_s; /* between reports, as the master wishes */
    bool is_running, is_stopping, is_leaving, has_quit;
};

struct counters {
    uint64_t reports, again, acknowledged, requests, failures, unheard, bytes;
    uint64_t late_ns; /* at worst, a heartbeat: what this machine adds to the master's lag */
    unsigned quits;
    uint64_t waiting, told_waiting; /* reports that are not acknowledged yet */
    uint64_t unread;                /* ... when their own worker was told to stop */
    unsigned stops;                 /* workers that were */
    uint64_t oldest_ns, old;        /* reports at their acknowledgement */
    double interval_s;
    unsigned joins, leaves; /* while it churned */
};

struct sim {
    struct options options;
    struct worker *workers;
    struct stats delta; /* one second of one worker, made anew for each */
    struct sbuf message, report, names;
    struct counters sent;
    uint64_t random;
    struct pollfd *fds; /* of the workers */
    uint64_t churn_ns;  /* when the next one leaves or joins */
    unsigned churned;   /* whose turn that is */
};

static int to_sbuf(void *out, const char *bytes, size_t len)
{
    sbuf_add(out, bytes, len);
    return 0;
}

static void put(msgpack_packer *pk, const char *text)
{
    msgpack_pack_str_with_body(pk, text, strlen(text));
}

static msgpack_packer begin(struct sim *sim, const char *type)
{
    msgpack_packer pk;
    sbuf_clear(&sim->message);
    msgpack_packer_init(&pk, &sim->message, to_sbuf);
    msgpack_pack_array(&pk, 3);
    put(&pk, type);
    return pk;
}

static void transmit(struct sim *sim, struct worker *w, const struct sbuf *bytes)
{
    if (link_send(w->link, NULL, bytes->data, bytes->len) != LINK_OK)
        fprintf(stderr, "%s: a message was not taken\n", w->id);
    sim->sent.bytes += bytes->len;
}

static void finish(struct sim *sim, struct worker *w, msgpack_packer *pk)
{
    put(pk, w->id);
    transmit(sim, w, &sim->message);
}

static void say(struct sim *sim, struct worker *w, const char *type)
{
    msgpack_packer pk = begin(sim, type);
    msgpack_pack_nil(&pk);
    finish(sim, w, &pk);
}

static void say_ready(struct sim *sim, struct worker *w)
{
    msgpack_packer pk = begin(sim, "client_ready");
    put(&pk, "2.47.0+katydid.1");
    finish(sim, w, &pk);
}

static void say_heartbeat(struct sim *sim, struct worker *w)
{
    msgpack_packer pk = begin(sim, "heartbeat");
    msgpack_pack_map(&pk, 3);
    put(&pk, "state");
    put(&pk, w->is_running ? "running" : "ready");
    put(&pk, "current_cpu_usage");
    msgpack_pack_double(&pk, 12.5);
    put(&pk, "current_memory_usage");
    msgpack_pack_uint32(&pk, 100u << 20);
    finish(sim, w, &pk);
}

static void put_users(msgpack_packer *pk, struct sim *sim, const struct worker *w)
{
    put(pk, "user_classes_count");
    if (w->classes.len)
        sbuf_add(&sim->message, w->classes.data, w->classes.len);
    else
        msgpack_pack_map(pk, 0);
    put(pk, "user_count");
    msgpack_pack_uint64(pk, w->users);
}

static void say_spawned(struct sim *sim, struct worker *w)
{
    say(sim, w, "spawning");
    msgpack_packer pk = begin(sim, "spawning_complete");
    msgpack_pack_map(&pk, 2);
    put_users(&pk, sim, w);
    finish(sim, w, &pk);
}

/* Latencies around 20 ms with a tail, one failure in a hundred. */
static void measure(struct sim *sim)
{
    double now = clk_wall();
    stats_reset(&sim->delta, now);
    for (unsigned e = 0; e < sim->options.endpoints; e++) {
        char name[48];
        int len = snprintf(name, sizeof name, "/simulated/endpoint/%u", e);
        struct tally *row = stats_row(&sim->delta, "GET", 3, name, (size_t)len);
        for (unsigned i = 0; i < sim->options.samples; i++) {
            sim->random = sim->random * UINT64_C(6364136223846793005) + 1;
            uint64_t r = sim->random >> 33, us = 15000 + r % 10000 + (r % 50 ? 0 : 180000);
            stats_add(&sim->delta, row, now, us, 1024);
            if (r % 100 == 7)
                stats_add_failure(&sim->delta, row, now, "HTTP 503", 8);
            struct measures more;
            measures_init(&more);
            more.extra.s2 = more.extra.phased = 1;
            more.extra.sent_bytes = 140;
            more.extra.received_bytes = 1200;
            more.extra.queue_us = 11;
            more.extra.receive_us = 13;
            more.extra.wait_us = more.part_us[PART_wait] = us - 24;
            stats_add_measures(&sim->delta, row, us, &more);
        }
    }
}

static void put_own(struct sim *sim, struct worker *w, msgpack_packer *pk, bool has_names)
{
    sbuf_clear(&sim->report);
    sbuf_clear(&sim->names);
    report_pack_numbered(&sim->delta, &sim->report);
    has_names = has_names && report_pack_names(&sim->delta, 1, true, &sim->names);
    msgpack_pack_map(pk, has_names ? 7 : 6);
    if (has_names) {
        put(pk, "names");
        msgpack_pack_bin_with_body(pk, sim->names.data, sim->names.len);
    }
    put(pk, "epoch");
    put(pk, w->id);
    put(pk, "seq");
    msgpack_pack_uint64(pk, w->seq);
    put(pk, "run");
    put(pk, w->run);
    put(pk, "t");
    msgpack_pack_double(pk, clk_wall());
    put(pk, "report");
    msgpack_pack_bin_with_body(pk, sim->report.data, sim->report.len);
    put(pk, "health");
    msgpack_pack_map(pk, 3);
    put(pk, "cpu");
    msgpack_pack_double(pk, 12.5);
    put(pk, "memory");
    msgpack_pack_uint32(pk, 100u << 20);
    put(pk, "lag_ms");
    msgpack_pack_double(pk, 0.3);
}

static void pack_report(struct sim *sim, struct worker *w, bool has_names)
{
    msgpack_packer pk = begin(sim, "stats");
    msgpack_pack_map(&pk, 3);
    put(&pk, "katydid");
    put_own(sim, w, &pk, has_names);
    put_users(&pk, sim, w);
    put(&pk, w->id);
}

static void count_waiting(struct counters *c)
{
    if (++c->waiting < c->told_waiting + TELL_WAITING)
        return;
    c->told_waiting += TELL_WAITING;
    printf("%lu reports wait\n", (unsigned long)c->told_waiting);
    fflush(stdout);
}

static void say_report(struct sim *sim, struct worker *w)
{
    if (w->is_running)
        measure(sim);
    else
        stats_reset(&sim->delta, clk_wall());
    w->seq++;
    w->pending = mem_realloc(w->pending, (w->pending_count + 1) * sizeof *w->pending);
    struct report *r = &w->pending[w->pending_count++];
    const uint64_t now = clk_mono_ns();
    *r = (struct report){w->seq, sim->delta.total.requests, now, now + RESEND_NS, RESEND_NS, {0}};
    pack_report(sim, w, true);
    sbuf_add(&r->bytes, sim->message.data, sim->message.len);
    if (w->is_named)
        pack_report(sim, w, false);
    transmit(sim, w, &sim->message);
    count_waiting(&sim->sent);
    sim->sent.reports++;
    sim->sent.requests += sim->delta.total.requests;
    sim->sent.failures += sim->delta.total.failures;
}

static void say_again(struct sim *sim, struct worker *w, struct report *r, uint64_t now)
{
    r->patience_ns = r->patience_ns * 2 < RESEND_MAX_NS ? r->patience_ns * 2 : RESEND_MAX_NS;
    r->due_ns = now + r->patience_ns;
    transmit(sim, w, &r->bytes);
    sim->sent.again++;
}

/* What waits for the acknowledgement of the last report. */
static void say_end(struct sim *sim, struct worker *w)
{
    if (w->pending_count)
        return;
    if (w->is_stopping) {
        w->is_stopping = false;
        say(sim, w, "client_stopped");
        say_ready(sim, w);
    }
    if (w->is_leaving && !w->has_quit) {
        w->has_quit = true;
        say(sim, w, "quit");
        sim->sent.quits++;
    }
}

static void obey_spawn(struct sim *sim, struct worker *w, const msgpack_object *data)
{
    const msgpack_object *classes = unpack_get(data, "user_classes_count");
    const msgpack_object *run = unpack_get(data, "run");
    struct unpack_text id = {"", 0};
    if (!classes || classes->type != MSGPACK_OBJECT_MAP)
        return;
    if (run && unpack_text(run, &id)) {
        if (strlen(w->run) != id.len || memcmp(w->run, id.s, id.len) != 0) {
            w->is_named = false; /* a new run has new rows */
        }
        snprintf(w->run, sizeof w->run, "%.*s", (int)id.len, id.s);
    }
    msgpack_packer pk;
    sbuf_clear(&w->classes);
    msgpack_packer_init(&pk, &w->classes, to_sbuf);
    msgpack_pack_object(&pk, *classes);
    w->users = 0;
    for (uint32_t i = 0; i < classes->via.map.size; i++) {
        uint64_t n = 0;
        unpack_u64(&classes->via.map.ptr[i].val, UINT32_MAX, &n);
        w->users += n;
    }
    w->is_running = true;
    say_spawned(sim, w);
}

/* A worker hears its master in order: what is not acknowledged now was not read before the stop. */
static void count_stop(struct counters *c, const struct worker *w, unsigned workers)
{
    c->unread += w->pending_count;
    if (++c->stops < workers)
        return;
    printf("all were told to stop, %lu reports were not read before\n", (unsigned long)c->unread);
    fflush(stdout);
}

static void obey_stop(struct sim *sim, struct worker *w)
{
    if (w->is_running)
        count_stop(&sim->sent, w, sim->options.workers);
    say_report(sim, w);
    w->is_running = false;
    w->is_stopping = true;
    w->users = 0;
    sbuf_clear(&w->classes);
}

static void obey_quit(struct sim *sim, struct worker *w)
{
    if (w->is_leaving)
        return;
    if (w->is_running)
        say_report(sim, w);
    w->is_leaving = true;
    w->is_running = false;
    say_end(sim, w);
}

static void count_acknowledged(struct counters *c, const struct report *r, double interval_s)
{
    const uint64_t age = clk_mono_ns() - r->sent_ns;
    c->acknowledged++;
    c->waiting--;
    c->old += age > OLD_NS;
    if (age > c->oldest_ns)
        c->oldest_ns = age;
    if (interval_s > c->interval_s)
        c->interval_s = interval_s;
}

static void obey_ack(struct sim *sim, struct worker *w, const msgpack_object *data)
{
    const msgpack_object *interval = unpack_get(data, "report_interval");
    const bool wants_names = unpack_get(data, "names") != NULL;
    uint64_t seq;
    size_t at = 0;
    if (interval && interval->type == MSGPACK_OBJECT_FLOAT64)
        w->interval_s = interval->via.f64;
    w->is_named = !wants_names;
    if (!unpack_u64(unpack_get(data, "seq"), UINT64_MAX, &seq))
        return;
    while (at < w->pending_count && w->pending[at].seq != seq)
        at++;
    if (at == w->pending_count)
        return;
    if (wants_names) {
        say_again(sim, w, &w->pending[at], clk_mono_ns());
        return;
    }
    count_acknowledged(&sim->sent, &w->pending[at], w->interval_s);
    sbuf_fini(&w->pending[at].bytes);
    memmove(&w->pending[at], &w->pending[at + 1], (--w->pending_count - at) * sizeof *w->pending);
    say_end(sim, w);
}

static void obey(struct sim *sim, struct worker *w, const struct link_message *m)
{
    msgpack_zone zone;
    msgpack_object root;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return;
    if (unpack_object(&zone, m->bytes, m->len, &root) == 0 && root.type == MSGPACK_OBJECT_ARRAY &&
        root.via.array.size == 3) {
        const msgpack_object *type = &root.via.array.ptr[0], *data = &root.via.array.ptr[1];
        if (unpack_is_key(type, "katydid_ack"))
            obey_ack(sim, w, data);
        else if (unpack_is_key(type, "spawn"))
            obey_spawn(sim, w, data);
        else if (unpack_is_key(type, "stop"))
            obey_stop(sim, w);
        else if (unpack_is_key(type, "quit"))
            obey_quit(sim, w);
    }
    msgpack_zone_destroy(&zone);
}

static void drain(struct sim *sim, struct worker *w)
{
    struct link_message m;
    while (link_recv(w->link, &m) == LINK_OK) {
        obey(sim, w, &m);
        link_message_free(&m);
    }
}

static void work_of(struct sim *sim, struct worker *w, uint64_t now)
{
    if (now - w->due_ns > sim->sent.late_ns)
        sim->sent.late_ns = now - w->due_ns;
    say_heartbeat(sim, w);
    for (size_t i = 0; i < w->pending_count; i++)
        if (w->pending[i].due_ns <= now)
            say_again(sim, w, &w->pending[i], now);
    if (w->report_ns <= now && w->pending_count < MAX_IN_FLIGHT && !w->is_leaving) {
        say_report(sim, w);
        w->report_ns = now + (uint64_t)(fmax(w->interval_s - 0.05, 0) * 1e9);
    }
    drain(sim, w);
    w->due_ns += SECOND_NS;
}

/* Beats and reports of who is due; returns when the next one is. */
static uint64_t work(struct sim *sim, uint64_t now)
{
    uint64_t next = now + SECOND_NS;
    for (unsigned i = 0; i < sim->options.workers; i++) {
        struct worker *w = &sim->workers[i];
        if (w->due_ns <= now && !w->has_quit)
            work_of(sim, w, now);
        if (w->due_ns < next && !w->has_quit)
            next = w->due_ns;
    }
    return next;
}

/* A new one in the place of w, which is zeroed. */
static int join(struct sim *sim, struct worker *w, uint64_t due_ns)
{
    char *why = NULL;
    const unsigned i = (unsigned)(w - sim->workers);
    snprintf(w->id, sizeof w->id, "sim%u_%08x", i, (unsigned)(due_ns >> 10));
    w->link = link_connect(sim->options.endpoint, w->id, &why);
    if (!w->link) {
        fprintf(stderr, "%s\n", why);
        free(why);
        return -1;
    }
    w->due_ns = due_ns;
    sim->fds[i] = (struct pollfd){.fd = link_fd(w->link), .events = POLLIN};
    say_ready(sim, w);
    drain(sim, w);
    return 0;
}

static void forget(struct sim *sim, struct worker *w)
{
    for (size_t r = 0; r < w->pending_count; r++) {
        sim->sent.unheard += w->pending[r].requests;
        sbuf_fini(&w->pending[r].bytes);
    }
    free(w->pending);
    sbuf_fini(&w->classes);
    link_close(w->link, 2000);
    *w = (struct worker){0};
}

/* One leaves; a second later another one is there in its place, if it could. */
static void churn(struct sim *sim, uint64_t now)
{
    struct worker *w = &sim->workers[sim->churned];
    sim->churn_ns = now + SECOND_NS;
    if (!w->is_leaving) {
        obey_quit(sim, w);
        sim->sent.leaves++;
        return;
    }
    if (!w->has_quit)
        return; /* until its last report is acknowledged */
    forget(sim, w);
    if (join(sim, w, now + SECOND_NS) == 0) {
        sim->sent.joins++;
        sim->sent.quits--;
        sim->churned = (sim->churned + 1) % sim->options.workers;
    }
}

/* Until then, or until all have quit. */
static void run(struct sim *sim, uint64_t end, bool is_churning)
{
    unsigned n = sim->options.workers;
    sim->churn_ns = clk_mono_ns() + 5 * SECOND_NS;
    for (uint64_t now; (now = clk_mono_ns()) < end && sim->sent.quits < n;) {
        uint64_t next = work(sim, now);
        if (is_churning && sim->churn_ns <= now)
            churn(sim, now);
        now = clk_mono_ns();
        poll(sim->fds, n, next > now ? (int)((next - now) / 1000000) : 0);
        for (unsigned i = 0; i < n; i++)
            if (sim->fds[i].revents)
                drain(sim, &sim->workers[i]);
    }
}

static void leave_all(struct sim *sim)
{
    for (unsigned i = 0; i < sim->options.workers; i++)
        obey_quit(sim, &sim->workers[i]);
    run(sim, clk_mono_ns() + LAST_NS, false);
}

static int connect_all(struct sim *sim)
{
    const unsigned n = sim->options.workers;
    uint64_t now = clk_mono_ns();
    sim->workers = mem_zalloc(n * sizeof *sim->workers);
    sim->fds = mem_zalloc(n * sizeof *sim->fds);
    for (unsigned i = 0; i < n; i++)
        if (join(sim, &sim->workers[i], now + SECOND_NS + i * SECOND_NS / n) != 0)
            return -1;
    return 0;
}

static void disconnect_all(struct sim *sim)
{
    for (unsigned i = 0; i < sim->options.workers; i++)
        forget(sim, &sim->workers[i]);
    free(sim->workers);
    free(sim->fds);
}

static bool number(const char *text, unsigned most, unsigned *out)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || end == text || n < 1 || n > most)
        return false;
    *out = (unsigned)n;
    return true;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {{"endpoint", required_argument, NULL, 'e'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"endpoints", required_argument, NULL, 'm'},
                                          {"samples", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"churn", no_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
    bool is_good = true;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (c == 'e')
            o->endpoint = optarg;
        else if (c == 'w')
            is_good &= number(optarg, MAX_WORKERS, &o->workers);
        else if (c == 'm')
            is_good &= number(optarg, 10000, &o->endpoints);
        else if (c == 'n')
            is_good &= number(optarg, 10000, &o->samples);
        else if (c == 's')
            is_good &= number(optarg, 3600, &o->seconds);
        else if (c == 'c')
            o->is_churning = true;
        else
            is_good = false;
    }
    return is_good && o->endpoint && optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct sim sim = {.options = {NULL, 200, 100, 10, 30, false}, .random = 42};
    if (parse(argc, argv, &sim.options) != 0) {
        fprintf(stderr,
                "usage: sim_workers --endpoint tcp://HOST:PORT [--workers 1..%d] "
                "[--endpoints 1..10000] [--samples 1..10000] [--seconds 1..3600] [--churn]\n",
                MAX_WORKERS);
        return 2;
    }
    stats_init(&sim.delta, clk_wall(), STATS_LIMITS_DEFAULT);
    int rc = connect_all(&sim);
    if (rc == 0) {
        run(&sim, clk_mono_ns() + sim.options.seconds * SECOND_NS, sim.options.is_churning);
        leave_all(&sim);
    }
    disconnect_all(&sim);
    printf(
        "workers %u, reports %lu (again %lu, acknowledged %lu), requests %lu, failures %lu, "
        "unheard %lu, bytes %lu, late %lu ms, oldest %lu ms, old %lu, interval %.1f s, joins %u, "
        "leaves %u\n",
        sim.options.workers, (unsigned long)sim.sent.reports, (unsigned long)sim.sent.again,
        (unsigned long)sim.sent.acknowledged, (unsigned long)sim.sent.requests,
        (unsigned long)sim.sent.failures, (unsigned long)sim.sent.unheard,
        (unsigned long)sim.sent.bytes, (unsigned long)(sim.sent.late_ns / 1000000),
        (unsigned long)(sim.sent.oldest_ns / 1000000), (unsigned long)sim.sent.old,
        sim.sent.interval_s, sim.sent.joins, sim.sent.leaves);
    stats_fini(&sim.delta);
    sbuf_fini(&sim.message);
    sbuf_fini(&sim.report);
    sbuf_fini(&sim.names);
    return rc == 0 ? 0 : 1;
}
