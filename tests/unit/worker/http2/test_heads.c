// SPDX-License-Identifier: MIT
/* Heads that come again on a connection: the server, another session of nghttp2, has to read in
 * each request what was asked, and each answer has to be read as it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "common/base/sbuf.h"
#include "tests/fuzz/http2_driver.h"

enum { STREAMS_MOST = 64, TABLE_SIZE = 1, STREAMS_LIMIT = 3, WINDOW = 4, HEAD_LIMIT = 6 };

static struct {
    nghttp2_session *session;
    struct sbuf out;
    size_t out_sent, piece;
    struct sbuf heads[STREAMS_MOST]; /* of requests, as the server read them; by stream */
    size_t bodies[STREAMS_MOST];     /* bytes of them that it read */
    int32_t reset;                   /* the last stream that the client gave up; or 0 */
    const char *tag;                 /* of answers, in a header and in a trailer */
    bool is_mute;
    size_t large; /* bytes of a body, in one frame, without trailers; 0: it is ordinary */
    enum { BY_ITS_LIBRARY, INTO_THE_TABLE, OUT_OF_THE_TABLE } way; /* how it answers */
    struct fetch_engine *engine;
    struct fetch_pool *pool;
    const struct fetch_origin *origin;
    struct lane lane;
    struct conn *conn;
    bool is_closed;
} rig;

/* ---- the server ----------------------------------------------------------------------------- */

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    (void)session, (void)flags, (void)arg;
    sbuf_addf(&rig.heads[frame->hd.stream_id / 2 % STREAMS_MOST], "%.*s=%.*s;", (int)name_len, name,
              (int)value_len, value);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    (void)session, (void)flags, (void)bytes, (void)arg;
    rig.bodies[id / 2 % STREAMS_MOST] += len;
    return 0;
}

static ssize_t body(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
                    nghttp2_data_source *source, void *arg)
{
    (void)source, (void)arg;
    if (rig.large) {
        assert_true(len >= rig.large);
        memset(to, 'x', rig.large);
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)rig.large;
    }
    memcpy(to, "hello", 5);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailer = pair("x-end", rig.tag);
    assert_int_equal(nghttp2_submit_trailer(session, id, &trailer, 1), 0);
    return 5;
}

static void answer(int32_t id)
{
    const nghttp2_nv head[] = {pair(":status", "200"),
                               pair("content-length", rig.large ? "16000" : "5"),
                               pair("x-tag", rig.tag)};
    const nghttp2_data_provider provider = {.read_callback = body};
    assert_int_equal(nghttp2_submit_response(rig.session, id, head, 3, &provider), 0);
}

static void frame(int type, int flags, int32_t id, const struct sbuf *payload)
{
    const uint8_t head[9] = {0,
                             (uint8_t)(payload->len >> 8),
                             (uint8_t)payload->len,
                             (uint8_t)type,
                             (uint8_t)flags,
                             0,
                             0,
                             (uint8_t)(id >> 8),
                             (uint8_t)id};
    sbuf_add(&rig.out, head, sizeof head);
    sbuf_add(&rig.out, payload->data, payload->len);
}

/* As nginx does: each field goes into the table, where it is never looked for. Or then it is. */
static void answer_by_hand(int32_t id)
{
    struct sbuf block = {0}, hello = {0}, trailer = {0};
    const size_t len = strlen(rig.tag);
    sbuf_add(&block,
             "\x88\x5c\1"
             "5",
             4); /* content-length, into the table */
    if (rig.way == OUT_OF_THE_TABLE) {
        sbuf_addc(&block, (char)0xbf); /* what was the newest */
    } else {
        assert_true(len > 0x7f && len < 0x7f + 0x80);
        sbuf_add(&block, "\x40\5x-tag\x7f", 8);
        sbuf_addc(&block, (char)(len - 0x7f));
        sbuf_adds(&block, rig.tag);
    }
    frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, &block);
    sbuf_adds(&hello, "hello");
    frame(NGHTTP2_DATA, 0, id, &hello);
    sbuf_add(&trailer, "\0\5x-end\x7f", 8);
    sbuf_addc(&trailer, (char)(len - 0x7f));
    sbuf_adds(&trailer, rig.tag);
    frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, &trailer);
    sbuf_fini(&block);
    sbuf_fini(&hello);
    sbuf_fini(&trailer);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session, (void)arg;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        rig.reset = frame->hd.stream_id;
    const bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!is_request || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    if (rig.way)
        answer_by_hand(frame->hd.stream_id);
    else if (!rig.is_mute)
        answer(frame->hd.stream_id);
    return 0;
}

