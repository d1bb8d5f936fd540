// SPDX-License-Identifier: MIT
/* The response parser: each case is fed whole, split at every place, and byte by byte, and must
 * give the same result every time. The fuzzer's corpus is replayed at the end. */
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/sbuf.h"
#include "tests/fuzz/response_driver.h"
#include "worker/http1/hresp.h"
#include "worker/http1/hresp_known.h"

struct outcome {
    enum hresp_step step;
    enum fetch_error error; /* HRESP_BAD, or what the end of the connection means */
    int status;
    bool keeps_alive; /* as far as the head says */
    bool is_kept;     /* at the end */
    struct sbuf body;
    struct sbuf headers, trailers; /* "name=value|" each */
    size_t used;
};

static struct hresp_known *known; /* of what is parsed */

static bool on_body(void *arg, const char *bytes, size_t len)
{
    sbuf_add(&((struct outcome *)arg)->body, bytes, len);
    return true;
}

static void write_lines(struct sbuf *to, const struct fetch_header *lines, uint32_t count)
{
    sbuf_clear(to);
    for (const struct fetch_header *h = lines; h < lines + count; h++)
        sbuf_addf(to, "%.*s=%.*s|", (int)h->name_len, h->name, (int)h->value_len, h->value);
}

static void take_head(struct hresp *r, struct outcome *o)
{
    o->status = hresp_status(r);
    o->keeps_alive = hresp_keeps_alive(r);
    write_lines(&o->headers, r->headers, r->header_count);
}

static void feed(struct hresp *r, struct outcome *o, const char *bytes, size_t len)
{
    while (o->step != HRESP_END && o->step != HRESP_BAD) {
        size_t used;
        o->step = hresp_feed(r, bytes, len, &used);
        o->used += used;
        bytes += used;
        len -= used;
        if (o->step == HRESP_MORE)
            return;
        if (o->step == HRESP_HEAD)
            take_head(r, o);
    }
}

static struct outcome parse(const char *bytes, size_t len, size_t first, size_t step,
                            enum hresp_kind kind)
{
    struct outcome o = {.step = HRESP_MORE};
    struct hresp_block *block = malloc(sizeof *block);
    struct hresp r;
    hresp_init(&r, block, kind);
    r.on_body = on_body;
    r.arg = &o;
    r.known = known;
    for (size_t at = 0, n = first; at < len && o.step < HRESP_END; at += n, n = step) {
        if (n > len - at)
            n = len - at;
        char *piece = malloc(n); /* its end is the end: overreads show */
        memcpy(piece, bytes + at, n);
        feed(&r, &o, piece, n);
        free(piece);
    }
    o.error = o.step == HRESP_BAD ? r.error : o.step == HRESP_END ? FETCH_OK : hresp_eof(&r);
    if (r.in_trailers) {
        write_lines(&o.headers, r.headers, r.header_count);
        write_lines(&o.trailers, r.headers + r.header_count, r.trailer_count);
    }
    o.is_kept = hresp_keeps_alive(&r);
    hresp_fini(&r);
    free(block);
    return o;
}

static void outcome_fini(struct outcome *o)
{
    sbuf_fini(&o->body);
    sbuf_fini(&o->headers);
    sbuf_fini(&o->trailers);
}

