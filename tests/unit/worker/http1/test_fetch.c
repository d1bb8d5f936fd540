// SPDX-License-Identifier: MIT
/* fetch against a server of ours: pooling, deadlines, cancelling, bodies, streaming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <zlib.h>

#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

#define BIG (64u << 20)

static atomic_ulong sent_bytes;
static atomic_int at_once, most_at_once, came, awaited; /* how many "/slow" wait for each other */
static atomic_bool client_left, goes_on;

static void say_length(struct peer_conn *c, const char *extra, const char *body)
{
    char head[256];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", extra,
             strlen(body));
    peer_say(c, head);
    peer_say(c, body);
}

static void serve_slowly(struct peer_conn *c)
{
    const int now = ++at_once;
    for (int most = most_at_once; now > most;)
        if (atomic_compare_exchange_weak(&most_at_once, &most, now))
            break;
    came++;
    for (int left = RIG_PATIENCE_MS; came < awaited && left > 0; left--)
        usleep(1000);
    at_once--;
    say_length(c, "", "slow");
}

static void serve_sum(struct peer_conn *c)
{
    unsigned long sum = 0;
    const char *body = strstr(c->request, "\r\n\r\n") + 4;
    const size_t len = c->request_len - (size_t)(body - c->request);
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + (unsigned char)body[i];
    char text[64];
    snprintf(text, sizeof text, "%zu %lu", len, sum);
    say_length(c, "", text);
}

static void serve_big(struct peer_conn *c)
{
    static const char block[1 << 16];
    peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n");
    for (sent_bytes = 0; sent_bytes < BIG; sent_bytes += sizeof block) {
        if (!peer_send(c, block, sizeof block))
            return;
    }
}

static void serve_bomb(struct peer_conn *c)
{
    static _Thread_local Bytef packed[1 << 20], block[1 << 16];
    z_stream z = {.next_out = packed, .avail_out = sizeof packed};
    deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    for (unsigned i = 0; i < BIG / sizeof block; i++) {
        z.next_in = block;
        z.avail_in = sizeof block;
        deflate(&z, Z_NO_FLUSH);
    }
    deflate(&z, Z_FINISH);
    char head[128];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
             z.total_out);
    peer_say(c, head);
    peer_send(c, packed, z.total_out);
    deflateEnd(&z);
}

/* Longer than the read timeout in all: that of a byte is what is tested. */
static void serve_trickle(struct peer_conn *c)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        if (!peer_send(c, text + i, 1))
            return;
        usleep(60000);
    }
}

static void serve_two_pieces(struct peer_conn *c)
{
    peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    while (!goes_on && !peer_await_end(c, 1))
        continue;
    peer_say(c, "def");
}

