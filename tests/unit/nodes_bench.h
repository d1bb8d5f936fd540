// SPDX-License-Identifier: MIT
#pragma once
/* nodes_bench: the room of the nodes without a link, a loop or a run machine: what it reports and
 * what it sends is written down. For tests of master/nodes/nodes.h. */
#include "common/base/sbuf.h"
#include "master/nodes/nodes.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct clock clock;
    struct options options;
    struct tunables tunables;
    struct machine machine;
    struct record record;
    struct nodes nodes;
    double now;    /* steady and monotonic */
    double asleep; /* how long the machine was suspended: other clocks are later by that */
    struct sbuf events, sent;
    bool is_full; /* nothing can be sent */
};

static inline struct run_clock bench_now(void *arg)
{
    const struct bench *b = arg;
    return (struct run_clock){b->now, 1700000000 + b->now};
}

static inline double bench_wall(void *arg)
{
    return bench_now(arg).unix_time + ((const struct bench *)arg)->asleep;
}

static inline double bench_boot(void *arg)
{
    return bench_now(arg).mono + ((const struct bench *)arg)->asleep;
}

static inline void bench_random(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 0x5a, len);
}

static inline const char *event_name(enum machine_event_kind kind)
{
    static const char *const names[MACHINE_EVENTS] = {
        [ON_START] = "start",
        [ON_SHAPE] = "shape",
        [ON_AIM] = "aim",
        [ON_STOP] = "stop",
        [ON_END] = "end",
        [ON_QUIT] = "quit",
        [ON_HEARD] = "heard",
        [ON_HOST_SAYS] = "host-says",
        [ON_HOST_EXIT] = "host-exit",
        [ON_WORKER_CAME] = "came",
        [ON_WORKER_BACK] = "back",
        [ON_WORKER_BEAT] = "beat",
        [ON_WORKER_SPAWNS] = "spawns",
        [ON_WORKER_USERS] = "users",
        [ON_WORKER_BUSY] = "busy",
        [ON_WORKER_STOPPED] = "stopped",
        [ON_WORKER_REPORT] = "report",
        [ON_WORKER_QUIT] = "quits",
        [ON_WORKER_LOST] = "lost",
    };
    return names[kind] ? names[kind] : "?";
}

static inline void bench_on(void *arg, const struct machine_event *e)
{
    struct bench *b = arg;
    sbuf_addf(&b->events, "%s%s", b->events.len ? " " : "", event_name(e->kind));
    if (e->kind == ON_HEARD)
        sbuf_addf(&b->events, ":%s", listened_name(e->listened));
    if (e->worker)
        sbuf_addf(&b->events, ":%s", e->worker->id);
    if (e->was_missing || e->was_running || e->has_ended)
        sbuf_addf(&b->events, ":%s",
                  e->was_missing   ? "was-missing"
                  : e->was_running ? "was-running"
                                   : "ended");
}

static inline bool bench_send(void *arg, const char *node, const void *bytes, size_t len)
{
    struct bench *b = arg;
    struct slice type = {0};
    if (b->is_full)
        return false;
    assert_true(proto_peek_type(bytes, len, &type));
    sbuf_addf(&b->sent, "%s%.*s>%s", b->sent.len ? " " : "", (int)type.len, (const char *)type.data,
              node);
    return true;
}

static inline void bench_soon(void *arg)
{
    (void)arg;
}

static inline void bench_loaded(void *arg, bool is_script)
{
    (void)arg;
    (void)is_script;
}

static inline void bench_told(void *arg, const struct worker *w, const struct message_stats *s)
{
    (void)arg;
    (void)w;
    (void)s;
}

static inline struct bench *new_bench(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->now = 1000;
    b->tunables = tunables_usual;
    b->clock = (struct clock){bench_now, bench_wall, bench_boot, bench_random, b};
    b->record.run = &b->machine.run;
    b->record.roster = &b->machine.roster;
    b->record.tunables = &b->tunables;
    record_init(&b->record, 1 << 20, bench_wall(b));
    b->nodes = (struct nodes){.clock = &b->clock,
                              .o = &b->options,
                              .machine = &b->machine,
                              .record = &b->record,
                              .tunables = &b->tunables,
                              .inbox.report_interval_s = 1,
                              .host.node_id = "host",
                              .host.is_alive = true};
    b->nodes.above = (struct nodes_above){.arg = b,
                                          .on = bench_on,
                                          .send = bench_send,
                                          .soon = bench_soon,
                                          .publish = bench_soon,
                                          .settings = bench_soon,
                                          .loaded = bench_loaded,
                                          .told = bench_told};
    return b;
}

static inline void free_bench(struct bench *b)
{
    b->is_full = true;
    script_forget_events(&b->nodes);
    script_forget_tick(&b->nodes);
    record_fini(&b->record);
    machine_fini(&b->machine);
    sbuf_fini(&b->events);
    sbuf_fini(&b->sent);
    free(b);
}

/* What was reported to the machine since the last look, and what was sent. */
static inline void assert_seen(struct bench *b, const char *events, const char *sent)
{
    assert_string_equal(b->events.len ? b->events.data : "", events);
    assert_string_equal(b->sent.len ? b->sent.data : "", sent);
    sbuf_clear(&b->events);
    sbuf_clear(&b->sent);
}

static inline struct worker *join(struct bench *b, const char *id, bool is_katydid)
{
    const struct message_ready r = {.is_accepted = true, .is_katydid = is_katydid};
    registry_ready(&b->nodes, id, &r);
    sbuf_clear(&b->events);
    sbuf_clear(&b->sent);
    return roster_find(&b->machine.roster, id);
}
