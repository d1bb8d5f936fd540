// SPDX-License-Identifier: MIT
#include "common/base/mem.h"
#include "master/core.h"
#include "master/nodes/mail.h"
#include <event2/event.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>
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

static void on_drain(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    inbox_drain(arg);
}

static unsigned ticks, wakes;

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd, (void)what;
    if (++ticks == 5 && m->record.trouble.broken > 0)
        event_base_loopbreak(m->base);
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
    struct master *m = mem_zalloc(sizeof *m);
    char endpoint[64], *why = NULL;
    int wake[2];
    pthread_t sender;
    snprintf(endpoint, sizeof endpoint, "ipc:///tmp/katydid-mail-%d", (int)getpid());
    m->base = event_base_new();
    m->link = link_bind(endpoint, &why);
    assert_non_null(m->link);
    assert_int_equal(pipe(wake), 0);
    m->drain = event_new(m->base, -1, 0, on_drain, m);
    m->link_event = event_new(m->base, link_fd(m->link), EV_READ | EV_PERSIST, on_drain, m);
    struct event *tick = event_new(m->base, -1, EV_PERSIST, on_tick, m);
    struct event *command = event_new(m->base, wake[0], EV_READ | EV_PERSIST, on_wake, m);
    event_add(m->link_event, NULL);
    event_add(command, NULL);
    pthread_create(&sender, NULL, flood, endpoint);
    while (m->record.trouble.broken == 0) /* it has begun */
        event_base_loop(m->base, EVLOOP_ONCE);
    event_add(tick, &(struct timeval){0, 100000});
    assert_int_equal(write(wake[1], "x", 1), 1);
    inbox_soon(m);
    alarm(60); /* rather than wait for ever, as it once did */
    event_base_dispatch(m->base);
    alarm(0);
    assert_true(ticks >= 5);
    assert_int_equal(wakes, 1);
    must_end = true;
    pthread_join(sender, NULL);
    struct event *events[] = {m->drain, m->link_event, tick, command};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        event_free(events[i]);
    event_base_free(m->base);
    link_close(m->link, 0);
    inbox_fini(m);
    close(wake[0]);
    close(wake[1]);
    unlink(endpoint + strlen("ipc://"));
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_is_read_in_the_order_it_came),
        cmocka_unit_test(mail_has_a_limit),
        cmocka_unit_test(whoever_floods_the_inbox_stops_no_timer_and_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