static long server_says(struct stream *s, void *buffer, size_t len)
{
    (void)s;
    const uint8_t *bytes;
    for (ssize_t n; (n = nghttp2_session_mem_send(rig.session, &bytes)) > 0;)
        sbuf_add(&rig.out, bytes, (size_t)n);
    size_t n = rig.out.len - rig.out_sent;
    n = n < len ? n : len;
    n = n < rig.piece ? n : rig.piece;
    if (!n)
        return STREAM_AGAIN;
    memcpy(buffer, rig.out.data + rig.out_sent, n);
    rig.out_sent += n;
    return (long)n;
}

static long server_reads(struct stream *s, const struct iovec *parts, int count)
{
    (void)s, (void)count;
    assert_int_equal(nghttp2_session_mem_recv(rig.session, parts[0].iov_base, parts[0].iov_len),
                     parts[0].iov_len);
    return (long)parts[0].iov_len;
}

static void closed(struct stream *s)
{
    close(s->fd);
    rig.is_closed = true;
}

/* ---- the client ----------------------------------------------------------------------------- */

static void events(void)
{
    do
        http2.event(rig.conn, EV_READ);
    while (rig.out_sent < rig.out.len);
}

static void settings(int32_t id, uint32_t value)
{
    const nghttp2_settings_entry entry = {id, value};
    assert_int_equal(nghttp2_submit_settings(rig.session, NGHTTP2_FLAG_NONE, &entry, 1), 0);
    events();
}

