// SPDX-License-Identifier: MIT
/* fetch and bodies that come piece by piece. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/sbuf.h"
#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define END "end of the body"

enum manner { READ, ASK, ANSWER_EARLY, LEAVE };

static atomic_int manner, heads;
static struct sbuf got; /* bodies as the wire had them */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct peer *peer;
static struct rig rig;

/* Of a body of megabytes only what has just come is looked at, with what an END before it may want.
 */
static bool has_ended(const struct sbuf *text, const char *body, size_t come)
{
    const char *end = text->data + text->len;
    const size_t may_have = come + strlen(END);
    const char *from = (size_t)(end - body) > may_have ? end - may_have : body;
    return memmem(from, (size_t)(end - from), END, strlen(END)) != NULL;
}

static void serve(struct peer_conn *c)
{
    char bytes[4096];
    struct sbuf text = {0};
    bool is_asked = false;
    for (long n; (n = peer_recv(c, bytes, sizeof bytes)) > 0;) {
        sbuf_add(&text, bytes, (size_t)n);
        const char *body = memmem(text.data, text.len, "\r\n\r\n", 4);
        if (!body)
            continue;
        heads += !is_asked;
        if (manner == LEAVE)
            break;
        if (!is_asked && manner == ASK)
            peer_say(c, "HTTP/1.1 100 Continue\r\n\r\n");
        if (!is_asked && manner == ANSWER_EARLY)
            peer_say(c, OK);
        is_asked = true;
        if (!has_ended(&text, body, (size_t)n))
            continue;
        pthread_mutex_lock(&lock);
        sbuf_adds(&got, body + 4);
        pthread_mutex_unlock(&lock);
        peer_say(c, OK);
        sbuf_clear(&text);
        is_asked = false;
    }
    sbuf_fini(&text);
}

static int set_up(void **state)
{
    (void)state;
    peer = peer_start(serve, NULL, NULL);
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    rig.request.is_in_pieces = true;
    manner = READ;
    heads = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_fini(&rig);
    peer_stop(peer);
    sbuf_fini(&got);
    return 0;
}

static bool has_got(const char *text)
{
    pthread_mutex_lock(&lock);
    const bool is_so = strcmp(got.data, text) == 0;
    pthread_mutex_unlock(&lock);
    return is_so;
}

static void give(struct fetch *f, const char *text)
{
    assert_true(rig_until(&rig, fetch_wants_piece(f)));
    fetch_give(f, text, strlen(text));
}

static void assert_answered(struct fetch *f)
{
    assert_true(rig_until(&rig, fetch_is_done(f)));
    assert_string_equal(fetch_error_text(fetch_response(f)->error), "ok");
    assert_int_equal(fetch_response(f)->status, 200);
    assert_true(fetch_response(f)->was_sent);
    fetch_free(f);
}

static void test_pieces_follow_one_another(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fetch *f = rig_start(&rig, "POST", "/");
        give(f, "one, ");
        give(f, "two, ");
        give(f, END);
        give(f, "");
        assert_answered(f);
    }
    assert_true(has_got("one, two, " END "one, two, " END));
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
}

static void test_chunks_are_marked(void **state)
{
    (void)state;
    rig.request.is_chunked = true;
    struct fetch *f = rig_start(&rig, "POST", "/");
    give(f, "0123456789abcdefg");
    give(f, END);
    give(f, "");
    assert_answered(f);
    pthread_mutex_lock(&lock);
    const char chunks[] = "11\r\n0123456789abcdefg\r\nf\r\n" END;
    assert_int_equal(strncmp(got.data, chunks, strlen(chunks)), 0);
    pthread_mutex_unlock(&lock);
}

static void test_the_first_piece_waits_until_the_server_wants_it(void **state)
{
    (void)state;
    manner = ASK;
    rig.request.awaits_continue = true;
    struct fetch *f = rig_start(&rig, "POST", "/");
    assert_false(fetch_wants_piece(f));
    give(f, END);
    give(f, "");
    assert_answered(f);
    assert_true(has_got(END));
}

static void test_an_answer_before_the_end_of_the_body(void **state)
{
    (void)state;
    manner = ANSWER_EARLY;
    struct fetch *f = rig_start(&rig, "POST", "/");
    give(f, "some of it");
    assert_true(rig_until(&rig, fetch_is_done(f)));
    assert_int_equal(fetch_response(f)->status, 200);
    assert_false(fetch_wants_piece(f));
    assert_false(fetch_response(f)->was_sent);
    fetch_free(f);
    manner = READ;
    f = rig_start(&rig, "POST", "/"); /* on a connection that has nothing left over */
    give(f, END);
    give(f, "");
    assert_answered(f);
    assert_true(has_got(END));
}

static void test_what_was_begun_is_not_sent_again(void **state)
{
    (void)state;
    manner = LEAVE;
    rig.request.resends = 3;
    rig.request.resends_on_new = true;
    struct fetch *f = rig_start(&rig, "PUT", "/");
    assert_true(rig_until(&rig, fetch_wants_piece(f) || fetch_is_done(f)));
    if (fetch_wants_piece(f))
        fetch_give(f, "some", 4);
    assert_true(rig_until(&rig, fetch_is_done(f)));
    assert_int_not_equal(fetch_response(f)->error, FETCH_OK);
    fetch_free(f);
}

/* Whoever waits for its owner is not late, however short the limit. */
static void test_a_slow_owner_is_not_the_servers_fault(void **state)
{
    (void)state;
    rig.request.read_timeout_ms = 20;
    manner = READ;
    struct fetch *f = rig_start(&rig, "POST", "/");
    assert_true(rig_until(&rig, fetch_wants_piece(f)));
    const uint64_t until = clk_mono_ns() + 100 * UINT64_C(1000000);
    assert_true(rig_until(&rig, clk_mono_ns() > until));
    assert_false(fetch_is_done(f));
    fetch_free(f);
}

static void test_a_large_piece_is_written_as_there_is_room(void **state)
{
    (void)state;
    const size_t len = 8u << 20;
    char *piece = calloc(1, len + 1);
    memset(piece, 'x', len);
    struct fetch *f = rig_start(&rig, "POST", "/");
    assert_true(rig_until(&rig, fetch_wants_piece(f)));
    fetch_give(f, piece, len);
    memset(piece, 'y', len); /* it was borrowed for the call */
    free(piece);
    give(f, END);
    give(f, "");
    assert_answered(f);
    pthread_mutex_lock(&lock);
    assert_int_equal(got.len, len + strlen(END));
    assert_int_equal(strspn(got.data, "x"), len);
    pthread_mutex_unlock(&lock);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_follow_one_another),
        TEST(test_chunks_are_marked),
        TEST(test_the_first_piece_waits_until_the_server_wants_it),
        TEST(test_an_answer_before_the_end_of_the_body),
        TEST(test_what_was_begun_is_not_sent_again),
        TEST(test_a_slow_owner_is_not_the_servers_fault),
        TEST(test_a_large_piece_is_written_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
