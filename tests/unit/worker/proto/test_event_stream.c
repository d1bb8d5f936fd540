// SPDX-License-Identifier: MIT
/* Streams of events by the examples and rules of the HTML standard, each in one piece, cut in two
 * at every byte, and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/proto/event_stream.h"

#define MOST 4096

struct heard {
    struct sbuf text; /* [type|data|id|retry] of each event */
    enum event_step step;
    uint32_t retry_ms;
};

static void tell(struct heard *h, const struct event_stream *s)
{
    sbuf_addc(&h->text, '[');
    sbuf_add(&h->text, s->type.data, s->type.len);
    sbuf_addc(&h->text, '|');
    sbuf_add(&h->text, s->data.data, s->data.len);
    sbuf_addc(&h->text, '|');
    sbuf_add(&h->text, s->id.data, s->id.len);
    if (s->says_retry)
        sbuf_addf(&h->text, "|%u", (unsigned)s->retry_ms);
    sbuf_addc(&h->text, ']');
}

static void feed(struct heard *h, struct event_stream *s, const char *bytes, size_t len)
{
    for (size_t used = 0; len && h->step != EVENT_TOO_LONG; bytes += used, len -= used) {
        h->step = event_stream_feed(s, bytes, len, &used);
        assert_true(used <= len);
        assert_true(h->step != EVENT_MORE || used == len);
        if (h->step == EVENT_THERE)
            tell(h, s);
    }
}

static bool is_lines;

static void check(const char *stream, size_t len, size_t first, size_t piece, const char *wanted)
{
    struct event_stream s = {.most = MOST, .is_lines = is_lines};
    struct heard h = {.step = EVENT_MORE};
    sbuf_adds(&h.text, "");
    feed(&h, &s, stream, first);
    for (size_t at = first; at < len; at += piece)
        feed(&h, &s, stream + at, len - at < piece ? len - at : piece);
    if (event_stream_end(&s))
        tell(&h, &s);
    assert_false(event_stream_end(&s));
    if (strcmp(h.text.data, wanted) != 0)
        print_error("first %zu bytes, then %zu at a time\n", first, piece);
    assert_string_equal(h.text.data, wanted);
    sbuf_fini(&h.text);
    event_stream_fini(&s);
}

static void always(const char *stream, size_t len, const char *wanted)
{
    for (size_t first = 0; first <= len; first++)
        check(stream, len, first, MOST, wanted);
    check(stream, len, 0, 1, wanted);
    check(stream, len, 0, 2, wanted);
    check(stream, len, 0, 3, wanted);
}
#define ALWAYS(stream, wanted) always(stream, sizeof stream - 1, wanted)

static void lines(void **state)
{
    (void)state;
    ALWAYS("data: a\n\n", "[|a|]");
    ALWAYS("data: a\r\r", "[|a|]");
    ALWAYS("data: a\r\n\r\n", "[|a|]");
    ALWAYS("data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", "[|a|][|b|][|c|]");
    ALWAYS("data: a\n\n\n\n\ndata: b\n\n", "[|a|][|b|]");
    ALWAYS("data: a\r\n\r\ndata: b\r\n\r\n", "[|a|][|b|]");
    ALWAYS("data: a\n\ndata: b\n", "[|a|]");
    ALWAYS(": c\revent: x\rid: 1\rdata: one \rdata:two\r\r: c\r\nevent: x\r\nid: 2\r\n"
           "data: one \r\ndata:two\r\n\r\n",
           "[x|one \ntwo|1][x|one \ntwo|2]");
}

static void fields(void **state)
{
    (void)state;
    ALWAYS("data: YHOO\ndata: +2\ndata: 10\n\n", "[|YHOO\n+2\n10|]");
    ALWAYS(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
           "[|first event|1][|second event|][| third|]");
    ALWAYS("data\n\ndata\ndata\n\ndata:", "[||][|\n|]");
    ALWAYS("data:test\n\ndata: test\n\n", "[|test|][|test|]");
    ALWAYS("event: add\ndata: 1\n\nevent: remove\ndata: 2\n\ndata: 3\n\n",
           "[add|1|][remove|2|][|3|]");
    ALWAYS("Data: a\n data: b\nunknown: c\ndata : d\nfield\n\ndata: e:f\n\n", "[|e:f|]");
    ALWAYS("event: x\n\ndata: a\n\n", "[|a|]");
}

static void ids(void **state)
{
    (void)state;
    ALWAYS("id: 7\n\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", "[|a|7][|b|7][|c|]");
    ALWAYS("id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n", "[|a|7][|b|7]");
    ALWAYS("id: 7\ndata: a\n\nid: 8\n", "[|a|7]");
}

static void retries(void **state)
{
    (void)state;
    ALWAYS("retry: 250\ndata: a\n\ndata: b\n\n", "[|a||250][|b|]");
    ALWAYS("retry: 2s\nretry: -1\nretry\nretry: \nretry: 1.5\ndata: a\n\n", "[|a|]");
    ALWAYS("retry: 99999999999999999999999\ndata: a\n\n", "[|a||4294967295]");
    ALWAYS("retry: 40\n\ndata: a\n\n", "[|a||40]");
    ALWAYS("retry: 0\ndata: a\n\n", "[|a||0]");
}

