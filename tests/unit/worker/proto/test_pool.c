// SPDX-License-Identifier: MIT
/* The pool behind a protocol that carries several exchanges over one connection, alone and beside
 * HTTP/1.1, with which TLS lets the server choose.
 *
 * The protocol is made up here: a request is a line "number path", an answer "number text", in any
 * order; "max n" changes the connection's capacity.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/certs.h"
#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"
#include "worker/proto/fetch_int.h"

/* ---- the protocol ---- */

enum { CAPACITY = 3 };

struct lines { /* of a connection */
    unsigned last_number;
    size_t len;
    char text[4096];
};
struct numbered { /* of an exchange */
    unsigned number;
};
static unsigned opened, closed, dropped, most_at_once;

static void lines_open(struct conn *c)
{
    c->state = calloc(1, sizeof(struct lines));
    opened++;
}

static void lines_close(struct conn *c)
{
    free(c->state);
    closed++;
}

static void lines_send(struct fetch *f)
{
    struct conn *c = f->conn;
    struct numbered *n = fetch_state(f);
    char line[300];
    assert_int_equal(n->number, 0);
    n->number = ++((struct lines *)c->state)->last_number;
    const int len = snprintf(line, sizeof line, "%u %.*s\n", n->number, (int)f->request.path_len,
                             f->request.path);
    const struct iovec part = {line, (size_t)len};
    assert_int_equal(c->stream.ops->write(&c->stream, &part, 1), len);
    f->response.was_sent = true;
    f->response.times.sent_first = f->response.times.sent_last = clk_mono_ns();
    if (c->exchange_count > most_at_once)
        most_at_once = c->exchange_count;
    conn_watch(c, EV_READ);
    fetch_tell(f, FETCH_SENT);
}

static void lines_take(struct conn *c, const char *line, size_t len)
{
    unsigned number;
    if (sscanf(line, "max %u", &number) == 1) {
        pool_set_capacity(c, number);
        return;
    }
    assert_int_equal(sscanf(line, "%u", &number), 1);
    for (struct fetch *f = c->exchanges; f; f = f->next) {
        if (((struct numbered *)fetch_state(f))->number != number)
            continue;
        f->response.status = 200;
        f->has_head = f->is_body_whole = true;
        f->response.times.first_byte = f->response.times.last_byte = clk_mono_ns();
        assert_int_equal(fetch_body_begin(f, len), FETCH_OK);
        assert_int_equal(fetch_body_add(f, line, len, false), FETCH_OK);
        fetch_end(f);
        fetch_tell_end(f);
        return;
    }
}

static void lines_lost(struct conn *c)
{
    c->is_unusable = true;
    pool_set_capacity(c, 0);
    if (!c->exchanges)
        conn_close(c);
    for (bool is_last = !c->exchanges; !is_last;) {
        struct fetch *f = c->exchanges;
        is_last = c->exchange_count == 1;
        fetch_failed(f, FETCH_RESET, 0, NULL);
        fetch_end(f);
        fetch_tell_end(f);
    }
}

static void lines_event(struct conn *c, short what)
{
    (void)what;
    struct lines *l = c->state;
    long n;
    while ((n = c->stream.ops->read(&c->stream, l->text + l->len, sizeof l->text - 1 - l->len)) >
           0) {
        l->len += (size_t)n;
        l->text[l->len] = 0;
        for (char *end; (end = memchr(l->text, '\n', l->len));) {
            const size_t len = (size_t)(end - l->text);
            lines_take(c, l->text, len);
            l->len -= len + 1;
            memmove(l->text, end + 1, l->len + 1);
        }
    }
    if (n != STREAM_AGAIN)
        lines_lost(c);
}

static bool lines_are_stale(struct conn *c)
{
    (void)c;
    return false;
}

static bool lines_leave(struct fetch *f)
{
    (void)f;
    return true; /* whatever comes for it is passed over */
}

static void lines_drop(struct fetch *f)
{
    (void)f;
    dropped++;
}

static const struct protocol lines = {
    .name = "lines",
    .capacity = CAPACITY,
    .state_size = sizeof(struct numbered),
    .open = lines_open,
    .close = lines_close,
    .send = lines_send,
    .event = lines_event,
    .is_stale = lines_are_stale,
    .leave = lines_leave,
    .drop = lines_drop,
};

/* ---- its server ---- */

static atomic_int asked, answered, max;
static atomic_bool is_holding;
static const char *chosen; /* by ALPN */

static void answer_all(struct peer_conn *c, unsigned first, unsigned last)
{
    char line[64];
    for (unsigned n = last; n >= first && n; n--) { /* the other way round */
        snprintf(line, sizeof line, "%u answer\n", n);
        answered++;
        peer_say(c, line);
    }
}

