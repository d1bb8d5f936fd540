// SPDX-License-Identifier: MIT
/* fetch against servers that break the rules: each costs its one exchange, with the right error,
 * and the next exchange on the same pool is served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define GZIPPED OK_HEAD "Content-Encoding: gzip\r\n"

enum manner {
    SAY,         /* text, then close */
    SAY_HOLD,    /* text, then wait for the client to leave */
    SAY_RESET,   /* text, then reset */
    SAY_FOREVER, /* text, then more again and again */
    SAY_GO_ON,   /* text, then serve the next request */
    SAY_EARLY,   /* text before a request was read, then close */
};

struct hostility {
    const char *name;
    enum manner manner;
    const char *text, *more;
    enum fetch_error error;
    const char *body; /* when not NULL: what has arrived of it */
};

/* 64 MiB of zeros in 106 bytes */
static const char brotli_bomb[] =
    "\xCB\xFF\xFF\x3F\xF8\x27\x00\xE2\xB1\x40\x20\xF7\xFE\x8F\xFF\xFF\x7F\xF0\x4F\x00\xC4\x61\x11"
    "\x80\xEE\xFD\x1F\xFF\xFF\xFF\xE0\x9F\x00\x88\xC3\x02\x00\xDD\xFB\x3F\xFE\xFF\xFF\xC1\x3F\x01"
    "\x10\x87\x05\x00\xBA\xF7\x7F\xFC\xFF\xFF\x83\x7F\x02\x20\x0E\x0B\x00\x74\xEF\xFF\xF8\xFF\xFF"
    "\x07\xFF\x04\x40\x1C\x16\x00\xE8\xDE\xFF\xF1\xFF\xFF\x0F\xFE\x09\x80\x38\x2C\x00\xD0\xBD\xFF"
    "\xE3\xFF\xFF\x1F\xFC\x13\x00\x71\x58\x00\xA0\x7B\xFF\x37";