static bool serve_one(struct peer_conn *c)
{
    if (peer_asked(c, "/slow"))
        serve_slowly(c);
    else if (peer_asked(c, "/sum"))
        serve_sum(c);
    else if (peer_asked(c, "/big"))
        serve_big(c);
    else if (peer_asked(c, "/bomb"))
        serve_bomb(c);
    else if (peer_asked(c, "/trickle"))
        serve_trickle(c);
    else if (peer_asked(c, "/two"))
        serve_two_pieces(c);
    else if (peer_asked(c, "/head"))
        peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
    else if (peer_asked(c, "/304"))
        peer_say(c, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n");
    else if (peer_asked(c, "/close"))
        return say_length(c, "Connection: close\r\n", "bye"), false;
    else if (peer_asked(c, "/leave"))
        return say_length(c, "", "bye"), false; /* closes without saying so */
    else if (peer_asked(c, "/until"))
        return peer_say(c, "HTTP/1.1 200 OK\r\n\r\nuntil"), false;
    else if (peer_asked(c, "/hang"))
        client_left = peer_await_end(c, RIG_PATIENCE_MS);
    else
        say_length(c, "X-Test: yes\r\n", "Hello world\n");
    return true;
}

static void serve(struct peer_conn *c)
{
    while (peer_read_request(c) && serve_one(c))
        continue;
}

/* ---- the rig ---- */

static struct peer *peer;
static struct rig rig;

static int set_up_with(struct fetch_pool_config config)
{
    peer = peer_start(serve, NULL, NULL);
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port}, config);
    sent_bytes = 0;
    at_once = most_at_once = came = awaited = 0;
    client_left = goes_on = false;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with((struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
}

static int tear_down(void **state)
{
    (void)state;
    rig_fini(&rig);
    peer_stop(peer);
    return 0;
}

static void expect_error(struct fetch *f, enum fetch_error error)
{
    assert_true(fetch_is_done(f));
    assert_string_equal(fetch_error_text(fetch_response(f)->error), fetch_error_text(error));
}

static void expect_body(struct fetch *f, const char *body)
{
    const struct fetch_response *r = fetch_response(f);
    expect_error(f, FETCH_OK);
    assert_int_equal(r->body_len, strlen(body));
    assert_memory_equal(r->body, body, r->body_len);
}

static void get_body(const char *path, const char *body)
{
    struct fetch *f = rig_get(&rig, path);
    expect_body(f, body);
    fetch_free(f);
}

static void test_response(void **state)
{
    (void)state;
    struct fetch *f = rig_start(&rig, "GET", "/");
    assert_false(fetch_is_done(f));
    assert_true(rig_until(&rig, fetch_is_done(f)));
    assert_int_equal(rig.calls, 1);
    expect_body(f, "Hello world\n");
    const struct fetch_response *r = fetch_response(f);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->version, 11);
    assert_memory_equal(r->reason, "OK", r->reason_len);
    assert_int_equal(r->header_count, 2);
    assert_memory_equal(r->headers[0].name, "X-Test", 6);
    assert_memory_equal(r->headers[0].value, "yes", 3);
    assert_int_equal(r->wire_body_len, 12);
    assert_true(r->was_sent);
    assert_false(r->was_reused);
    const struct fetch_times *t = &r->times;
    assert_true(t->start && t->start <= t->resolved && t->resolved <= t->connected);
    assert_true(t->connected <= t->sent_first && t->sent_first <= t->sent_last);
    assert_true(t->sent_last <= t->first_byte && t->first_byte <= t->last_byte);
    assert_true(t->secured == 0);
    size_t len;
    char *body = fetch_take_body(f, &len);
    assert_int_equal(len, 12);
    assert_string_equal(body, "Hello world\n");
    assert_null(r->body);
    free(body);
    fetch_free(f);
}

static void test_reuse(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct fetch *f = rig_get(&rig, "/");
        assert_int_equal(fetch_response(f)->was_reused, i > 0);
        assert_true(i == 0 || fetch_response(f)->times.connected == 0);
        fetch_free(f);
    }
    const struct fetch_counters n = fetch_engine_counters(rig.engine);
    assert_int_equal(n.connections_opened, 1);
    assert_int_equal(n.connections_reused, 4);
    assert_int_equal(n.connections_open, 1);
    assert_int_equal(n.dns_lookups, 0);
    fetch_pool_close_idle(rig.pool);
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 0);
}

static void test_no_body(void **state)
{
    (void)state;
    rig.request.head_only = true;
    struct fetch *f = rig_start(&rig, "HEAD", "/head");
    assert_true(rig_until(&rig, fetch_is_done(f)));
    expect_body(f, "");
    fetch_free(f);
    rig.request.head_only = false;
    get_body("/304", "");
    get_body("/", "Hello world\n");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
}

static void test_close(void **state)
{
    (void)state;
    get_body("/close", "bye");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 0);
    get_body("/until", "until");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 0);
    get_body("/", "Hello world\n");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 3);
}

/* The server closes an idle connection: nobody notices but the pool. */
static void test_idle_close(void **state)
{
    (void)state;
    get_body("/leave", "bye");
    assert_true(rig_until(&rig, fetch_engine_counters(rig.engine).connections_open == 0));
    get_body("/leave", "bye");
    /* The loop does not turn meanwhile and cannot know. */
    assert_true(peer_await_all_closed(peer, RIG_PATIENCE_MS));
    get_body("/", "Hello world\n");
}

static void test_max_idle(void **state)
{
    (void)state;
    fetch_pool_free(rig.pool);
    rig.pool = fetch_pool_new(
        rig.engine, (struct fetch_pool_config){.max_idle_per_origin = 2, .max_per_origin = 0});
    struct fetch *f[5];
    awaited = 5;
    for (int i = 0; i < 5; i++)
        f[i] = rig_start(&rig, "GET", "/slow");
    assert_true(rig_until(&rig, rig.calls == 5));
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 2);
    for (int i = 0; i < 5; i++) {
        expect_body(f[i], "slow");
        fetch_free(f[i]);
    }
}