static void serve_lines(struct peer_conn *c)
{
    char text[4096];
    unsigned seen = 0, said = 0;
    if (max) {
        char line[32];
        snprintf(line, sizeof line, "max %d\n", (int)max);
        peer_say(c, line);
    }
    for (;;) {
        struct pollfd p = {c->fd, POLLIN, 0};
        if (poll(&p, 1, 5) == 1) {
            const long n = peer_recv(c, text, sizeof text);
            if (n <= 0)
                return;
            for (long i = 0; i < n; i++)
                seen += text[i] == '\n', asked += text[i] == '\n';
            if (memmem(text, (size_t)n, "/die", 4))
                return;
        }
        if (!is_holding && seen > said) {
            answer_all(c, said + 1, seen);
            said = seen;
        }
    }
}

static void serve(struct peer_conn *c)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    if (c->ssl)
        SSL_get0_alpn_selected(c->ssl, &name, &len);
    if (!c->ssl || (len == 5 && !memcmp(name, "lines", 5))) {
        serve_lines(c);
        shutdown(c->fd, SHUT_RDWR);
        return;
    }
    while (peer_read_request(c))
        peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n1 answer");
}

static struct peer *peer;
static struct rig rig;

static void start(SSL_CTX *ctx, const struct protocols *protocols, unsigned max_connections)
{
    peer = peer_start(serve, ctx, NULL);
    rig_init_with(
        &rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port, .tls = ctx},
        (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = max_connections},
        protocols);
    opened = closed = dropped = most_at_once = 0;
    asked = answered = max = 0;
    is_holding = false;
}

static const struct protocol *const only_lines[] = {&lines, NULL}, *const both[] = {&lines, &http1,
                                                                                    NULL};
static const struct protocols plain = {.list = only_lines, .plain = &lines};

static void stop(void)
{
    rig_fini(&rig);
    peer_stop(peer);
    assert_int_equal(opened, closed);
}

/* ---- tests ---- */

enum { MANY = 7 };
static struct fetch *f[MANY];

static void start_all(int count)
{
    for (int i = 0; i < count; i++)
        f[i] = rig_start(&rig, "GET", "/x");
}

static void end_all(int count)
{
    for (int i = 0; i < count; i++) {
        assert_true(rig_until(&rig, fetch_is_done(f[i])));
        assert_string_equal(fetch_error_text(fetch_response(f[i])->error), "ok");
        assert_int_equal(fetch_response(f[i])->status, 200);
        assert_non_null(
            memmem(fetch_response(f[i])->body, fetch_response(f[i])->body_len, " answer", 7));
        fetch_free(f[i]);
    }
}

static uint64_t connections(void)
{
    return fetch_engine_counters(rig.engine).connections_opened;
}

/* As many as fit wait for one connection that is being made; then they share it. */
static void test_together(void **state)
{
    (void)state;
    start(NULL, &plain, 0);
    is_holding = true;
    start_all(CAPACITY);
    assert_true(rig_until(&rig, asked == CAPACITY));
    assert_int_equal(connections(), 1);
    assert_int_equal(answered, 0);
    is_holding = false;
    end_all(CAPACITY);
    start_all(CAPACITY); /* warm, at once */
    end_all(CAPACITY);
    assert_int_equal(connections(), 1);
    assert_int_equal(most_at_once, CAPACITY);
    assert_int_equal(dropped, 2 * CAPACITY);
    stop();
}

/* No connection more than they need. */
static void test_more_than_fit(void **state)
{
    (void)state;
    start(NULL, &plain, 0);
    is_holding = true;
    start_all(MANY);
    assert_true(rig_until(&rig, asked == MANY));
    assert_int_equal(connections(), (MANY + CAPACITY - 1) / CAPACITY);
    is_holding = false;
    end_all(MANY);
    assert_int_equal(most_at_once, CAPACITY);
    stop();
}

static void test_limit_of_connections(void **state)
{
    (void)state;
    start(NULL, &plain, 1);
    start_all(MANY);
    end_all(MANY);
    assert_int_equal(connections(), 1);
    assert_int_equal(most_at_once, CAPACITY);
    stop();
}

static void test_cancel_one(void **state)
{
    (void)state;
    start(NULL, &plain, 1);
    is_holding = true;
    start_all(CAPACITY + 1);
    assert_true(rig_until(&rig, asked == CAPACITY));
    fetch_cancel(f[1]);
    assert_int_equal(fetch_response(f[1])->error, FETCH_CANCELLED);
    assert_true(rig_until(&rig, asked == CAPACITY + 1)); /* there is room again */
    fetch_free(f[1]);
    f[1] = f[CAPACITY];
    is_holding = false;
    end_all(CAPACITY);
    assert_int_equal(connections(), 1);
    stop();
}

/* While it is made: the others make their own. */
static void test_cancel_who_dials(void **state)
{
    (void)state;
    start(NULL, &plain, 0);
    start_all(CAPACITY);
    fetch_free(f[0]);
    f[0] = f[2];
    end_all(2);
    assert_int_equal(connections(), 1);
    stop();
}

static void test_capacity_changes(void **state)
{
    (void)state;
    start(NULL, &plain, 1);
    max = 1;
    start_all(1);
    end_all(1);
    most_at_once = 0;
    start_all(MANY);
    end_all(MANY);
    assert_int_equal(most_at_once, 1);
    assert_int_equal(connections(), 1);
    stop();
}

