// SPDX-License-Identifier: MIT
#include "master/web/bridge.h"
#include "common/base/mem.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct submitter {
    struct bridge *bridge;
    struct command command;
    int timeout_ms;
    struct command_result result;
};

static void *submit(void *arg)
{
    struct submitter *s = arg;
    s->result = bridge_submit(s->bridge, &s->command, s->timeout_ms);
    return NULL;
}

static struct command_result count(void *arg, struct command *c)
{
    struct command_result r = {.is_ok = true};
    ++*(int *)arg;
    snprintf(r.text, sizeof r.text, "%s", c->host ? c->host : "none");
    return r;
}

static void wait_readable(struct bridge *b)
{
    struct pollfd p = {.fd = bridge_fd(b), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
}

static void commands_are_executed_and_answered(void **state)
{
    (void)state;
    struct bridge *b = bridge_new();
    struct submitter s[4];
    pthread_t threads[4];
    int executed = 0;
    for (int i = 0; i < 4; i++) {
        s[i] = (struct submitter){.bridge = b, .timeout_ms = 60000};
        s[i].command.kind = CMD_SWARM;
        s[i].command.host = mem_strdup("http://x");
        pthread_create(&threads[i], NULL, submit, &s[i]);
    }
    while (executed < 4) {
        wait_readable(b);
        bridge_run_commands(b, count, &executed);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(s[i].result.is_ok);
        assert_string_equal(s[i].result.text, "http://x");
    }
    bridge_free(b);
}

static void a_command_nobody_takes_is_withdrawn(void **state)
{
    (void)state;
    struct bridge *b = bridge_new();
    struct submitter s = {.bridge = b, .timeout_ms = 20};
    int executed = 0;
    submit(&s);
    assert_false(s.result.is_ok);
    bridge_run_commands(b, count, &executed);
    assert_int_equal(executed, 0);
    bridge_free(b);
}

static void close_lets_everybody_go(void **state)
{
    (void)state;
    struct bridge *b = bridge_new();
    struct submitter s = {.bridge = b, .timeout_ms = 60000};
    pthread_t thread;
    pthread_create(&thread, NULL, submit, &s);
    wait_readable(b);
    bridge_close(b);
    pthread_join(thread, NULL);
    assert_false(s.result.is_ok);
    assert_null(bridge_wait_view(b, 0, 60000));
    submit(&s);
    assert_false(s.result.is_ok);
    bridge_free(b);
}

static struct view *make_view(uint64_t tick)
{
    struct view *v = mem_zalloc(sizeof *v);
    v->tick = tick;
    v->refs = 1;
    return v;
}

static void *publish_later(void *arg)
{
    bridge_publish(arg, make_view(2));
    return NULL;
}

static void readers_get_the_newest_view(void **state)
{
    (void)state;
    struct bridge *b = bridge_new();
    pthread_t thread;
    assert_null(bridge_view(b));
    assert_null(bridge_wait_view(b, 0, 5));
    bridge_publish(b, make_view(1));
    struct view *first = bridge_view(b);
    assert_int_equal(first->tick, 1);
    pthread_create(&thread, NULL, publish_later, b);
    struct view *second = bridge_wait_view(b, 1, 60000);
    pthread_join(thread, NULL);
    assert_int_equal(second->tick, 2);
    assert_int_equal(first->tick, 1);
    view_unref(first);
    view_unref(second);
    bridge_free(b);
}

static struct command_result later(void *arg, struct command *c)
{
    *(void **)arg = c->ticket;
    return (struct command_result){.is_pending = true};
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    struct bridge *b = bridge_new();
    struct submitter s = {.bridge = b, .timeout_ms = 10};
    pthread_t thread;
    void *ticket = NULL;
    pthread_create(&thread, NULL, submit, &s);
    while (!ticket) {
        wait_readable(b);
        bridge_run_commands(b, later, &ticket);
        if (!ticket) { /* it had given up: once more */
            pthread_join(thread, NULL);
            s.timeout_ms = 60000;
            pthread_create(&thread, NULL, submit, &s);
        }
    }
    struct command_result r = {.is_ok = true, .text = "at last"};
    bridge_answer(b, ticket, &r);
    pthread_join(thread, NULL);
    assert_true(s.result.is_ok);
    assert_string_equal(s.result.text, "at last");
    bridge_close(b);
    bridge_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_executed_and_answered),
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_command_nobody_takes_is_withdrawn),
        cmocka_unit_test(close_lets_everybody_go),
        cmocka_unit_test(readers_get_the_newest_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