static const struct hostility all[] = {
    {"endless header lines", SAY_FOREVER, OK_HEAD, "A: b\r\n", FETCH_HEAD_TOO_LARGE, NULL},
    {"endless header value", SAY_FOREVER, OK_HEAD "A: ", "bbbbbbbbbbbbbbbb", FETCH_HEAD_TOO_LARGE,
     NULL},
    {"endless reason", SAY_FOREVER, "HTTP/1.1 200 ", "OKOKOKOKOKOK", FETCH_HEAD_TOO_LARGE, NULL},
    {"endless interim responses", SAY_FOREVER, "", "HTTP/1.1 100 Continue\r\n\r\n",
     FETCH_HEAD_TOO_LARGE, NULL},
    {"endless chunk extension", SAY_FOREVER, CHUNKED "1;", "aaaaaaaaaaaaaaaa", FETCH_PROTOCOL,
     NULL},
    {"endless trailers", SAY_FOREVER, CHUNKED "0\r\n", "A: b\r\n", FETCH_HEAD_TOO_LARGE, NULL},
    {"an endless trailer", SAY_FOREVER, CHUNKED "0\r\nA: ", "bbbbbbbb", FETCH_PROTOCOL, NULL},
    {"endless body", SAY_FOREVER, OK_HEAD "\r\n", "aaaaaaaaaaaaaaaa", FETCH_BODY_TOO_LARGE, NULL},
    {"endless chunks", SAY_FOREVER, CHUNKED, "10\r\naaaaaaaaaaaaaaaa\r\n", FETCH_BODY_TOO_LARGE,
     NULL},
    {"length too short", SAY_GO_ON, OK_HEAD "Content-Length: 3\r\n\r\nabcdef", NULL, FETCH_OK,
     "abc"},
    {"length too long", SAY, OK_HEAD "Content-Length: 9\r\n\r\nabc", NULL, FETCH_INCOMPLETE, "abc"},
    {"negative length", SAY, OK_HEAD "Content-Length: -9\r\n\r\nabc", NULL, FETCH_OK, "abc"},
    {"huge length", SAY_HOLD, OK_HEAD "Content-Length: 99999999999999\r\n\r\nabc", NULL,
     FETCH_BODY_TOO_LARGE, NULL},
    {"length beyond 64 bits", SAY_HOLD, OK_HEAD "Content-Length: 99999999999999999999999\r\n\r\n",
     NULL, FETCH_BODY_TOO_LARGE, NULL},
    {"two lengths", SAY_HOLD, OK_HEAD "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", NULL,
     FETCH_PROTOCOL, NULL},
    {"length and chunks", SAY_GO_ON,
     OK_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", NULL,
     FETCH_OK, "abc"},
    {"bad chunk size", SAY_HOLD, CHUNKED "zz\r\nabc\r\n", NULL, FETCH_PROTOCOL, NULL},
    {"negative chunk size", SAY_HOLD, CHUNKED "-3\r\nabc\r\n", NULL, FETCH_PROTOCOL, NULL},
    {"huge chunk size", SAY_HOLD, CHUNKED "fffffffffffffffff\r\nabc\r\n", NULL, FETCH_PROTOCOL,
     NULL},
    {"large chunk, early end", SAY, CHUNKED "ffffffff\r\nabc", NULL, FETCH_INCOMPLETE, "abc"},
    {"chunks without last", SAY, CHUNKED "3\r\nabc\r\n", NULL, FETCH_INCOMPLETE, "abc"},
    {"not HTTP", SAY_HOLD, "220 mail ready\r\n", NULL, FETCH_PROTOCOL, NULL},
    {"binary", SAY_HOLD, "\x16\x03\x01\x02", NULL, FETCH_PROTOCOL, NULL},
    {"HTTP/2 preface", SAY_HOLD, "HTTP/2 200 OK\r\n\r\n", NULL, FETCH_PROTOCOL, NULL},
    {"nothing", SAY, "", NULL, FETCH_CLOSED, NULL},
    {"end within head", SAY, OK_HEAD "A", NULL, FETCH_INCOMPLETE, NULL},
    {"reset without a word", SAY_RESET, "", NULL, FETCH_RESET, NULL},
    {"before the request", SAY_EARLY, OK_HEAD "Content-Length: 3\r\n\r\nabc", NULL, FETCH_OK,
     "abc"},
    {"a second response", SAY_GO_ON,
     OK_HEAD "Content-Length: 3\r\n\r\nabc" OK_HEAD "Content-Length: 4\r\n\r\nevil", NULL, FETCH_OK,
     "abc"},
    {"not gzip", SAY_HOLD, GZIPPED "Content-Length: 9\r\n\r\nnot gzip!", NULL, FETCH_DECODE, NULL},
    {"gzip and a charset", SAY_HOLD,
     OK_HEAD "Content-Encoding: gzip, UTF-8\r\nContent-Length: 9\r\n\r\nsome text", NULL,
     FETCH_DECODE, NULL},
    {"a charset alone", SAY_GO_ON,
     OK_HEAD "Content-Encoding: UTF-8\r\nContent-Length: 9\r\n\r\nsome text", NULL, FETCH_OK,
     "some text"},
    {"gzip cut off", SAY_GO_ON,
     GZIPPED "Content-Length: 10\r\n\r\n\x1F\x8B\x08\x01\x01\x01\x01\x01\x01\x03", NULL,
     FETCH_DECODE, NULL},
    {"silence", SAY_HOLD, "", NULL, FETCH_READ_TIMEOUT, NULL},
    {"silence within head", SAY_HOLD, OK_HEAD, NULL, FETCH_READ_TIMEOUT, NULL},
    {"silence within body", SAY_HOLD, OK_HEAD "Content-Length: 9\r\n\r\nabc", NULL,
     FETCH_READ_TIMEOUT, "abc"},
};