struct example {
    const char *bytes;
    enum fetch_error error;
    int status;
    const char *body;
    const char *headers; /* NULL = not looked at */
    const char *rest;    /* what must stay unused */
    bool keeps_alive;
    enum hresp_kind kind;
};

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const struct example examples[] = {
    {OK_HEAD "Content-Length: 5\r\n\r\nhello", FETCH_OK, 200, "hello", "Content-Length=5|", "",
     true, 0},
    {OK_HEAD "A:  x \t\r\nEmpty:\r\nB:y\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "",
     "A=x|Empty=|B=y|Content-Length=0|", "", true, 0},
    {OK_HEAD "Empty:\r\nNext:\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "",
     "Empty=|Next=|Content-Length=0|", "", true, 0},
    {OK_HEAD "A: one\r\n two\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "",
     "A=one two|Content-Length=0|", "", true, 0},
    {OK_HEAD "A: one \r\n \t two\r\n\tthree \r\nB:\r\n x\r\nContent-Length:\r\n 1\r\n\r\ny",
     FETCH_OK, 200, "y", "A=one two three|B=x|Content-Length=1|", "", true, 0},
    {OK_HEAD " A: 1\r\nB: 2\r\n \r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "",
     "B=2|Content-Length=0|", "", true, 0},
    /* line ends */
    {"HTTP/1.1 200 OK\nA: 1\nContent-Length: 1\n\nx", FETCH_OK, 200, "x", "A=1|Content-Length=1|",
     "", true, 0},
    {"\r\n\n" OK_HEAD "Content-Length: 1\r\n\nx", FETCH_OK, 200, "x", "Content-Length=1|", "", true,
     0},
    {OK_HEAD "A: 1\r\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x", "A=1|Content-Length=1|",
     "", true, 0},
    {OK_HEAD "A: 1\rContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x", "A=1|Content-Length=1|", "",
     false, 0},
    /* status lines */
    {" HTTP/1.1  200  Very  fine \r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true,
     0},
    {"HTTP/1.1\t0200\tOK\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", false, 0},
    /* lines that are no headers are passed over; the connection is not used again */
    {OK_HEAD "no colon\r\nA: 1\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x",
     "A=1|Content-Length=1|", "", false, 0},
    {OK_HEAD "B\001D: x\r\n folded\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x",
     "Content-Length=1|", "", false, 0},
    {OK_HEAD "Content-Length : 1\r\n\r\nx", FETCH_OK, 200, "x", "Content-Length=1|", "", false, 0},
    {OK_HEAD ": x\r\n:\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", "Content-Length=0|", "",
     true, 0},
    {OK_HEAD "Na(me: x\r\nB: x\001\377y\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "",
     "Na(me=x|B=x\001\377y|Content-Length=0|", "", true, 0},
    /* lengths */
    {OK_HEAD "Content-Length: 2\r\ncontent-length: 2, 02\r\n\r\nab", FETCH_OK, 200, "ab", NULL, "",
     true, 0},
    {OK_HEAD "Content-Length: +2\r\n\r\nab", FETCH_OK, 200, "ab", NULL, "", true, 0},
    {OK_HEAD "Content-Length: 2,\r\n\r\nab", FETCH_OK, 200, "ab", NULL, "", true, 0},
    {OK_HEAD "Content-Length: \t2 \t\r\n\r\nab", FETCH_OK, 200, "ab", "Content-Length=2|", "", true,
     0},
    {OK_HEAD "Content-Length:\r\n\r\nab", FETCH_OK, 200, "ab", NULL, "", false, 0},
    {OK_HEAD "Content-Length: abc\r\nContent-Length: 1\r\n\r\nab", FETCH_OK, 200, "ab", NULL, "",
     false, 0},
    {OK_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", FETCH_OK,
     200, "x", NULL, "", true, 0},
    {OK_HEAD "Transfer-Encoding: gzip, Chunked\r\nContent-Length: 1, 2\r\n\r\n1\r\nx\r\n0\r\n\r\n",
     FETCH_OK, 200, "x", NULL, "", false, 0},
    {OK_HEAD "Transfer-Encoding: xchunked\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x", NULL,
     "", true, 0},
    {OK_HEAD "Content-Length: 2\r\n\r\nabHTTP/1.1", FETCH_OK, 200, "ab", NULL, "HTTP/1.1", true, 0},
    {OK_HEAD "\r\nuntil close", FETCH_OK, 200, "until close", "", "", false, 0},
    {OK_HEAD "Connection: close\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x", NULL, "", false,
     0},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x", NULL, "", false, 0},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", FETCH_OK, 200, "x",
     NULL, "", true, 0},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 404, "", NULL, "", true, 0},
    {"HTTP/1.1 2000 OK\r\n\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTTP/1.1 099 OK\r\n\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTTP/1.1 20\r\n\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTTP/1.1 0200 OK\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {"HTTP/1.1 200\tOK\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {OK_HEAD "Connection: not-closed, Keep-Alive\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "",
     NULL, "", false, 0},
    {OK_HEAD "Connection: Keep-Alive, CLOSE\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL,
     "", false, 0},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, 0},
    {"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", FETCH_OK, 999, "", NULL, "", true, 0},
    /* no body by nature */
    {"HTTP/1.1 204 No\r\n\r\n", FETCH_OK, 204, "", NULL, "", true, 0},
    {"HTTP/1.1 304 Same\r\nContent-Length: 77\r\n\r\n", FETCH_OK, 304, "", NULL, "", true, 0},
    {OK_HEAD "Content-Length: 77\r\n\r\n", FETCH_OK, 200, "", NULL, "", true, HRESP_HEAD_ONLY},
    {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n", FETCH_OK, 200, "", NULL, "", true,
     HRESP_HEAD_ONLY},
    {"HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nother", FETCH_OK, 101, "", NULL,
     "other", false, 0},
    /* interim responses */
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" OK_HEAD
     "Content-Length: 1\r\n\r\nx",
     FETCH_OK, 200, "x", "Content-Length=1|", "", true, 0},
    /* chunks */
    {CHUNKED "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", FETCH_OK, 200, "abcde", NULL, "", true, 0},
    {CHUNKED "3;x=\"q\";y\r\nabc\r\n0\r\nTrailer: t\r\nMore: u\r\n\r\nrest", FETCH_OK, 200, "abc",
     "Transfer-Encoding=chunked|", "rest", true, 0},
    {CHUNKED "A\r\n0123456789\r\n0\r\n\r\n", FETCH_OK, 200, "0123456789", NULL, "", true, 0},
    {CHUNKED "xyz\r\n", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    {CHUNKED "-5\r\nabcde\r\n", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    {CHUNKED "\r\nabc\r\n", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    {CHUNKED "FFFFFFFFFFFFFFFFFF\r\nabc", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    {CHUNKED "3\r\nabcde\r\n0\r\n\r\n", FETCH_PROTOCOL, 200, "abc", NULL, NULL, true, 0},
    {CHUNKED "3\r\nab", FETCH_INCOMPLETE, 200, "ab", NULL, NULL, true, 0},
    {CHUNKED "3\r\nabc\r\n", FETCH_INCOMPLETE, 200, "abc", NULL, NULL, true, 0},
    {CHUNKED "3\r\nabc\r\n0\r\n", FETCH_OK, 200, "abc", NULL, "", true, 0},
    {CHUNKED "3\r\nabc\r\n0", FETCH_OK, 200, "abc", NULL, "", true, 0},
    {CHUNKED "0\r\nTrai", FETCH_OK, 200, "", NULL, "", true, 0},
    {CHUNKED " 03 \t\r\nabc\r\n2 ;x\nde\n00\nTrailer\n\nrest", FETCH_OK, 200, "abcde", NULL, "rest",
     true, 0},
    {CHUNKED "+3\r\nabc\r\n0x2\r\nde\r\n0\r\n\r\n", FETCH_OK, 200, "abcde", NULL, "", true, 0},
    {CHUNKED "3 4\r\nabc\r\n", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    {CHUNKED "0x\r\n\r\n", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    {CHUNKED ";x\r\n\r\n", FETCH_PROTOCOL, 200, "", NULL, NULL, true, 0},
    /* lies */
    {OK_HEAD "Content-Length: 5\r\n\r\nab", FETCH_INCOMPLETE, 200, "ab", NULL, NULL, true, 0},
    {OK_HEAD "Content-Length: -5\r\n\r\nab", FETCH_OK, 200, "ab", NULL, "", false, 0},
    {OK_HEAD "Content-Length: 5x\r\n\r\nhello", FETCH_OK, 200, "hello", NULL, "", false, 0},
    {OK_HEAD "Content-Length: 99999999999999999999999\r\n\r\na", FETCH_INCOMPLETE, 200, "a", NULL,
     NULL, true, 0},
    {OK_HEAD "Content-Length: 5, 6\r\n\r\nhello", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {OK_HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", FETCH_PROTOCOL, 0, "", NULL,
     NULL, false, 0},
    /* not HTTP */
    {"", FETCH_CLOSED, 0, "", NULL, NULL, false, 0},
    {"HTTP/1.1 20", FETCH_INCOMPLETE, 0, "", NULL, NULL, false, 0},
    {OK_HEAD "Content-Len", FETCH_INCOMPLETE, 0, "", NULL, NULL, false, 0},
    {"SSH-2.0-OpenSSH_9.2\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTX", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTTP/2 200 OK\r\n\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTTP/1.1 abc OK\r\n\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
    {"HTTP/1.1 099 OK\r\n\r\n", FETCH_PROTOCOL, 0, "", NULL, NULL, false, 0},
};

static void check(const struct example *x, struct outcome *o, size_t len)
{
    if (o->error != x->error)
        print_message("for %s\n", x->bytes);
    assert_string_equal(fetch_error_text(o->error), fetch_error_text(x->error));
    assert_int_equal(o->status, x->status);
    assert_string_equal(o->body.data ? o->body.data : "", x->body);
    if (x->headers)
        assert_string_equal(o->headers.data ? o->headers.data : "", x->headers);
    if (x->rest)
        assert_int_equal(len - o->used, strlen(x->rest));
    assert_int_equal(o->keeps_alive, x->keeps_alive);
    outcome_fini(o);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *x = &examples[i];
        const size_t len = strlen(x->bytes);
        for (size_t first = 1; first <= len + 1; first++) {
            struct outcome o = parse(x->bytes, len, first, SIZE_MAX, x->kind);
            check(x, &o, len);
        }
        struct outcome o = parse(x->bytes, len, 1, 1, x->kind);
        if (x->rest) /* it stops within the last byte it needs */
            o.used = len - strlen(x->rest);
        check(x, &o, len);
    }
}

/* A head that is known says what it said. */
static void test_known(void **state)
{
    (void)state;
    struct hresp_known kept;
    unsigned learnt = 0;
    known = &kept;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *x = &examples[i];
        const size_t len = strlen(x->bytes);
        kept = (struct hresp_known){0};
        for (size_t first = len + 1; first > 0; first--) {
            struct outcome o = parse(x->bytes, len, first, SIZE_MAX, x->kind);
            check(x, &o, len);
        }
        learnt += kept.len > 0;
    }
    assert_true(learnt > sizeof examples / sizeof *examples / 2);
    known = NULL;
}

static int status_of(const char *bytes, enum hresp_kind kind)
{
    struct outcome o = parse(bytes, strlen(bytes), SIZE_MAX, SIZE_MAX, kind);
    assert_string_equal(o.headers.data, "A=1|Content-Length=2|");
    const int status = o.status;
    outcome_fini(&o);
    return status;
}

/* It is compared with all of it, and what it said is not worked out again. */
static void test_known_is_compared(void **state)
{
    (void)state;
    static const char answer[] = OK_HEAD "A: 1\r\nContent-Length: 2\r\n\r\nok";
    struct hresp_known kept = {0};
    known = &kept;
    assert_int_equal(status_of(answer, HRESP_NORMAL), 200);
    assert_int_equal(kept.len, sizeof answer - sizeof "ok");
    kept.said.status = 299;
    assert_int_equal(status_of(answer, HRESP_NORMAL), 299);
    assert_int_equal(status_of(answer, HRESP_HEAD_ONLY), 200);
    for (int i = 0; i < 2; i++) { /* another one takes its place, the first time */
        assert_int_equal(
            status_of("HTTP/1.1 404 OK\r\nA: 1\r\nContent-Length: 2\r\n\r\nok", HRESP_NORMAL), 404);
        kept.missed = 0;
    }
    assert_int_equal(status_of(answer, HRESP_NORMAL), 200);
    known = NULL;
}

static void test_trailers(void **state)
{
    static const struct {
        const char *lines, *trailers;
    } cases[] = {
        {"\r\n", ""},
        {"A: 1\r\nb:2 \r\nA: 3\r\nContent-Length: 7\r\n\r\n", "A=1|b=2|A=3|Content-Length=7|"},
        {"A: 1\nB:\n\n", "A=1|B=|"},
        {"A: 1\r\n\t2\r\n\r\n", "A=1 2|"},
        /* of no header, and of none that is before it here */
        {"no colon here\r\nB\001: 1\r\nC : 2\r\n\r\n", "C=2|"},
        {" folded: 1\r\nA: 2\r\n\r\n", "A=2|"},
        /* the connection's end is the body's */
        {"A: 1\r\nB: 2", "A=1|"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[300];
        const size_t len =
            (size_t)snprintf(bytes, sizeof bytes, CHUNKED "3\r\nabc\r\n0;x\r\n%s", cases[i].lines);
        for (size_t step = 1; step <= len; step++) {
            struct outcome o = parse(bytes, len, step, step, HRESP_NORMAL);
            assert_int_equal(o.error, FETCH_OK);
            assert_string_equal(o.body.data, "abc");
            assert_string_equal(o.headers.data, "Transfer-Encoding=chunked|");
            assert_string_equal(o.trailers.data ? o.trailers.data : "", cases[i].trailers);
            assert_true(o.is_kept);
            outcome_fini(&o);
        }
    }
}

/* They have no room behind the head: text and table move, and what points there with them. */
static void test_long_trailers(void **state)
{
    (void)state;
    struct sbuf b = {0}, want = {0};
    sbuf_adds(&b, CHUNKED "3\r\nabc\r\n0\r\n");
    for (int i = 0; i < 255; i++) {
        sbuf_addf(&b, "T%d: %0*d\r\n", i, 100, i);
        sbuf_addf(&want, "T%d=%0*d|", i, 100, i);
    }
    static const size_t steps[] = {1, 1000, 1u << 20};
    sbuf_adds(&b, "\r\n");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct outcome o = parse(b.data, b.len, steps[i], steps[i], HRESP_NORMAL);
        assert_int_equal(o.error, FETCH_OK);
        assert_string_equal(o.headers.data, "Transfer-Encoding=chunked|");
        assert_string_equal(o.trailers.data, want.data);
        outcome_fini(&o);
    }
    sbuf_fini(&b);
    sbuf_fini(&want);
}

/* A head much longer than a block: the table and the reason move with the text. */
static void test_long_head(void **state)
{
    (void)state;
    struct sbuf b = {0}, want = {0};
    sbuf_adds(&b, OK_HEAD);
    for (int i = 0; i < 200; i++) {
        sbuf_addf(&b, "Header-%d: %0*d\r\n", i, 100, i);
        sbuf_addf(&want, "Header-%d=%0*d|", i, 100, i);
    }
    sbuf_adds(&b, "Content-Length: 3\r\n\r\nxyz");
    sbuf_adds(&want, "Content-Length=3|");
    static const size_t steps[] = {1, 7, 1000, 1464, 5856, 1u << 20};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct outcome o = parse(b.data, b.len, steps[i], steps[i], HRESP_NORMAL);
        assert_int_equal(o.error, FETCH_OK);
        assert_string_equal(o.headers.data, want.data);
        assert_string_equal(o.body.data, "xyz");
        outcome_fini(&o);
    }
    sbuf_fini(&b);
    sbuf_fini(&want);
}

static enum fetch_error error_of_repeat(const char *start, const char *piece, size_t times)
{
    struct sbuf b = {0};
    sbuf_adds(&b, start);
    for (size_t i = 0; i < times; i++)
        sbuf_adds(&b, piece);
    struct outcome o = parse(b.data, b.len, 60000, 60000, HRESP_NORMAL);
    const enum fetch_error error = o.error;
    outcome_fini(&o);
    sbuf_fini(&b);
    return error;
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(error_of_repeat(OK_HEAD, "A: b\r\n", 257), FETCH_HEAD_TOO_LARGE);
    assert_int_equal(error_of_repeat(OK_HEAD, "A: b\r\n", 256), FETCH_INCOMPLETE);
    assert_int_equal(error_of_repeat(OK_HEAD "A: ", "xxxxxxxxxxxxxxxx", 20000),
                     FETCH_HEAD_TOO_LARGE);
    assert_int_equal(error_of_repeat("", "HTTP/1.1 100 Continue\r\n\r\n", 20000),
                     FETCH_HEAD_TOO_LARGE);
    assert_int_equal(error_of_repeat("HTTP/1.1 200 ", "OKOKOKOKOK", 40000), FETCH_HEAD_TOO_LARGE);
    assert_int_equal(error_of_repeat(CHUNKED "3;", "abcdefgh=1;", 20000), FETCH_PROTOCOL);
    assert_int_equal(error_of_repeat(CHUNKED "0\r\n", "x\r\n", 40000), FETCH_PROTOCOL);
    assert_int_equal(error_of_repeat(CHUNKED "0\r\n", "T: x\r\n", 255), FETCH_OK);
    assert_int_equal(error_of_repeat(CHUNKED "0\r\n", "T: x\r\n", 256), FETCH_HEAD_TOO_LARGE);
    assert_int_equal(error_of_repeat(CHUNKED, "1\r\nx\r\n", 50000), FETCH_INCOMPLETE);
}

static void test_stable_body(void **state)
{
    (void)state;
    static const char text[] = OK_HEAD "Content-Length: 5\r\n\r\nhello";
    struct hresp_block block;
    struct hresp r;
    struct outcome o = {0};
    hresp_init(&r, &block, HRESP_NORMAL);
    r.on_body = on_body;
    r.arg = &o;
    size_t used;
    assert_int_equal(hresp_feed(&r, text, sizeof text - 1, &used), HRESP_HEAD);
    assert_int_equal(r.head_len, sizeof text - 1 - 5);
    assert_int_equal(r.stable_left, 5);
    uint64_t len;
    assert_true(hresp_length(&r, &len));
    assert_int_equal(len, 5);
    assert_int_equal(hresp_feed(&r, text + used, 5, &used), HRESP_END);
    assert_memory_equal(r.head + r.head_len, "hello", 5);
    uint32_t at = 0;
    const struct fetch_header *h = hresp_find(&r, "content-length", &at);
    assert_non_null(h);
    assert_null(hresp_find(&r, "content-length", &at));
    hresp_fini(&r);
    outcome_fini(&o);
}

/* A name of that length with that byte in it: a header, or a line that is passed over. */
static void check_name(size_t len, size_t at, int byte)
{
    char name[32], bytes[128], expected[64] = "";
    memset(name, 'n', len);
    name[at] = (char)byte;
    const int size = snprintf(bytes, sizeof bytes, OK_HEAD "%.*s: v\r\n\r\n", (int)len, name);
    struct outcome o = parse(bytes, (size_t)size, (size_t)size, (size_t)size, HRESP_NORMAL);
    if (byte > ' ' && byte <= '~')
        snprintf(expected, sizeof expected, "%.*s=v|", (int)len, name);
    assert_int_equal(o.status, 200);
    assert_string_equal(o.headers.data ? o.headers.data : "", expected);
    outcome_fini(&o);
}

static void test_names(void **state)
{
    (void)state;
    for (size_t len = 1; len < 20; len++)
        for (size_t at = 0; at < len; at++)
            for (int byte = 1; byte < 256; byte++) {
                const bool is_end = byte == '\n' || byte == '\r' || byte == ':';
                const bool is_edge = at == 0 || at == len - 1;
                if (!is_end && !(is_edge && (byte == ' ' || byte == '\t')))
                    check_name(len, at, byte);
            }
}

static void test_corpus(void **state)
{
    (void)state;
    DIR *dir = opendir("tests/fuzz/corpus/response");
    assert_non_null(dir);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX];
        static uint8_t bytes[1 << 20];
        snprintf(path, sizeof path, "tests/fuzz/corpus/response/%s", entry->d_name);
        FILE *f = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!f)
            continue;
        response_drive(bytes, fread(bytes, 1, sizeof bytes, f));
        fclose(f);
        count++;
    }
    closedir(dir);
    assert_true(count >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_long_head),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_stable_body),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_trailers), cmocka_unit_test(test_long_trailers),
        cmocka_unit_test(test_known),    cmocka_unit_test(test_known_is_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