static void test_queue(void **state)
{
    (void)state;
    fetch_pool_free(rig.pool);
    rig.pool = fetch_pool_new(
        rig.engine, (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 2});
    struct fetch *f[8];
    awaited = 2;
    for (int i = 0; i < 8; i++)
        f[i] = rig_start(&rig, "GET", "/slow");
    fetch_cancel(f[5]);
    assert_true(rig_until(&rig, rig.calls == 7));
    assert_int_equal(most_at_once, 2);
    for (int i = 0; i < 8; i++) {
        if (i == 5)
            expect_error(f[i], FETCH_CANCELLED);
        else
            expect_body(f[i], "slow");
        fetch_free(f[i]);
    }
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 2);
}

/* A queued exchange gets its turn also when a running one is cancelled. */
static void test_queue_after_cancel(void **state)
{
    (void)state;
    fetch_pool_free(rig.pool);
    rig.pool = fetch_pool_new(
        rig.engine, (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 1});
    struct fetch *hanging = rig_start(&rig, "GET", "/hang");
    struct fetch *waiting = rig_start(&rig, "GET", "/");
    rig_run_for(&rig, 30);
    assert_false(fetch_is_done(waiting));
    fetch_cancel(hanging);
    assert_true(rig_until(&rig, fetch_is_done(waiting)));
    expect_body(waiting, "Hello world\n");
    assert_int_equal(rig.calls, 1);
    fetch_free(hanging);
    fetch_free(waiting);
}

static void test_upload(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 10000, 900000};
    char *body = malloc(900000);
    unsigned long sum = 0;
    for (size_t i = 0; i < 900000; i++)
        body[i] = (char)(i * 7 + i / 1000);
    for (int n = 0; n < 3; n++) {
        sum = 0;
        for (size_t i = 0; i < sizes[n]; i++)
            sum = sum * 31 + (unsigned char)body[i];
        char want[64];
        snprintf(want, sizeof want, "%zu %lu", sizes[n], sum);
        rig.request.body = body;
        rig.request.body_len = sizes[n];
        get_body("/sum", want);
    }
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
    free(body);
}

static void test_read_timeout(void **state)
{
    (void)state;
    rig.request.read_timeout_ms = 50;
    struct fetch *f = rig_get(&rig, "/hang");
    expect_error(f, FETCH_READ_TIMEOUT);
    const struct fetch_response *r = fetch_response(f);
    assert_true(r->was_sent);
    const uint64_t waited = clk_mono_ns() - r->times.sent_last;
    assert_true(waited >= 50000000 && waited < 30000000000);
    fetch_free(f);
    rig.request.read_timeout_ms = 2000; /* between two bytes, not over all of them */
    get_body("/trickle", "abc");
    rig.request.read_timeout_ms = 0;
    rig.request.total_timeout_ms = 100;
    f = rig_get(&rig, "/trickle");
    expect_error(f, FETCH_TOTAL_TIMEOUT);
    fetch_free(f);
    rig.request.total_timeout_ms = 0;
    get_body("/", "Hello world\n");
}

/* A listener whose backlog is full answers no SYN. */
static void test_connect_timeout(void **state)
{
    (void)state;
    uint16_t port = 0;
    const int full = peer_listen(AF_INET, &port);
    listen(full, 0);
    struct fetch_target t = {.host = "127.0.0.1", .port = port};
    rig.origin = fetch_origin_get(rig.engine, &t);
    struct fetch *filling[4];
    for (int i = 0; i < 4; i++)
        filling[i] = rig_start(&rig, "GET", "/");
    rig.request.connect_timeout_ms = 60;
    struct fetch *f = rig_get(&rig, "/");
    expect_error(f, FETCH_CONNECT_TIMEOUT);
    assert_false(fetch_response(f)->was_sent);
    fetch_free(f);
    for (int i = 0; i < 4; i++)
        fetch_free(filling[i]);
    close(full);
}

