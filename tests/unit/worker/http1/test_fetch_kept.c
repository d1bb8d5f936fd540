// SPDX-License-Identifier: MIT
/* fetch and servers that close connections which were kept: when nobody looks, at the moment of a
 * request, in order and by a reset. What they cannot have taken goes out again, always; what they
 * may have taken only when the caller allows it, and it is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum manner {
    LEAVE,       /* answers and closes without having said so */
    LEAVE_RESET, /* the same by a reset */
    LEAVE_408,   /* the same, after "408" that nobody asked for */
    TAKE,        /* answers one request of a connection, takes the second and closes */
    TAKE_RESET,
    TAKE_ALL,  /* takes every request and closes */
    TAKE_HALF, /* answers one request, closes after the beginning of the second */
    BEGIN,     /* answers one request, and the second with half a status line */
    SAY_MORE,  /* the end of an answer comes with another one, which nobody asked for */
};

static atomic_int manner, taken, left;
static atomic_bool is_seen; /* that it has closed */

static bool take_half(struct peer_conn *c)
{
    char byte;
    peer_recv(c, &byte, 1);
    shutdown(c->fd, SHUT_WR);
    peer_await(&is_seen, RIG_PATIENCE_MS); /* to close resets it: there is more to read */
    return false;
}

static bool say_more(struct peer_conn *c)
{
    peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
    peer_await(&is_seen, RIG_PATIENCE_MS);
    peer_say(c, "kHTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno");
    return true;
}

