// SPDX-License-Identifier: MIT
/* fetch and bodies that wait until the server says that it wants them (Expect: 100-continue). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum manner { CONTINUE, PROCESSING, REFUSE, SAY_NOTHING, LEAVE, HANG };

static atomic_int manner, heads, bodies;

static bool read_until(struct peer_conn *c, char *text, size_t size, const char *end)
{
    size_t len = 0;
    for (text[0] = 0; !strstr(text, end); text[len] = 0) {
        const long n = peer_recv(c, text + len, size - len - 1);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    return true;
}

static void serve(struct peer_conn *c)
{
    char text[4096];
    while (read_until(c, text, sizeof text, "\r\n\r\n")) {
        heads++;
        if (manner == LEAVE)
            return;
        if (manner == REFUSE)
            peer_say(c, "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
        if (manner == PROCESSING)
            peer_say(c, "HTTP/1.1 102 Processing\r\n\r\n");
        if (manner == CONTINUE || manner == PROCESSING)
            peer_say(c, "HTTP/1.1 100 Continue\r\n\r\n");
        if (!read_until(c, text, sizeof text, "body"))
            return;
        bodies++;
        peer_say(c, OK);
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
    heads = bodies = 0;
    rig.request.awaits_continue = true;
    rig.request.body = "body";
    rig.request.body_len = 4;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_fini(&rig);
    peer_stop(peer);
    return 0;
}

static void post(int how, int status, int connections)
{
    manner = how;
    for (int i = 1; i <= 3; i++) {
        struct fetch *f = rig_start(&rig, "POST", "/");
        assert_true(rig_until(&rig, fetch_is_done(f)));
        const struct fetch_response *r = fetch_response(f);
        const struct fetch_times *t = &r->times;
        assert_string_equal(fetch_error_text(r->error), "ok");
        assert_int_equal(r->status, status);
        assert_true(r->was_sent && t->sent_first <= t->sent_last && t->sent_last <= t->first_byte);
        fetch_free(f);
        assert_int_equal(heads, i);
        assert_int_equal(bodies, status == 200 ? i : 0);
    }
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, connections);
}

static void test_wanted(void **state)
{
    (void)state;
    post(CONTINUE, 200, 1);
}

static void test_wanted_later(void **state)
{
    (void)state;
    post(PROCESSING, 200, 1);
}

/* The next request must not be taken for the body. */
static void test_not_wanted(void **state)
{
    (void)state;
    post(REFUSE, 417, 3);
}

static void test_nothing_is_said(void **state)
{
    (void)state;
    rig.request.read_timeout_ms = 100;
    post(SAY_NOTHING, 200, 1);
}

/* The server has the head: it may count the request. */
static void test_cancelled(void **state)
{
    (void)state;
    manner = HANG;
    struct fetch *f = rig_start(&rig, "POST", "/");
    assert_true(rig_until(&rig, heads == 1));
    fetch_cancel(f);
    assert_true(fetch_response(f)->was_sent);
    fetch_free(f);
    assert_int_equal(bodies, 0);
}

static void test_left(void **state)
{
    (void)state;
    manner = LEAVE;
    struct fetch *f = rig_start(&rig, "POST", "/");
    assert_true(rig_until(&rig, fetch_is_done(f)));
    assert_int_equal(fetch_response(f)->error, FETCH_CLOSED);
    assert_true(fetch_response(f)->was_sent);
    fetch_free(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_wanted),          T(test_wanted_later), T(test_not_wanted),
        T(test_nothing_is_said), T(test_cancelled),    T(test_left),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