static void open_untold(size_t piece)
{
    static const struct protocol *const list[] = {&http2, NULL};
    static const struct protocols protocols = {.list = list, .plain = &http2};
    static const struct stream_ops ops = {server_says, server_reads, driver_has_pending, closed};
    static struct fetch_engine *engine;
    const struct fetch_target target = {.host = "127.0.0.1", .port = 1};
    nghttp2_session_callbacks *calls;
    memset(&rig, 0, sizeof rig);
    if (!engine)
        engine = fetch_engine_new(event_base_new(), &protocols);
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    nghttp2_session_server_new(&rig.session, calls, NULL);
    nghttp2_session_callbacks_del(calls);
    rig.tag = "one";
    rig.piece = piece;
    rig.engine = engine;
    rig.pool = fetch_pool_new(
        engine,
        (struct fetch_pool_config){.max_idle_per_origin = 1, .max_per_origin = 1, .max_shared = 1});
    rig.origin = fetch_origin_get(engine, &target);
    rig.lane =
        (struct lane){.pool = rig.pool, .origin = rig.origin, .conn_count = 1, .is_shared = true};
    struct conn *c = rig.conn = engine_conn_get(engine);
    c->lane = &rig.lane;
    c->stream = (struct stream){.ops = &ops, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    c->protocol = &http2;
    engine->counters.connections_open++;
    http2.open(c);
}

static void start(size_t piece)
{
    open_untold(piece);
    settings(STREAMS_LIMIT, 10);
}

static void stop(void)
{
    if (!rig.is_closed)
        nghttp2_submit_goaway(rig.session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
    while (!rig.is_closed)
        http2.event(rig.conn, EV_READ);
    nghttp2_session_del(rig.session);
    for (size_t i = 0; i < STREAMS_MOST; i++)
        sbuf_fini(&rig.heads[i]);
    sbuf_fini(&rig.out);
    fetch_origin_put(rig.origin);
    fetch_pool_free(rig.pool);
}

/* Of a POST, any that differs. */
static size_t body_len(const char *path)
{
    return strlen(path) * 9;
}

static struct fetch *ask(const char *method, const char *path, const char *tag)
{
    static struct fetch_header headers[3];
    static const char body[3000];
    static unsigned told;
    const bool has_body = !strcmp(method, "POST");
    headers[0] = (struct fetch_header){"Host", NULL, 4, 0};
    headers[1] = (struct fetch_header){"X-Tag", tag, 5, (uint32_t)strlen(tag)};
    headers[2] = (struct fetch_header){"Content-Length", NULL, 14, 0};
    struct fetch *f = engine_fetch_get(rig.engine);
    f->engine = rig.engine;
    f->told = driver_note;
    f->arg = &told;
    f->response.times.start = 1;
    f->request = (struct fetch_request){.origin = rig.origin,
                                        .method = method,
                                        .method_len = strlen(method),
                                        .authority = "x",
                                        .authority_len = 1,
                                        .path = path,
                                        .path_len = strlen(path),
                                        .headers = headers,
                                        .header_count = has_body ? 3 : 2,
                                        .body = has_body ? body : NULL,
                                        .body_len = has_body ? body_len(path) : 0,
                                        .events = FETCH_OVER};
    pool_put(rig.conn, f);
    fetch_run(f);
    return f;
}

static void check_answer(struct fetch *f, const char *tag)
{
    const struct fetch_response *r = fetch_response(f);
    assert_string_equal(fetch_error_text(r->error), "ok");
    assert_int_equal(r->status, 200);
    assert_int_equal(r->header_count, 2);
    assert_memory_equal(r->headers[0].name, "content-length", 14);
    assert_int_equal(r->headers[1].value_len, strlen(tag));
    assert_memory_equal(r->headers[1].value, tag, strlen(tag));
    assert_int_equal(r->trailer_count, 1);
    assert_int_equal(r->trailers[0].value_len, strlen(tag));
    assert_memory_equal(r->trailers[0].value, tag, strlen(tag));
    assert_int_equal(r->body_len, 5);
    assert_memory_equal(r->body, "hello", 5);
}

static void check_request(int n, const char *method, const char *path, const char *tag)
{
    char expected[1000];
    int len =
        snprintf(expected, sizeof expected,
                 ":method=%s;:scheme=http;:authority=x;:path=%s;x-tag=%s;", method, path, tag);
    if (!strcmp(method, "POST"))
        snprintf(expected + len, sizeof expected - (size_t)len, "content-length=%zu;",
                 body_len(path));
    assert_string_equal(rig.heads[n % STREAMS_MOST].data, expected);
    assert_int_equal(rig.bodies[n % STREAMS_MOST],
                     strcmp(method, "POST") != 0 ? 0 : body_len(path));
}

/* The n-th of the connection. */
static void exchange(int n, const char *method, const char *path, const char *tag)
{
    sbuf_clear(&rig.heads[n % STREAMS_MOST]);
    rig.bodies[n % STREAMS_MOST] = 0;
    struct fetch *f = ask(method, path, tag);
    events();
    check_request(n, method, path, tag);
    check_answer(f, rig.tag);
    fetch_free(f);
}

static void test_the_same_again(void **state)
{
    (void)state;
    const size_t pieces[] = {SIZE_MAX, 20, 10, 7, 1};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        start(pieces[i]);
        for (int n = 0; n < 6; n++)
            exchange(n, "GET", "/a/path", "same");
        stop();
    }
}

/* Whatever its length takes to be written. */
static void test_paths_of_any_length(void **state)
{
    (void)state;
    char path[300] = "/";
    start(SIZE_MAX);
    for (int n = 0; n < 60; n++) {
        memset(path + 1, 'a' + n % 26, sizeof path - 2);
        path[1 + n * 7 % 299] = 0;
        exchange(n, n < 30 ? "GET" : "POST", path, "same");
    }
    stop();
}

static void test_others_between(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/a", "/a", "/a", "/b", "/", "/1234567890/1234567890", "/a", "/index.html"};
    start(SIZE_MAX);
    for (int n = 0; n < 48; n++) {
        char tag[20];
        snprintf(tag, sizeof tag, "tag %d", n / 5);
        rig.tag = n / 7 % 2 ? "two" : "one";
        exchange(n, n % 11 == 10 ? "PUT" : n / 12 % 2 ? "POST" : "GET", paths[n % 8], tag);
    }
    stop();
}

/* Both ways of a head are right when the server takes its table away, and when it is back. */
static void test_tables_of_another_size(void **state)
{
    (void)state;
    start(SIZE_MAX);
    for (int n = 0; n < 40; n++) {
        if (n % 5 == 4)
            settings(TABLE_SIZE, n % 10 == 4 ? 0 : n * 100u);
        exchange(n, "GET", "/a", "same");
    }
    stop();
}

/* A request that waits for the end of another says all that it has to say when its turn comes. */
static void test_held(void **state)
{
    (void)state;
    start(SIZE_MAX);
    settings(STREAMS_LIMIT, 1);
    for (int n = 0; n < 4; n++)
        exchange(n, "GET", "/a", "same");
    rig.is_mute = true;
    struct fetch *first = ask("GET", "/a", "same"), *second = ask("GET", "/a", "same");
    assert_non_null(rig.heads[4].data);
    rig.is_mute = false;
    answer(9);
    events();
    check_answer(first, "one");
    fetch_free(first);
    events();
    check_answer(second, "one");
    fetch_free(second);
    check_request(6, "GET", "/a", "same"); /* the number between was given up */
    exchange(7, "GET", "/a", "same");
    stop();
}

static void test_a_table_full_of_one_head(void **state)
{
    (void)state;
    char one[201], two[220];
    memset(one, '1', sizeof one - 1);
    memset(two, '2', sizeof two - 1);
    one[sizeof one - 1] = two[sizeof two - 1] = 0;
    start(SIZE_MAX);
    settings(STREAMS_LIMIT, STREAMS_MOST);
    for (int n = 0; n < 60; n++) {
        rig.tag = n < 20 || n > 55 ? one : two;
        rig.way = n == 45 || n == 54 ? OUT_OF_THE_TABLE : INTO_THE_TABLE;
        exchange(n, "GET", "/a", "same");
    }
    stop();
}

/* The server goes on: what has come of a window is given back, whoever read it. */
static void test_windows(void **state)
{
    (void)state;
    enum { LARGE = 16000, COUNT = (40 << 20) / LARGE };
    start(SIZE_MAX);
    rig.large = LARGE;
    for (int n = 0; n < COUNT; n++) {
        struct fetch *f = ask("GET", "/a", "same");
        events();
        const struct fetch_response *r = fetch_response(f);
        assert_string_equal(fetch_error_text(r->error), "ok");
        assert_int_equal(r->body_len, LARGE);
        assert_int_equal(r->body[LARGE - 1], 'x');
        assert_int_equal(r->trailer_count, 0);
        fetch_free(f);
    }
    stop();
}

/* A connection on which requests and answers are what they were before, so that the next ones are
 * written and read without nghttp2; how many there were. */
static int warm(const char *method)
{
    enum { ENOUGH = 6 };
    start(SIZE_MAX);
    for (int n = 0; n < ENOUGH; n++)
        exchange(n, method, "/a", "same");
    return ENOUGH;
}

static int32_t id_of(int n)
{
    return n * 2 + 1;
}

static void say(int type, int flags, int32_t id, const void *payload, size_t len)
{
    struct sbuf bytes = {0};
    if (type == NGHTTP2_SETTINGS) {
        settings(STREAMS_LIMIT, 10); /* it has to know that they are confirmed */
        return;
    }
    sbuf_add(&bytes, payload, len);
    frame(type, flags, id, &bytes);
    sbuf_fini(&bytes);
    events();
}

static void test_given_up(void **state)
{
    (void)state;
    int n = warm("GET");
    rig.is_mute = true;
    struct fetch *f = ask("GET", "/a", "same");
    check_request(n, "GET", "/a", "same");
    fetch_free(f);
    assert_int_equal(rig.reset, id_of(n));
    rig.is_mute = false;
    exchange(++n, "GET", "/a", "same");
    stop();
}

/* Whatever else a server says before it answers, or of a stream that is over. */
static void test_asides(void **state)
{
    (void)state;
    static const struct {
        int type;
        size_t len;
        bool is_of_stream;
    } said[] = {{NGHTTP2_PING, 8, false},          {NGHTTP2_WINDOW_UPDATE, 4, false},
                {NGHTTP2_SETTINGS, 0, false},      {NGHTTP2_WINDOW_UPDATE, 4, true},
                {NGHTTP2_PRIORITY, 5, true},       {0xbe, 3, false},
                {NGHTTP2_WINDOW_UPDATE, 4, false}, {NGHTTP2_PING, 8, false}};
    for (int is_post = 0; is_post < 2; is_post++) {
        const char *method = is_post ? "POST" : "GET";
        int n = warm(method);
        for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
            const int32_t of = said[i].is_of_stream ? 1 : 0;
            rig.is_mute = true;
            struct fetch *f = ask(method, "/a", "same");
            say(said[i].type, 0, of * id_of(n), "\0\0\0\1\1\1\1\1", said[i].len);
            answer(id_of(n));
            events();
            check_answer(f, "one");
            fetch_free(f);
            rig.is_mute = false;
            for (int more = 0; more < 4; more++)
                exchange(++n, method, "/a", "same");
            say(said[i].type, 0, of * id_of(n), "\0\0\0\1\1\1\1\1", said[i].len);
            exchange(++n, method, "/a", "same");
            n++;
        }
        assert_int_equal(rig.reset, 0);
        stop();
    }
}