/* False when the connection is to be closed. */
static bool serve_first(struct peer_conn *c)
{
    if (manner == TAKE_ALL)
        return false;
    if (manner == SAY_MORE)
        return say_more(c);
    peer_say(c, OK);
    if (manner == LEAVE_408)
        peer_say(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    if (manner == TAKE_HALF)
        return take_half(c);
    return manner >= TAKE;
}

static void serve(struct peer_conn *c)
{
    for (int n = 0; peer_read_request(c); n++) {
        taken++;
        if (n == 0 && serve_first(c))
            continue;
        if (n && manner == BEGIN)
            peer_say(c, "HTTP/1.1 2");
        break;
    }
    if (manner == LEAVE_RESET || manner == TAKE_RESET)
        connect(c->fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
    else
        shutdown(c->fd, SHUT_RDWR);
    left++;
}

static struct peer *peer;
static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    peer = peer_start(serve, NULL, NULL);
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    manner = LEAVE;
    taken = left = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_fini(&rig);
    peer_stop(peer);
    return 0;
}

static enum fetch_error go(const char *method, unsigned *resent)
{
    struct fetch *f = rig_start(&rig, method, "/");
    assert_true(rig_until(&rig, fetch_is_done(f)));
    const struct fetch_response *r = fetch_response(f);
    const enum fetch_error error = r->error;
    assert_true(error != FETCH_OK || (r->status == 200 && r->body_len == 2));
    assert_true(r->times.start <= r->times.dialed || r->was_reused);
    *resent = r->resent;
    fetch_free(f);
    return error;
}

static void expect(const char *method, enum fetch_error error, unsigned resent)
{
    unsigned got;
    assert_string_equal(fetch_error_text(go(method, &got)), fetch_error_text(error));
    assert_int_equal(got, resent);
}

/* The server closes after each answer; the loop does not come to see it before the next request. */
static void answered_all(int how, unsigned pause_us)
{
    manner = how;
    for (unsigned i = 0; i < 8; i++) {
        const int before = left;
        expect(i % 2 ? "GET" : "POST", FETCH_OK, 0);
        while (left == before)
            usleep(50);
        usleep(pause_us);
    }
}

static void test_left(void **state)
{
    (void)state;
    static const unsigned pauses_us[] = {0, 300, 3000, 30000};
    for (unsigned i = 0; i < 4; i++) {
        answered_all(LEAVE, pauses_us[i]);
        answered_all(LEAVE_RESET, pauses_us[i]);
    }
    answered_all(LEAVE_408, 30000);
    assert_int_equal(taken, 72);
}

/* What the loop saw last is of no use when it has not looked for long. */
static void test_left_after_a_look(void **state)
{
    (void)state;
    rig.polled_ns = clk_mono_ns();
    answered_all(LEAVE_408, 30000);
    answered_all(LEAVE, 30000);
    assert_int_equal(taken, 16);
}

/* It takes the request and closes: only what may be sent twice is. */
static void test_taken(void **state)
{
    (void)state;
    for (manner = TAKE; manner <= TAKE_RESET; manner++) {
        const enum fetch_error error = manner == TAKE ? FETCH_CLOSED : FETCH_RESET;
        taken = 0;
        rig.request.resends = 0;
        expect("GET", FETCH_OK, 0);
        expect("POST", error, 0);
        rig.request.resends = 1;
        expect("GET", FETCH_OK, 0);
        expect("GET", FETCH_OK, 1);
        assert_int_equal(taken, 5);
        fetch_pool_close_idle(rig.pool);
    }
}

static void test_taken_stream(void **state)
{
    (void)state;
    manner = TAKE;
    rig.request.resends = 1;
    expect("GET", FETCH_OK, 0);
    rig.request.mode = FETCH_STREAM;
    struct fetch *f = rig_start(&rig, "GET", "/");
    assert_true(rig_until(&rig, fetch_is_done(f)));
    assert_int_equal(rig.calls, 2);
    char body[8];
    assert_int_equal(fetch_read(f, body, sizeof body), 2);
    assert_int_equal(fetch_response(f)->resent, 1);
    fetch_free(f);
}

/* Once, and not for a server that never answers; unless the caller wants it so. */
static void test_never_answered(void **state)
{
    (void)state;
    manner = TAKE_ALL;
    rig.request.resends = 3;
    expect("GET", FETCH_CLOSED, 0);
    assert_int_equal(taken, 1);
    rig.request.resends_on_new = true;
    expect("GET", FETCH_CLOSED, 3);
    assert_int_equal(taken, 5);
}

/* Bytes of an answer came: it is no other request's. */
static void test_begun(void **state)
{
    (void)state;
    manner = BEGIN;
    rig.request.resends = 1;
    expect("GET", FETCH_OK, 0);
    expect("GET", FETCH_INCOMPLETE, 0);
    assert_int_equal(taken, 2);
}

/* A server that had some of it may have done something. */
static void test_half_taken(void **state)
{
    (void)state;
    static const char body[4 << 20];
    manner = TAKE_HALF;
    expect("GET", FETCH_OK, 0);
    rig.request.body = body;
    rig.request.body_len = sizeof body;
    unsigned resent;
    is_seen = false;
    assert_int_not_equal(go("POST", &resent), FETCH_OK);
    is_seen = true;
    assert_int_equal(taken, 1);
}

/* What comes behind an answer is none, be it of the next request. */
static void test_more_is_said(void **state)
{
    (void)state;
    manner = SAY_MORE;
    for (int i = 0; i < 2; i++) {
        is_seen = false;
        struct fetch *f = rig_start(&rig, "GET", "/");
        assert_true(rig_until(&rig, fetch_response(f)->status));
        is_seen = true;
        assert_true(rig_until(&rig, fetch_is_done(f)));
        assert_int_equal(fetch_response(f)->status, 200);
        assert_memory_equal(fetch_response(f)->body, "ok", 2);
        fetch_free(f);
    }
    assert_int_equal(taken, 2);
}

/* The time of a limit is that of the whole exchange. */
static void test_total_timeout(void **state)
{
    (void)state;
    manner = TAKE;
    rig.request.resends = 1;
    rig.request.total_timeout_ms = rig.request.connect_timeout_ms = 5000;
    rig.request.read_timeout_ms = 5000;
    expect("GET", FETCH_OK, 0);
    expect("GET", FETCH_OK, 1);
    expect("GET", FETCH_OK, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_left),         T(test_left_after_a_look), T(test_taken),
        T(test_taken_stream), T(test_never_answered),    T(test_begun),
        T(test_half_taken),   T(test_more_is_said),      T(test_total_timeout),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