static void test_refused(void **state)
{
    (void)state;
    uint16_t port = 0;
    close(peer_listen(AF_INET, &port));
    struct fetch_target t = {.host = "127.0.0.1", .port = port};
    rig.origin = fetch_origin_get(rig.engine, &t);
    struct fetch *f = rig_get(&rig, "/");
    expect_error(f, FETCH_CONNECT);
    assert_int_equal(fetch_response(f)->sys, ECONNREFUSED);
    assert_false(fetch_response(f)->was_sent);
    assert_int_equal(rig.calls, 1);
    fetch_free(f);
}

static void test_names(void **state)
{
    (void)state;
    struct fetch_target t = {.host = "localhost", .port = peer->port};
    rig.origin = fetch_origin_get(rig.engine, &t);
    get_body("/close", "bye");
    get_body("/close", "bye");
    assert_int_equal(fetch_engine_counters(rig.engine).dns_lookups, 1);
    assert_ptr_equal(rig.origin, fetch_origin_get(rig.engine, &t));
    t.port++;
    assert_ptr_not_equal(rig.origin, fetch_origin_get(rig.engine, &t));
}

static bool hosts_has_v6_localhost(void)
{
    char line[512];
    bool found = false;
    FILE *f = fopen("/etc/hosts", "re");
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "::1", 3) == 0 && strstr(line, "localhost");
    if (f)
        fclose(f);
    return found;
}

/* By literal; and by a name whose first address, IPv4, does not listen. */
static void test_ipv6(void **state)
{
    (void)state;
    uint16_t port = 0;
    const int fd = peer_listen(AF_INET6, &port);
    if (fd < 0)
        skip(); /* no IPv6 here */
    struct fetch_target targets[] = {{.host = "::1", .port = port},
                                     {.host = "localhost", .port = port}};
    for (int i = 0; i < 1 + hosts_has_v6_localhost(); i++) {
        rig.origin = fetch_origin_get(rig.engine, &targets[i]);
        rig.request.total_timeout_ms = 100;
        struct fetch *f = rig_get(&rig, "/");
        expect_error(f, FETCH_TOTAL_TIMEOUT);
        assert_true(fetch_response(f)->was_sent);
        fetch_free(f);
    }
    close(fd);
}

/* Fails within fetch_start: done at once, and the callback does not come. */
static void test_no_files(void **state)
{
    (void)state;
    struct rlimit old, none = {0, 0};
    getrlimit(RLIMIT_NOFILE, &old);
    none.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    struct fetch *f = rig_start(&rig, "GET", "/");
    setrlimit(RLIMIT_NOFILE, &old);
    expect_error(f, FETCH_NO_FILES);
    rig_run_for(&rig, 20);
    assert_int_equal(rig.calls, 0);
    fetch_free(f);
    get_body("/", "Hello world\n");
}

static void test_cancel(void **state)
{
    (void)state;
    struct fetch *f = rig_start(&rig, "GET", "/"); /* while connecting */
    fetch_cancel(f);
    fetch_cancel(f);
    expect_error(f, FETCH_CANCELLED);
    fetch_free(f);
    f = rig_start(&rig, "GET", "/hang"); /* while waiting */
    assert_true(rig_until(&rig, fetch_response(f)->was_sent));
    fetch_cancel(f);
    expect_error(f, FETCH_CANCELLED);
    assert_true(fetch_response(f)->was_sent);
    fetch_free(f);
    assert_true(rig_until(&rig, client_left));
    f = rig_start(&rig, "GET", "/two"); /* within the body */
    assert_true(rig_until(&rig, fetch_response(f)->status == 200));
    fetch_cancel(f);
    fetch_free(f);
    f = rig_get(&rig, "/"); /* when it is over */
    fetch_cancel(f);
    expect_body(f, "Hello world\n");
    fetch_free(f);
    assert_int_equal(rig.calls, 1);
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 1);
}

static void test_body_limit(void **state)
{
    (void)state;
    fetch_engine_set_limits(rig.engine, (struct fetch_limits){1 << 20});
    struct fetch *f = rig_get(&rig, "/big");
    expect_error(f, FETCH_BODY_TOO_LARGE);
    assert_int_equal(fetch_response(f)->status, 200);
    fetch_free(f);
    f = rig_get(&rig, "/bomb");
    expect_error(f, FETCH_BODY_TOO_LARGE);
    fetch_free(f);
    rig.request.keep_encoded = true;
    f = rig_get(&rig, "/bomb");
    expect_error(f, FETCH_OK);
    assert_int_equal(fetch_response(f)->body_len, fetch_response(f)->wire_body_len);
    fetch_free(f);
    rig.request.keep_encoded = false;
    fetch_engine_set_limits(rig.engine, (struct fetch_limits){1 << 30});
    f = rig_get(&rig, "/bomb");
    expect_error(f, FETCH_OK);
    assert_int_equal(fetch_response(f)->body_len, BIG);
    fetch_free(f);
}