/* By GOAWAY: one that the server has not looked at fails, one that it has is answered. */
static void test_goaway_before_the_answer(void **state)
{
    (void)state;
    for (int is_taken = 0; is_taken < 2; is_taken++) {
        const int n = warm("GET");
        rig.is_mute = true;
        struct fetch *f = ask("GET", "/a", "same");
        f->retries = UINT8_MAX; /* that would be on another connection */
        const uint8_t words[8] = {0, 0, 0, (uint8_t)(is_taken ? id_of(n) : id_of(n - 1))};
        say(NGHTTP2_GOAWAY, 0, 0, words, sizeof words);
        if (is_taken) {
            answer(id_of(n));
            events();
            check_answer(f, "one");
        } else {
            assert_true(fetch_is_done(f));
            assert_int_not_equal(fetch_response(f)->error, FETCH_OK);
        }
        fetch_free(f);
        assert_true(rig.is_closed);
        stop();
    }
}

static void test_reset_before_the_answer(void **state)
{
    (void)state;
    int n = warm("POST");
    rig.is_mute = true;
    struct fetch *f = ask("POST", "/a", "same");
    nghttp2_submit_rst_stream(rig.session, NGHTTP2_FLAG_NONE, id_of(n), NGHTTP2_INTERNAL_ERROR);
    events();
    assert_int_equal(fetch_response(f)->error, FETCH_STREAM_RESET);
    fetch_free(f);
    rig.is_mute = false;
    exchange(++n, "POST", "/a", "same");
    stop();
}

