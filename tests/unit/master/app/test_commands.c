// SPDX-License-Identifier: MIT
/* What the page asks for, from the command to the orders that are sent: a whole master without
 * processes, link or loop. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
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
static bool send_bytes(void *arg, const char *node, const void *bytes, size_t len)
{
    struct slice type = {0};
    (void)arg;
    proto_peek_type(bytes, len, &type);
    sbuf_addf(&the_bench->sent, "%.*s>%s ", (int)type.len, (const char *)type.data, node);
    return true;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    m->wake_at = 0;
    run_on(m, &(struct machine_event){.kind = ON_TIME});
}

static struct bench *new_bench(void)
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

static void free_bench(struct bench *b)
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

static struct worker *join(struct bench *b, const char *id)
{
    const struct message_ready r = {.is_accepted = true, .is_katydid = true};
    registry_ready(&b->m.nodes, id, &r);
    sbuf_clear(&b->sent);
    return roster_find(&b->m.machine.roster, id);
}

static struct command swarm(double users, double rate)
{
    return (struct command){
        .kind = CMD_SWARM, .users = users, .spawn_rate = rate, .run_time_s = -1, .is_pages = true};
}

static struct command_result ask(struct bench *b, struct command c)
{
    struct command_result r = commands_execute(&b->m, &c);
    command_fini(&c);
    return r;
}

static struct command_result just(struct bench *b, enum command_kind kind)
{
    return ask(b, (struct command){.kind = kind});
}

/* All that is due now. */
static void turn(struct bench *b)
{
    event_base_loop(b->m.base, EVLOOP_ONCE);
}

static bool was_sent(const struct bench *b, const char *what)
{
    return b->sent.data && strstr(b->sent.data, what);
}

static void a_start_ends_in_orders(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w");
    assert_true(ask(b, swarm(4, 4)).is_ok);
    assert_int_equal(b->m.machine.run.state, RUN_SPAWNING);
    turn(b);
    assert_true(was_sent(b, "spawn>w"));
    struct class_users users = {(char *)(uintptr_t) "Shopper", 4};
    roster_set_users(&b->m.machine.roster, w, &users, 1);
    run_on(&b->m, &(struct machine_event){.kind = ON_WORKER_USERS, .worker = w});
    assert_int_equal(b->m.machine.run.state, RUN_RUNNING);
    assert_true(was_sent(b, "spawning_complete>w"));
    assert_true(just(b, CMD_STOP).is_ok);
    assert_true(was_sent(b, "stop>w"));
    assert_int_equal(b->m.machine.run.state, RUN_STOPPING);
    assert_int_equal(w->state, WORKER_STOPPING);
    free_bench(b);
}

static void what_cannot_be_done_is_refused_and_changes_nothing(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    assert_non_null(strstr(ask(b, swarm(4, 4)).text, "No worker"));
    join(b, "w");
    assert_string_equal(ask(b, swarm(-1, 4)).field, "users");
    assert_string_equal(ask(b, swarm(4, -1)).field, "spawn_rate");
    struct command edit = swarm(4, 4);
    edit.is_edit = true;
    assert_non_null(strstr(ask(b, edit).text, "No test is running"));
    assert_int_equal(b->m.machine.run.state, RUN_READY);
    assert_true(ask(b, swarm(4, 4)).is_ok);
    assert_non_null(strstr(ask(b, swarm(8, 4)).text, "running already"));
    assert_int_equal(b->m.machine.run.target_users, 4);
    b->m.machine.is_shaped = true;
    assert_non_null(strstr(ask(b, edit).text, "load shape"));
    free_bench(b);
}

static void a_check_changes_nothing(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    struct command c = swarm(4, 4);
    c.is_check = true;
    assert_true(ask(b, c).is_ok);
    assert_int_equal(b->m.machine.run.state, RUN_READY);
    assert_true(b->m.machine.load.users < 0);
    free_bench(b);
}

static void a_running_test_is_edited(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    ask(b, swarm(4, 4));
    struct command edit = swarm(10, 5);
    edit.is_edit = true;
    edit.run_time_s = 60;
    assert_true(ask(b, edit).is_ok);
    assert_int_equal(b->m.machine.run.target_users, 10);
    assert_true(b->m.machine.run.time_limit_at > 0);
    struct command lift = swarm(-1, -1);
    lift.is_edit = true;
    lift.run_time_s = 0;
    assert_true(ask(b, lift).is_ok);
    assert_int_equal(b->m.machine.run.target_users, 10);
    assert_true(b->m.machine.run.time_limit_at <= 0);
    free_bench(b);
}

static void a_mark_belongs_to_a_run(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    assert_false(ask(b, (struct command){.kind = CMD_MARKER, .text = mem_strdup("now")}).is_ok);
    ask(b, swarm(4, 4));
    assert_true(ask(b, (struct command){.kind = CMD_MARKER, .text = mem_strdup("now")}).is_ok);
    assert_string_equal(
        ask(b, (struct command){.kind = CMD_MARKER, .text = mem_strdup("once"), .at = 5}).field,
        "at");
    free_bench(b);
}

static void after_the_end_has_begun_nothing_starts(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    assert_true(ask(b, swarm(4, 4)).is_ok);
    assert_true(just(b, CMD_QUIT).is_ok); /* the worker is waited for */
    assert_int_equal(b->m.machine.finish, FINISH_STOP);
    assert_non_null(strstr(ask(b, swarm(4, 4)).text, "shutting down"));
    assert_false(ask(b, (struct command){.kind = CMD_TRY}).is_ok);
    assert_false(just(b, CMD_RELOAD).is_ok);
    assert_true(just(b, CMD_STOP).is_ok); /* it is on its way */
    free_bench(b);
}

static void figures_are_reset(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct stats *s = &b->m.record.stats;
    join(b, "w");
    ask(b, swarm(4, 4));
    stats_add(s, stats_row(s, "GET", 3, "/", 1), master_now().unix_time, 1000, 1);
    assert_true(just(b, CMD_RESET).is_ok);
    assert_int_equal(s->total.requests, 0);
    assert_int_equal(b->m.machine.run.state, RUN_SPAWNING); /* the run goes on */
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_ends_in_orders),
        cmocka_unit_test(what_cannot_be_done_is_refused_and_changes_nothing),
        cmocka_unit_test(a_check_changes_nothing),
        cmocka_unit_test(a_running_test_is_edited),
        cmocka_unit_test(a_mark_belongs_to_a_run),
        cmocka_unit_test(after_the_end_has_begun_nothing_starts),
        cmocka_unit_test(figures_are_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