static void marks(void **state)
{
    (void)state;
    ALWAYS("\xEF\xBB\xBF"
           "data: a\n\n",
           "[|a|]");
    ALWAYS("\xEF\xBB\xBF\xEF\xBB\xBF"
           "data: a\n\ndata: b\n\n",
           "[|b|]");
    ALWAYS("\xEF\xBB: x\ndata: a\n\n", "[|a|]");
    ALWAYS("\xEF\xBB\xBF: comment\ndata: a\n\n", "[|a|]");
    ALWAYS("data: \xEF\xBB\xBF\n\n", "[|\xEF\xBB\xBF|]");
}

/* What is not kept is not limited; what is kept is, however it is spread. */
static void limits(void **state)
{
    (void)state;
    static char bytes[3 * MOST];
    struct event_stream s = {.most = MOST};
    struct heard h = {.step = EVENT_MORE};
    memset(bytes, 'x', sizeof bytes);
    feed(&h, &s, ":", 1);
    feed(&h, &s, bytes, sizeof bytes);
    feed(&h, &s, "\ndata: ", 7);
    assert_int_equal(h.step, EVENT_MORE);
    feed(&h, &s, bytes, MOST - 6);
    feed(&h, &s, "\n", 1);
    assert_int_equal(h.step, EVENT_MORE);
    feed(&h, &s, "data: 1234567\n", 14);
    assert_int_equal(h.step, EVENT_TOO_LONG);
    event_stream_fini(&s);
    h.step = EVENT_MORE;
    feed(&h, &s, bytes, MOST);
    assert_int_equal(h.step, EVENT_MORE);
    feed(&h, &s, "x", 1);
    assert_int_equal(h.step, EVENT_TOO_LONG);
    event_stream_fini(&s);
    for (int i = 0; i < 1000; i++) { /* each event begins anew */
        h.step = EVENT_MORE;
        feed(&h, &s, "data: ", 6);
        feed(&h, &s, bytes, MOST / 2);
        feed(&h, &s, "\n\n", 2);
        assert_int_equal(h.step, EVENT_THERE);
    }
    event_stream_fini(&s);
    sbuf_fini(&h.text);
}

static int begin_lines(void **state)
{
    (void)state;
    is_lines = true;
    return 0;
}

static int end_lines(void **state)
{
    (void)state;
    is_lines = false;
    return 0;
}

static void json_lines(void **state)
{
    (void)state;
    ALWAYS("{\"a\":1}\n{\"a\":2}\n", "[|{\"a\":1}|][|{\"a\":2}|]");
    ALWAYS("{\"a\":1}\r\n\r\n \t\n{\"a\":2} \r\n", "[|{\"a\":1}|][|{\"a\":2}|]");
    ALWAYS("{\"a\":1}\n{\"a\":2}", "[|{\"a\":1}|][|{\"a\":2}|]");
    ALWAYS("{\r\"a\":1}\n", "[|{\r\"a\":1}|]");
    ALWAYS(": no comment\ndata: 1\nid: 7\nretry: 2\n",
           "[|: no comment|][|data: 1|][|id: 7|][|retry: 2|]");
    ALWAYS("\xEF\xBB\xBF"
           "1\n2\n",
           "[|1|][|2|]");
    ALWAYS("\n\r\n  \n", "");
}

static void lines_are_limited(void **state)
{
    (void)state;
    static char bytes[2 * MOST];
    struct event_stream s = {.most = MOST, .is_lines = true};
    struct heard h = {.step = EVENT_MORE};
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 3; i++) { /* each line begins anew */
        h.step = EVENT_MORE;
        feed(&h, &s, bytes, MOST - 1);
        feed(&h, &s, "\n", 1);
        assert_int_equal(h.step, EVENT_THERE);
    }
    h.step = EVENT_MORE;
    feed(&h, &s, bytes, MOST);
    assert_int_equal(h.step, EVENT_MORE);
    feed(&h, &s, "x", 1);
    assert_int_equal(h.step, EVENT_TOO_LONG);
    event_stream_fini(&s);
    sbuf_fini(&h.text);
}

static void restart(void **state)
{
    (void)state;
    struct event_stream s = {.most = MOST};
    struct heard h = {.step = EVENT_MORE};
    static const char before[] = "id: 5\ndata: a\n\nid: 6\nevent: x\ndata: lost";
    static const char after[] = "\xEF\xBB\xBF"
                                "data: b\n\n";
    feed(&h, &s, before, sizeof before - 1);
    event_stream_restart(&s);
    feed(&h, &s, after, sizeof after - 1);
    assert_string_equal(h.text.data, "[|a|5][|b|5]");
    sbuf_fini(&h.text);
    event_stream_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(fields),
        cmocka_unit_test(ids),
        cmocka_unit_test(retries),
        cmocka_unit_test(marks),
        cmocka_unit_test(limits),
        cmocka_unit_test(restart),
        cmocka_unit_test_setup_teardown(json_lines, begin_lines, end_lines),
        cmocka_unit_test(lines_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