/* ---- streaming ---- */

static uint64_t read_all(struct fetch *f, size_t step)
{
    char *buffer = malloc(step);
    uint64_t total = 0;
    for (;;) {
        const long n = fetch_read(f, buffer, step);
        if (n > 0) {
            total += (uint64_t)n;
            continue;
        }
        if (n == 0 || n == -2)
            break;
        const unsigned calls = rig.calls;
        goes_on = true; /* the first half was read */
        assert_true(rig_until(&rig, rig.calls != calls));
    }
    free(buffer);
    return total;
}

static void test_stream(void **state)
{
    (void)state;
    rig.request.mode = FETCH_STREAM;
    rig.request.read_timeout_ms = 2000; /* a reader that does something else is no timeout */
    struct fetch *f = rig_get(&rig, "/big");
    assert_int_equal(rig.calls, 1);
    assert_int_equal(fetch_response(f)->status, 200);
    rig_run_for(&rig, 2300);
    assert_int_equal(rig.calls, 1);
    assert_true(sent_bytes < BIG / 2);
    const uint64_t got = read_all(f, 100000);
    assert_string_equal(fetch_error_text(fetch_response(f)->error), "ok");
    assert_int_equal(got, BIG);
    assert_int_equal(fetch_response(f)->wire_body_len, BIG);
    fetch_free(f);
    rig.request.read_timeout_ms = 0;
    f = rig_get(&rig, "/bomb");
    assert_int_equal(read_all(f, 10000), BIG);
    assert_int_equal(fetch_response(f)->error, FETCH_OK);
    fetch_free(f);
    f = rig_get(&rig, "/two");
    assert_int_equal(read_all(f, 1), 6);
    fetch_free(f);
    f = rig_get(&rig, "/304");
    assert_int_equal(read_all(f, 100), 0);
    fetch_free(f);
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
}

static void test_stream_left(void **state)
{
    (void)state;
    rig.request.mode = FETCH_STREAM;
    struct fetch *f = rig_get(&rig, "/big");
    fetch_free(f);
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 0);
    f = rig_get(&rig, "/big");
    char byte;
    assert_true(rig_until(&rig, fetch_read(f, &byte, 1) == 1));
    fetch_cancel(f);
    assert_int_equal(fetch_response(f)->error, FETCH_CANCELLED);
    fetch_free(f);
}

/* ---- many at once ---- */

static void test_many(void **state)
{
    (void)state;
    static const char *const paths[] = {"/", "/slow", "/close", "/two", "/304"};
    struct fetch *f[200];
    unsigned seed = 1, cancelled = 0;
    goes_on = true;
    for (int round = 0; round < 3; round++) {
        rig.calls = cancelled = 0;
        for (int i = 0; i < 200; i++)
            f[i] = rig_start(&rig, "GET", paths[i % 5]);
        for (int i = 0; i < 200; i++) {
            seed = seed * 1103515245 + 12345;
            if ((seed >> 16) % 4 == 0)
                event_base_loop(rig.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
            if ((seed >> 16) % 3 == 0 && !fetch_is_done(f[i])) {
                fetch_cancel(f[i]);
                cancelled++;
            }
        }
        assert_true(rig_until(&rig, rig.calls + cancelled == 200));
        for (int i = 0; i < 200; i++) {
            const enum fetch_error error = fetch_response(f[i])->error;
            assert_true(error == FETCH_OK || error == FETCH_CANCELLED);
            fetch_free(f[i]);
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_response),        T(test_reuse),
        T(test_no_body),         T(test_close),
        T(test_idle_close),      T(test_max_idle),
        T(test_queue),           T(test_queue_after_cancel),
        T(test_upload),          T(test_read_timeout),
        T(test_connect_timeout), T(test_refused),
        T(test_names),           T(test_ipv6),
        T(test_no_files),        T(test_cancel),
        T(test_body_limit),      T(test_stream),
        T(test_stream_left),     T(test_many),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