static atomic_int act; /* index of what the server does next; -1 = behave */

static void say_forever(struct peer_conn *c, const char *more)
{
    char block[8192];
    size_t len = 0;
    const size_t one = strlen(more);
    while (len + one <= sizeof block) {
        memcpy(block + len, more, one);
        len += one;
    }
    while (peer_send(c, block, len))
        continue;
}

/* False when the connection is to be closed. */
static bool misbehave(struct peer_conn *c, const struct hostility *h)
{
    peer_say(c, h->text);
    switch (h->manner) {
    case SAY_HOLD:
        peer_await_end(c, RIG_PATIENCE_MS);
        return false;
    case SAY_RESET:
        peer_reset(c);
        return false;
    case SAY_FOREVER:
        say_forever(c, h->more);
        return false;
    case SAY_GO_ON:
        return true;
    case SAY:
    case SAY_EARLY:
        break;
    }
    return false;
}

static void serve(struct peer_conn *c)
{
    if (act >= 0 && all[act].manner == SAY_EARLY) {
        const int now = act;
        act = -1;
        misbehave(c, &all[now]);
        peer_read_request(c);
        return;
    }
    while (peer_read_request(c)) {
        const int now = act;
        act = -1;
        if (now < 0)
            peer_say(c, OK_HEAD "Content-Length: 4\r\n\r\ngood");
        else if (!misbehave(c, &all[now]))
            return;
    }
}

static void expect(struct fetch *f, const char *name, enum fetch_error error, const char *body)
{
    const struct fetch_response *r = fetch_response(f);
    if (!fetch_is_done(f) || r->error != error)
        print_message("%s: got %s (%d, %s), want %s\n", name, fetch_error_text(r->error), r->sys,
                      r->text ? r->text : "", fetch_error_text(error));
    assert_true(fetch_is_done(f));
    assert_int_equal(r->error, error);
    if (body) {
        assert_int_equal(r->body_len, strlen(body));
        assert_memory_equal(r->body, body, r->body_len);
    }
}

static void get_good(struct rig *rig, const char *name)
{
    struct fetch *f = rig_get(rig, "/");
    expect(f, name, FETCH_OK, "good");
    fetch_free(f);
}

static void test_all(void **state)
{
    (void)state;
    act = -1;
    struct peer *peer = peer_start(serve, NULL, NULL);
    struct rig rig;
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    fetch_engine_set_limits(rig.engine, (struct fetch_limits){1 << 20});
    rig.request.read_timeout_ms = 600;
    for (int warm = 0; warm < 2; warm++) {
        for (int i = 0; i < (int)(sizeof all / sizeof *all); i++) {
            if (warm && all[i].manner == SAY_EARLY)
                continue;
            fetch_pool_close_idle(rig.pool);
            if (warm)
                get_good(&rig, all[i].name);
            act = i;
            struct fetch *f = rig_get(&rig, "/");
            expect(f, all[i].name, all[i].error, all[i].body);
            assert_int_equal(fetch_response(f)->was_reused, warm);
            fetch_free(f);
            if (all[i].manner == SAY_EARLY) /* closes without saying so: let the pool see it */
                assert_true(
                    rig_until(&rig, fetch_engine_counters(rig.engine).connections_open == 0));
            get_good(&rig, all[i].name);
        }
    }
    rig_fini(&rig);
    peer_stop(peer);
}

/* ---- one response, cut at every byte ---- */

static const char whole[] = "HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Server: x\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "4;x=y\r\ngood\r\n0\r\nTrailer: z\r\n\r\n";
static atomic_int cut_at;
static atomic_bool by_reset;