/* Two at a time: the second has nghttp2 begin both. */
static void test_two_at_a_time(void **state)
{
    (void)state;
    int n = warm("POST");
    for (int i = 0; i < 5; i++) {
        rig.is_mute = true;
        struct fetch *one = ask("POST", "/a", "same"), *two = ask("POST", "/a", "same");
        answer(id_of(n + 1));
        answer(id_of(n));
        events();
        check_answer(one, "one");
        check_answer(two, "one");
        fetch_free(one);
        fetch_free(two);
        rig.is_mute = false;
        n += 2;
        for (int more = 0; more < i; more++)
            exchange(n++, "POST", "/a", "same");
    }
    stop();
}

/* The server reads no more than its windows have room for, and says so; all of it comes. */
static void test_windows_of_the_server(void **state)
{
    (void)state;
    static const char path[] = "/1234567890/1234567890/1234567890/1234567890/1234567890";
    int n = warm("POST");
    for (int i = 0; i < 600; i++) {
        if (i % 100 == 50)
            settings(WINDOW, i % 200 == 50 ? 600 : 65535);
        exchange(n++, "POST", path, "same");
    }
    assert_int_equal(rig.reset, 0);
    stop();
}

/* A server may end the connection of a head that is larger than it has yet to say. */
static void test_large_before_settings(void **state)
{
    (void)state;
    static char large[9000];
    memset(large, 'x', sizeof large - 1);
    for (int is_taken = 0; is_taken < 2; is_taken++) {
        open_untold(SIZE_MAX);
        struct fetch *f = ask("GET", "/a", large);
        assert_null(rig.heads[0].data);
        settings(HEAD_LIMIT, is_taken ? 16384 : 8192);
        assert_int_equal(rig.heads[0].len > sizeof large, is_taken);
        events();
        assert_int_equal(fetch_response(f)->error, is_taken ? FETCH_OK : FETCH_HEAD_REFUSED);
        fetch_free(f);
        if (!is_taken)
            exchange(0, "GET", "/a", "small");
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_again),
        cmocka_unit_test(test_paths_of_any_length),
        cmocka_unit_test(test_others_between),
        cmocka_unit_test(test_tables_of_another_size),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_large_before_settings),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_a_table_full_of_one_head),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_asides),
        cmocka_unit_test(test_two_at_a_time),
        cmocka_unit_test(test_goaway_before_the_answer),
        cmocka_unit_test(test_windows_of_the_server),
        cmocka_unit_test(test_reset_before_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
