// SPDX-License-Identifier: MIT
#pragma once
/* master_bench: a whole master without processes, link or loop, for the tests of master/app. What
 * it sends is written down. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include <stdlib.h>
#include <string.h>

struct bench {
    struct master m;
    struct options options;
    struct script_class classes[2];
    struct sbuf sent;
};

static struct bench *the_bench;

/* Events reach the master itself; what is sent is written down. */
static inline bool send_bytes(void *arg, const char *node, const void *bytes, size_t len)
{
    struct slice type = {0};
    (void)arg;
    proto_peek_type(bytes, len, &type);
    sbuf_addf(&the_bench->sent, "%.*s>%s ", (int)type.len, (const char *)type.data, node);
    return true;
}

static inline void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    m->wake_at = 0;
    run_on(m, &(struct machine_event){.kind = ON_TIME});
}

static inline struct bench *new_bench(void)
{
    struct bench *b = mem_zalloc(sizeof *b);
    struct master *m = &b->m;
    the_bench = b;
    m->live = (struct options){.autoquit_s = -1, .exit_code_on_error = 1, .master = true};
    m->o = &m->live;
    m->base = event_base_new();
    m->wake = event_new(m->base, -1, 0, on_wake, m);
    m->bridge = bridge_new();
    m->tunables = tunables_usual;
    m->settle_s = -1;
    m->file_limit = 1 << 20;
    m->machine.is_open = true;
    m->machine.load.users = m->machine.load.spawn_rate = -1;
    snprintf(m->nodes.host.node_id, sizeof m->nodes.host.node_id, "host");
    m->judging.verdict = verdict_new();
    wiring_make(m);
    m->nodes.above.send = send_bytes;
    record_init(&m->record, 1 << 20, master_now().unix_time);
    b->classes[0] = (struct script_class){.name = (char *)(uintptr_t) "Reader", .weight = 1};
    b->classes[1] = (struct script_class){.name = (char *)(uintptr_t) "Shopper", .weight = 3};
    m->nodes.host.script.classes = b->classes;
    m->nodes.host.script.class_count = 2;
    m->nodes.host.has_script = true; /* and no process: nobody is waited for */
    return b;
}

static inline void free_bench(struct bench *b)
{
    struct master *m = &b->m;
    event_free(m->wake);
    event_base_free(m->base);
    verdict_free(m->judging.verdict);
    machine_fini(&m->machine);
    record_fini(&m->record);
    bridge_close(m->bridge);
    bridge_free(m->bridge);
    sbuf_fini(&b->sent);
    free(b);
}

static inline struct worker *join(struct bench *b, const char *id)
{
    const struct message_ready r = {.is_accepted = true, .is_katydid = true};
    registry_ready(&b->m.nodes, id, &r);
    sbuf_clear(&b->sent);
    return roster_find(&b->m.machine.roster, id);
}

static inline struct command swarm(double users, double rate)
{
    return (struct command){
        .kind = CMD_SWARM, .users = users, .spawn_rate = rate, .run_time_s = -1, .is_pages = true};
}

static inline struct command_result ask(struct bench *b, struct command c)
{
    struct command_result r = commands_execute(&b->m, &c);
    command_fini(&c);
    return r;
}

static inline struct command_result just(struct bench *b, enum command_kind kind)
{
    return ask(b, (struct command){.kind = kind});
}

/* All that is due now. */
static inline void turn(struct bench *b)
{
    event_base_loop(b->m.base, EVLOOP_ONCE);
}

static inline bool was_sent(const struct bench *b, const char *what)
{
    return b->sent.data && strstr(b->sent.data, what);
}