static void test_lost(void **state)
{
    (void)state;
    start(NULL, &plain, 1);
    is_holding = true;
    start_all(CAPACITY - 1);
    assert_true(rig_until(&rig, asked == CAPACITY - 1));
    f[CAPACITY - 1] = rig_start(&rig, "GET", "/die");
    for (int i = 0; i < CAPACITY; i++) {
        assert_true(rig_until(&rig, fetch_is_done(f[i])));
        assert_int_equal(fetch_response(f[i])->error, FETCH_RESET);
        fetch_free(f[i]);
    }
    is_holding = false;
    start_all(MANY);
    end_all(MANY);
    assert_int_equal(connections(), 2);
    stop();
}

/* A server that does not answer: who waits for the connection of another waits no longer than for
 * one of its own. */
static void test_who_waits_for_anothers_connection(void **state)
{
    (void)state;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int full[8];
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&a, &len);
    for (size_t i = 0; i < sizeof full / sizeof *full; i++) { /* nobody accepts */
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(full[i], (struct sockaddr *)&a, len);
    }
    rig_init_with(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = ntohs(a.sin_port)},
                  (struct fetch_pool_config){.max_shared = 1}, &plain);
    rig.request.connect_timeout_ms = 60000;
    start_all(1); /* it makes the connection */
    rig.request.connect_timeout_ms = 60;
    for (int i = 1; i < CAPACITY; i++)
        f[i] = rig_start(&rig, "GET", "/x");
    for (int i = 1; i < CAPACITY; i++) {
        assert_true(rig_until(&rig, fetch_is_done(f[i])));
        assert_int_equal(fetch_response(f[i])->error, FETCH_CONNECT_TIMEOUT);
        fetch_free(f[i]);
    }
    assert_false(fetch_is_done(f[0]));
    fetch_free(f[0]);
    rig_fini(&rig);
    for (size_t i = 0; i < sizeof full / sizeof *full; i++)
        close(full[i]);
    close(fd);
}

/* ---- events ---- */

static unsigned told;

static void note(void *arg, enum fetch_event what)
{
    (void)arg;
    told |= what;
}

static void test_events(void **state)
{
    (void)state;
    start(NULL, &plain, 0);
    struct fetch_request q = {
        .origin = rig.origin, .path = "/x", .path_len = 2, .method = "GET", .method_len = 3};
    for (int i = 0; i < 2; i++) {
        told = 0;
        q.events = i ? FETCH_OVER : FETCH_SENT | FETCH_OVER;
        struct fetch *one = fetch_start(rig.pool, &q, note, NULL);
        assert_int_equal(told, 0);
        assert_true(rig_until(&rig, fetch_is_done(one)));
        assert_int_equal(told,
                         i ? FETCH_END : FETCH_SENT | FETCH_END); /* the second was sent at once */
        assert_true(fetch_response(one)->was_sent);
        fetch_free(one);
    }
    told = 0;
    q.events = FETCH_OVER;
    q.path = "/die";
    q.path_len = 4;
    struct fetch *one = fetch_start(rig.pool, &q, note, NULL);
    assert_true(rig_until(&rig, fetch_is_done(one)));
    assert_int_equal(told, FETCH_ERROR);
    fetch_free(one);
    stop();
}

/* ---- the server's choice ---- */

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl, (void)arg;
    static const unsigned char offer[] = "\x05lines\x08http/1.1";
    assert_int_equal(in_len, sizeof offer - 1); /* the table's, in its order */
    assert_memory_equal(in, offer, in_len);
    if (!chosen)
        return SSL_TLSEXT_ERR_NOACK;
    *out = (const unsigned char *)chosen;
    *out_len = (unsigned char)strlen(chosen);
    return SSL_TLSEXT_ERR_OK;
}

static void chooses(const char *name, uint64_t made)
{
    static const struct protocols choice = {.list = both, .plain = &http1};
    struct cert cert = cert_make(&(struct cert_plan){.name = "x", .san = "IP:127.0.0.1"});
    SSL_CTX *ctx = cert_server(&cert);
    chosen = name;
    SSL_CTX_set_alpn_select_cb(ctx, choose, NULL);
    start(ctx, &choice, 0);
    start_all(CAPACITY);
    end_all(CAPACITY);
    assert_int_equal(connections(), made);
    start_all(CAPACITY); /* what was learnt holds for the next ones */
    end_all(CAPACITY);
    assert_int_equal(connections(), made);
    stop();
    SSL_CTX_free(ctx);
    cert_free(&cert);
}

static void test_chosen(void **state)
{
    (void)state;
    chooses("lines", 1);
    assert_int_equal(most_at_once, CAPACITY);
    chooses("http/1.1", CAPACITY);
    chooses(NULL, CAPACITY);
    assert_int_equal(opened, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_more_than_fit),
        cmocka_unit_test(test_limit_of_connections),
        cmocka_unit_test(test_cancel_one),
        cmocka_unit_test(test_cancel_who_dials),
        cmocka_unit_test(test_capacity_changes),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_who_waits_for_anothers_connection),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