static void serve_cut(struct peer_conn *c)
{
    while (peer_read_request(c)) {
        const int at = cut_at;
        cut_at = sizeof whole - 1;
        peer_send(c, whole, (size_t)at);
        if (at == sizeof whole - 1)
            continue;
        if (by_reset) {
            peer_await_arrival(c);
            peer_reset(c);
        }
        return;
    }
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    struct peer *peer = peer_start(serve_cut, NULL, NULL);
    struct rig rig;
    const int enough = (int)(strstr(whole, "\n0") + 2 - whole); /* the last chunk was announced */
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    for (int reset = 0; reset < 2; reset++) {
        by_reset = reset;
        for (int at = 0; at < (int)sizeof whole - 1; at++) {
            fetch_pool_close_idle(rig.pool);
            cut_at = at;
            struct fetch *f = rig_get(&rig, "/");
            const bool is_whole = !reset && at >= enough;
            expect(f, "cut",
                   reset      ? FETCH_RESET
                   : is_whole ? FETCH_OK
                   : at       ? FETCH_INCOMPLETE
                              : FETCH_CLOSED,
                   is_whole ? "good" : NULL);
            assert_true(fetch_response(f)->was_sent);
            fetch_free(f);
            get_good(&rig, "after a cut");
        }
    }
    rig_fini(&rig);
    peer_stop(peer);
}

/* ---- bombs ---- */

static void serve_brotli_bomb(struct peer_conn *c)
{
    while (peer_read_request(c)) {
        if (peer_asked(c, "/good")) {
            peer_say(c, OK_HEAD "Content-Length: 4\r\n\r\ngood");
            continue;
        }
        peer_say(c, OK_HEAD "Content-Encoding: br\r\nContent-Length: 106\r\n\r\n");
        peer_send(c, brotli_bomb, sizeof brotli_bomb - 1);
    }
}

static void test_brotli_bomb(void **state)
{
    (void)state;
    struct peer *peer = peer_start(serve_brotli_bomb, NULL, NULL);
    struct rig rig;
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    fetch_engine_set_limits(rig.engine, (struct fetch_limits){1 << 20});
    struct fetch *f = rig_get(&rig, "/");
    expect(f, "bomb", FETCH_BODY_TOO_LARGE, NULL);
    fetch_free(f);
    f = rig_get(&rig, "/good");
    expect(f, "after the bomb", FETCH_OK, "good");
    fetch_free(f);
    rig_fini(&rig);
    peer_stop(peer);
}

/* ---- answers to half a request ---- */

static atomic_bool is_answered;

static void serve_413(struct peer_conn *c)
{
    char some[1000];
    if (peer_recv(c, some, sizeof some) <= 0)
        return;
    if (strstr(c->peer->arg, "close")) {
        peer_say(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
        shutdown(c->fd, SHUT_WR);
        peer_await(&is_answered, RIG_PATIENCE_MS); /* to close resets it: there is more to read */
    } else {
        peer_reset(c);
    }
}

static void post_large(const char *manner, enum fetch_error error, int status)
{
    char arg[16];
    snprintf(arg, sizeof arg, "%s", manner);
    struct peer *peer = peer_start(serve_413, NULL, arg);
    struct rig rig;
    rig_init(&rig, &(struct fetch_target){.host = "127.0.0.1", .port = peer->port},
             (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
    char *body = calloc(1, 64u << 20);
    rig.request.body = body;
    rig.request.body_len = 64u << 20;
    is_answered = false;
    struct fetch *f = rig_start(&rig, "POST", "/");
    assert_true(rig_until(&rig, fetch_is_done(f)));
    is_answered = true;
    expect(f, "large request", error, NULL);
    assert_int_equal(fetch_response(f)->status, status);
    assert_false(fetch_response(f)->was_sent);
    assert_int_equal(fetch_engine_counters(rig.engine).connections_open, 0);
    fetch_free(f);
    free(body);
    rig_fini(&rig);
    peer_stop(peer);
}

static void test_half_a_request(void **state)
{
    (void)state;
    post_large("close", FETCH_OK, 413);
    post_large("reset", FETCH_RESET, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_brotli_bomb),
        cmocka_unit_test(test_half_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
