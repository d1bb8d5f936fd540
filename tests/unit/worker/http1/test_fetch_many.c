// SPDX-License-Identifier: MIT
/* fetch with very many connections, with very many targets, and in a loop that is late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

static atomic_int at_gate;
static atomic_bool gate_is_shut;

static bool serve_at_gate(struct peer_conn *c)
{
    at_gate++;
    while (gate_is_shut)
        usleep(5000);
    if (peer_asked(c, "/gate"))
        peer_say(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbye");
    else
        peer_say(c, "HTTP/1.1 200 OK\r\n\r\nuntil");
    shutdown(c->fd, SHUT_WR);
    at_gate--;
    return false;
}

#define FLOOD_MAX (UINT64_C(512) << 20)
static atomic_bool flood_is_over;

/* A body without a pause. */
static void serve_flood(struct peer_conn *c)
{
    static const char block[1 << 18];
    peer_say(c, "HTTP/1.1 200 OK\r\n\r\n");
    for (uint64_t sent = 0; sent < FLOOD_MAX && !flood_is_over; sent += sizeof block)
        if (!peer_send(c, block, sizeof block))
            return;
}

static void serve(struct peer_conn *c)
{
    while (peer_read_request(c)) {
        if (peer_asked(c, "/flood")) {
            serve_flood(c);
            shutdown(c->fd, SHUT_WR);
            return;
        }
        if (!peer_asked(c, "/")) {
            serve_at_gate(c);
            return;
        }
        peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static struct peer *peer;
static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    peer = peer_start(serve, NULL, NULL);
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_fini(&rig);
    peer_stop(peer);
    return 0;
}

/* Frees it. */
static void expect_body(struct fetch *f, const char *body)
{
    const struct fetch_response *r = fetch_response(f);
    assert_string_equal(fetch_error_text(r->error), "ok");
    assert_int_equal(r->body_len, strlen(body));
    assert_memory_equal(r->body, body, r->body_len);
    fetch_free(f);
}

/* More connections end in one turn than the engine keeps memory of. */
static void test_many_end_together(void **state)
{
    (void)state;
    enum { MANY = 1100 };
    static struct fetch *f[MANY];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    gate_is_shut = true;
    for (int i = 0; i < MANY; i++)
        f[i] = rig_start(&rig, "GET", i % 2 ? "/gate" : "/gate_until");
    assert_true(rig_until(&rig, at_gate == MANY));
    gate_is_shut = false;
    while (at_gate) /* every answer is there before the loop goes on */
        usleep(1000);
    assert_true(rig_until(&rig, rig.calls == MANY));
    for (int i = 0; i < MANY; i++) {
        expect_body(f[i], i % 2 ? "bye" : "until");
    }
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 0);
    expect_body(rig_get(&rig, "/"), "ok");
}

/* Of the exchanges that ended, until there are so many. */
static unsigned most_in_a_turn(unsigned calls)
{
    unsigned most = 0, before = rig.calls;
    while (rig_until(&rig, rig.calls > before || rig.calls == calls) && rig.calls > before) {
        most = rig.calls - before > most ? rig.calls - before : most;
        before = rig.calls;
    }
    return most;
}

/* Of whole answers that are there at once some are read in a turn, that who waits for them goes on
 * before all are. */
static void test_some_in_a_turn(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct fetch *f[MANY];
    gate_is_shut = true;
    for (int i = 0; i < MANY; i++)
        f[i] = rig_start(&rig, "GET", "/gate");
    assert_true(rig_until(&rig, at_gate == MANY));
    gate_is_shut = false;
    while (at_gate)
        usleep(1000);
    assert_in_range(most_in_a_turn(MANY), 1, 64);
    for (int i = 0; i < MANY; i++)
        expect_body(f[i], "bye");
}

/* A target may name new hosts without end, each of them once. */
static void test_origins_without_end(void **state)
{
    (void)state;
    const struct fetch_origin *home = rig.origin;
    for (int i = 0; i < 300; i++) {
        char host[32];
        snprintf(host, sizeof host, "127.0.%d.%d", i / 250, i % 250 + 1);
        rig.origin =
            fetch_origin_get(rig.engine, &(struct fetch_target){.host = host, .port = peer->port});
        struct fetch *f = rig_get(&rig, "/");
        fetch_free(f); /* most are refused: the peer listens at one address */
        if (i % 10 == 0) {
            fetch_origin_put(rig.origin);
            rig.origin = home;
            expect_body(rig_get(&rig, "/"), "ok");
        } else {
            fetch_origin_put(rig.origin);
        }
        assert_true(fetch_engine_counters(rig.engine).origins < 100);
    }
    rig.origin = home;
    assert_true(fetch_engine_counters(rig.engine).connections_open <= 2);
    assert_true(fetch_engine_counters(rig.engine).connections_reused > 20);
}

/* The end of the connection is the end of the answer: when it came, not when the loop saw it. */
static void test_late_loop(void **state)
{
    (void)state;
    gate_is_shut = true;
    struct fetch *f = rig_start(&rig, "GET", "/gate_until");
    assert_true(rig_until(&rig, at_gate == 1));
    gate_is_shut = false;
    while (at_gate)
        usleep(1000);
    const uint64_t over = clk_mono_ns();
    usleep(500000);
    assert_true(rig_until(&rig, fetch_is_done(f)));
    const struct fetch_times *t = &fetch_response(f)->times;
    assert_true(t->last_byte < over + 200000000);
    assert_true(t->last_byte >= t->first_byte);
    expect_body(f, "until");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ++*(int *)arg;
}

/* A server that never lets its reader rest: other exchanges and timers have their turns. */
static void test_flood(void **state)
{
    (void)state;
    int fired = 0;
    struct event *timer = event_new(rig.base, -1, EV_PERSIST, on_timer, &fired);
    fetch_engine_set_limits(rig.engine, (struct fetch_limits){.max_body = 2 * FLOOD_MAX});
    flood_is_over = false;
    struct fetch *flood = rig_start(&rig, "GET", "/flood");
    assert_true(rig_until(&rig, fetch_response(flood)->status == 200));
    event_add(timer, &(struct timeval){0, 1000});
    for (int i = 0; i < 10; i++)
        expect_body(rig_get(&rig, "/"), "ok");
    assert_true(rig_until(&rig, fired > 0));
    assert_false(fetch_is_done(flood));
    flood_is_over = true;
    assert_true(rig_until(&rig, fetch_is_done(flood)));
    fetch_free(flood);
    event_free(timer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_many_end_together), T(test_some_in_a_turn), T(test_origins_without_end),
        T(test_late_loop),         T(test_flood),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
