// SPDX-License-Identifier: MIT
/* fetch and bodies that are read while they come: when each part arrived, and what a reader costs
 * that is always a little behind. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/sbuf.h"
#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"
#include "worker/proto/fetch_int.h"

#define HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define LONG_BYTES (8u << 20)

static atomic_int parts_wanted;
static struct peer *peer;
static struct rig rig;

static void say_long(struct peer_conn *c)
{
    char bytes[8192];
    memset(bytes, 'x', sizeof bytes);
    for (size_t sent = 0; sent < LONG_BYTES; sent += sizeof bytes)
        if (!peer_send(c, bytes, sizeof bytes))
            return;
}

/* A part each time the test wants one more. */
static void say_parts(struct peer_conn *c)
{
    for (int said = 0; said < 4; said++) {
        while (parts_wanted <= said)
            usleep(500);
        if (!peer_say(c, "part "))
            return;
    }
}

static void serve(struct peer_conn *c)
{
    if (!peer_read_request(c) || !peer_say(c, HEAD))
        return;
    if (peer_asked(c, "/long"))
        say_long(c);
    else
        say_parts(c);
}

static int set_up(void **state)
{
    (void)state;
    peer = peer_start(serve, NULL, NULL);
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    rig.request.mode = FETCH_STREAM;
    rig.request.is_stamped = true;
    parts_wanted = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    parts_wanted = 4;
    rig_fini(&rig);
    peer_stop(peer);
    return 0;
}

static size_t waiting(const struct fetch *f)
{
    return f->body.len - f->body_read;
}

/* Parts that were received one by one keep their own times until they are read. */
static void parts_have_their_own_times(void **state)
{
    (void)state;
    struct fetch *f = rig_get(&rig, "/parts");
    uint64_t last_ns = f->response.times.first_byte;
    const char *bytes = NULL;
    assert_int_equal(fetch_peek(f, &bytes, &last_ns), -1);
    for (int i = 1; i <= 3; i++) {
        parts_wanted = i;
        assert_true(rig_until(&rig, waiting(f) == 5u * (unsigned)i));
    }
    for (int i = 0; i < 3; i++) {
        uint64_t ns = 0;
        assert_int_equal(fetch_peek(f, &bytes, &ns), 5);
        assert_memory_equal(bytes, "part ", 5);
        assert_true(ns > last_ns);
        last_ns = ns;
        fetch_skip(f, 2);
        assert_int_equal(fetch_peek(f, &bytes, &ns), 3);
        assert_true(ns == last_ns);
        fetch_skip(f, 3);
    }
    parts_wanted = 4;
    assert_true(rig_until(&rig, f->state == FETCH_IS_OVER));
    assert_int_equal(fetch_peek(f, &bytes, &last_ns), 5);
    fetch_skip(f, 5);
    assert_int_equal(fetch_peek(f, &bytes, &last_ns), 0);
    fetch_free(f);
}

/* One that leaves something each time must not have all that it has read stay in memory. */
static void late_reader_costs_its_window(void **state)
{
    (void)state;
    struct fetch *f = rig_get(&rig, "/long");
    size_t read = 0, most = 0;
    char buffer[16384];
    while (read + sizeof buffer < LONG_BYTES) {
        if (!rig_until(&rig, waiting(f) > sizeof buffer || f->state == FETCH_IS_OVER))
            break;
        const long n = fetch_read(f, buffer, sizeof buffer);
        assert_true(n > 0);
        read += (size_t)n;
        most = f->body.cap > most ? f->body.cap : most;
    }
    assert_true(read + sizeof buffer >= LONG_BYTES);
    assert_true(most <= 8 * STREAM_HIGH);
    fetch_free(f);
}

/* A stamp is the difference of two clocks. */
static void none_arrives_before_what_came_earlier(void **state)
{
    (void)state;
    struct fetch *f = rig_get(&rig, "/parts");
    static const uint64_t stamps[] = {10, 7, 12}, wanted[] = {10, 12};
    static const long lengths[] = {2, 1};
    const char *bytes = NULL;
    uint64_t ns = 0;
    for (size_t i = 0; i < 3; i++) {
        f->arrived_ns = stamps[i];
        assert_int_equal(fetch_body_add(f, "x", 1, false), FETCH_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        const long n = fetch_peek(f, &bytes, &ns);
        assert_int_equal(n, lengths[i]);
        assert_int_equal(ns, wanted[i]);
        fetch_skip(f, (size_t)n);
    }
    fetch_free(f);
}

/* However many parts wait, what is kept of their times is bounded. */
static void arrivals_are_bounded(void **state)
{
    (void)state;
    struct fetch *f = rig_get(&rig, "/parts");
    const char *bytes = NULL;
    uint64_t ns = 0;
    for (uint64_t i = 1; i <= 5000; i++) {
        f->arrived_ns = i;
        assert_int_equal(fetch_body_add(f, "x", 1, false), FETCH_OK);
    }
    assert_true(f->arrivals.cap <= 65536);
    size_t parts = 0, all = 0;
    for (long n; all < 5000 && (n = fetch_peek(f, &bytes, &ns)) > 0; all += (size_t)n, parts++)
        fetch_skip(f, (size_t)n);
    assert_int_equal(all, 5000);
    assert_int_equal(ns, 5000);
    assert_true(parts >= 1000);
    fetch_free(f);
}

int main(void)
{
#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_RIG(parts_have_their_own_times),
        IN_RIG(late_reader_costs_its_window),
        IN_RIG(arrivals_are_bounded),
        IN_RIG(none_arrives_before_what_came_earlier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
