// SPDX-License-Identifier: MIT
#include "common/base/mem.h"
#include "master/nodes/nodes.h"
#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct link_message message(const char *node, size_t len)
{
    return (struct link_message){mem_strdup(node), mem_zalloc(len), len};
}

static void mail_is_read_in_the_order_it_came(void **state)
{
    (void)state;
    struct mail m = {0};
    for (int i = 0; i < 3; i++) {
        struct link_message raw = message(i == 1 ? "b" : "a", 10 + (size_t)i);
        mail_put(&m, &raw, (struct clk_moment){100 + i, 5});
    }
    assert_int_equal(m.count, 3);
    assert_true(mail_waits_s(&m, 104) > 3.9 && mail_waits_s(&m, 104) < 4.1);
    for (size_t i = 0; i < 3; i++) {
        struct letter *l = mail_take(&m);
        assert_int_equal(l->raw.len, 10 + i);
        letter_free(l);
    }
    assert_null(mail_take(&m));
    assert_int_equal(m.bytes, 0);
    assert_true(mail_waits_s(&m, 104) <= 0);
}

static void mail_has_a_limit(void **state)
{
    (void)state;
    struct mail m = {0};
    size_t count = 0;
    for (; !mail_is_full(&m) && count < 1000; count++) {
        struct link_message raw = message("a", 1 << 20);
        mail_put(&m, &raw, (struct clk_moment){1, 1});
    }
    assert_in_range(count, 60, 64);
    mail_fini(&m);
    assert_int_equal(m.count, 0);
}

/* ---- the inbox, under a flood ---- */

static atomic_bool must_end;

static void *flood(void *endpoint)
{
    char *why = NULL, junk[2000] = "no message at all";
    struct link *l = link_connect(endpoint, "flood", &why);
    while (l && !must_end)
        if (link_send(l, NULL, junk, sizeof junk) != LINK_OK)
            usleep(100);
    link_close(l, 0);
    return NULL;
}

/* Each look at the clock is a second after the one before. */
static struct run_clock next_second(void *arg)
{
    double *seconds = arg;
    *seconds += 1;
    return (struct run_clock){*seconds, *seconds};
}

static void not_now(void *arg)
{
    (void)arg;
}

/* A process that was stopped between two looks takes what was sent meanwhile for no older. */
static void a_message_came_when_it_was_taken_off_the_link(void **state)
{
    (void)state;
    static struct record record;
    double seconds = 0, began = 0;
    const struct clock clock = {.now = next_second, .arg = &seconds};
    struct nodes n = {.record = &record, .clock = &clock, .above = {.soon = not_now}};
    char endpoint[64], *why = NULL;
    snprintf(endpoint, sizeof endpoint, "ipc:///tmp/katydid-came-%d", (int)getpid());
    n.link = link_bind(endpoint, &why);
    struct link *l = link_connect(endpoint, "w", &why);
    assert_true(n.link && l);
    assert_int_equal(link_send(l, NULL, "x", 1), LINK_OK);
    while (record.trouble.broken == 0) {
        assert_int_equal(poll(&(struct pollfd){link_fd(n.link), POLLIN, 0}, 1, 60000), 1);
        began = seconds;
        inbox_flush(&n);
    }
    assert_true(n.inbox.handled.mono > began + 2); /* not that of the first look */
    link_close(l, 0);
    link_close(n.link, 0);
    mail_fini(&n.inbox.mail);
    unlink(endpoint + strlen("ipc://"));
}

struct surroundings {
    struct event_base *base;
    struct event *drain;
    struct record record;
    struct nodes nodes;
};

static struct run_clock now(void *arg)
{
    (void)arg;
    const struct clk_moment m = clk_now();
    return (struct run_clock){m.mono, m.steady};
}

static void soon(void *arg)
{
    const struct surroundings *s = arg;
    if (!evtimer_pending(s->drain, NULL))
        event_add(s->drain, &(struct timeval){0, 0});
}

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
    struct surroundings *s = arg;
    (void)fd, (void)what;
    inbox_drain(&s->nodes);
}

static unsigned ticks, wakes;

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    const struct surroundings *s = arg;
    (void)fd, (void)what;
    if (++ticks == 5 && s->record.trouble.broken > 0)
        event_base_loopbreak(s->base);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    char byte;
    (void)what, (void)arg;
    wakes += read(fd, &byte, 1) == 1;
}

static void whoever_floods_the_inbox_stops_no_timer_and_no_command(void **state)
{
    (void)state;
    struct surroundings *s = mem_zalloc(sizeof *s);
    struct nodes *n = &s->nodes;
    const struct clock clock = {.now = now};
    char endpoint[64], *why = NULL;
    int wake[2];
    pthread_t sender;
    snprintf(endpoint, sizeof endpoint, "ipc:///tmp/katydid-mail-%d", (int)getpid());
    s->base = event_base_new();
    n->link = link_bind(endpoint, &why);
    n->record = &s->record;
    n->clock = &clock;
    n->above = (struct nodes_above){.arg = s, .soon = soon};
    assert_non_null(n->link);
    assert_int_equal(pipe(wake), 0);
    s->drain = event_new(s->base, -1, 0, on_drain, s);
    struct event *mail = event_new(s->base, link_fd(n->link), EV_READ | EV_PERSIST, on_drain, s);
    struct event *tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
    struct event *command = event_new(s->base, wake[0], EV_READ | EV_PERSIST, on_wake, s);
    event_add(mail, NULL);
    event_add(command, NULL);
    pthread_create(&sender, NULL, flood, endpoint);
    while (s->record.trouble.broken == 0) /* it has begun */
        event_base_loop(s->base, EVLOOP_ONCE);
    event_add(tick, &(struct timeval){0, 100000});
    assert_int_equal(write(wake[1], "x", 1), 1);
    soon(s);
    alarm(60); /* rather than wait for ever, as it once did */
    event_base_dispatch(s->base);
    alarm(0);
    assert_true(ticks >= 5);
    assert_int_equal(wakes, 1);
    must_end = true;
    pthread_join(sender, NULL);
    struct event *events[] = {s->drain, mail, tick, command};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        event_free(events[i]);
    event_base_free(s->base);
    link_close(n->link, 0);
    mail_fini(&n->inbox.mail);
    close(wake[0]);
    close(wake[1]);
    unlink(endpoint + strlen("ipc://"));
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_is_read_in_the_order_it_came),
        cmocka_unit_test(mail_has_a_limit),
        cmocka_unit_test(a_message_came_when_it_was_taken_off_the_link),
        cmocka_unit_test(whoever_floods_the_inbox_stops_no_timer_and_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
