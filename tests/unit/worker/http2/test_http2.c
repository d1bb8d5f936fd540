// SPDX-License-Identifier: MIT
/* Answers of HTTP/2, frame by frame: whole, cut off at every byte, and with every byte of them
 * another. What is told of a failure, and to whom, is in tests/integration/test_http2.py. */
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/sbuf.h"
#include "tests/fuzz/http2_driver.h"

enum { DATA, HEADERS, RST = 3, SETTINGS, PING = 6, GOAWAY };
enum { END_STREAM = 1, END_HEADERS = 4 };
enum { NOT_FOUND = 0x8d, OK = 0x88 }; /* in HPACK's static table */

static void frame(struct sbuf *out, int type, int flags, uint32_t stream, const void *payload,
                  size_t len)
{
    const uint8_t head[9] = {(uint8_t)(len >> 16),
                             (uint8_t)(len >> 8),
                             (uint8_t)len,
                             (uint8_t)type,
                             (uint8_t)flags,
                             0,
                             0,
                             (uint8_t)(stream >> 8),
                             (uint8_t)stream};
    sbuf_add(out, head, sizeof head);
    sbuf_add(out, payload, len);
}

static void answer(struct sbuf *out, uint32_t stream, uint8_t status, const char *body)
{
    frame(out, HEADERS, body ? END_HEADERS : END_HEADERS | END_STREAM, stream, &status, 1);
    if (body)
        frame(out, DATA, END_STREAM, stream, body, strlen(body));
}

static struct sbuf three_answers(void)
{
    struct sbuf out = {0};
    frame(&out, SETTINGS, 0, 0, NULL, 0);
    frame(&out, HEADERS, END_HEADERS, 1, (const uint8_t[]){OK}, 1);
    answer(&out, 5, NOT_FOUND, "no such thing");
    frame(&out, DATA, 0, 1, "one ", 4);
    answer(&out, 3, OK, "streamed");
    frame(&out, PING, 0, 0, "12345678", 8);
    frame(&out, DATA, END_STREAM, 1, "two", 3);
    return out;
}

static void drive(const struct sbuf *said, size_t len, size_t piece, struct driven *d)
{
    http2_drive((const uint8_t *)said->data, len, piece, d);
}

static void test_side_by_side(void **state)
{
    (void)state;
    struct sbuf said = three_answers();
    const size_t pieces[] = {SIZE_MAX, 100, 7, 1};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct driven d;
        drive(&said, said.len, pieces[i], &d);
        for (int s = 0; s < DRIVER_STREAMS; s++) {
            assert_string_equal(fetch_error_text(d.error[s]), "ok");
            assert_int_equal(d.status[s], s == 2 ? 404 : 200);
            assert_int_equal(d.body_len[s], s == 0 ? 7 : s == 1 ? 8 : 13);
        }
    }
    sbuf_fini(&said);
}

/* Who has the whole of an answer has it; the others have failed, in the way that fits. */
static void test_cut_off_anywhere(void **state)
{
    (void)state;
    struct sbuf said = three_answers();
    for (size_t len = 0; len < said.len; len++) {
        struct driven d;
        drive(&said, len, SIZE_MAX, &d);
        assert_int_equal(d.error[0], d.status[0] ? FETCH_INCOMPLETE : FETCH_CLOSED);
        for (int s = 1; s < DRIVER_STREAMS; s++) {
            const size_t whole = s == 1 ? 8 : 13;
            if (d.body_len[s] == whole)
                assert_int_equal(d.error[s], FETCH_OK);
            else
                assert_int_equal(d.error[s], d.status[s] ? FETCH_INCOMPLETE : FETCH_CLOSED);
        }
    }
    sbuf_fini(&said);
}

static void test_any_byte_another(void **state)
{
    (void)state;
    struct sbuf said = three_answers();
    for (size_t at = 0; at < said.len; at++) {
        for (int other = 0; other < 256; other += at % 3 ? 37 : 1) {
            const char old = said.data[at];
            struct driven d;
            said.data[at] = (char)other;
            drive(&said, said.len, SIZE_MAX, &d);
            said.data[at] = old;
        }
    }
    sbuf_fini(&said);
}

static void test_ends(void **state)
{
    (void)state;
    struct sbuf said = {0};
    struct driven d;
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    frame(&said, RST, 0, 1, (const uint8_t[]){0, 0, 0, 2}, 4);
    frame(&said, GOAWAY, 0, 0, (const uint8_t[]){0, 0, 0, 3, 0, 0, 0, 11}, 8); /* calm */
    answer(&said, 3, OK, "of the old");
    drive(&said, said.len, SIZE_MAX, &d);
    assert_int_equal(d.error[0], FETCH_STREAM_RESET);
    assert_int_equal(d.error[1], FETCH_OK);
    assert_int_equal(d.body_len[1], 10);
    assert_int_equal(d.error[2], FETCH_GOAWAY);
    sbuf_fini(&said);
}

/* An answer to a request whose body the server does not want. */
static void test_whole_before_the_request(void **state)
{
    (void)state;
    struct sbuf said = {0};
    struct driven d;
    frame(&said, SETTINGS, 0, 0, (const uint8_t[]){0, 4, 0, 0, 0, 0}, 6); /* no window */
    answer(&said, 5, NOT_FOUND, NULL);
    answer(&said, 1, OK, NULL);
    answer(&said, 3, OK, NULL);
    drive(&said, said.len, SIZE_MAX, &d);
    for (int s = 0; s < DRIVER_STREAMS; s++)
        assert_int_equal(d.error[s], FETCH_OK);
    sbuf_fini(&said);
}

static void test_trailers_behind_many_frames(void **state)
{
    (void)state;
    const size_t count = FETCH_MAX_HEAD / 4;
    struct sbuf said = {0};
    struct driven d;
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    frame(&said, HEADERS, END_HEADERS, 1, (const uint8_t[]){OK}, 1);
    for (size_t i = 0; i < count; i++)
        frame(&said, DATA, 0, 1, "x", 1);
    frame(&said, HEADERS, END_HEADERS | END_STREAM, 1, "\0\1x\1y", 5);
    drive(&said, said.len, SIZE_MAX, &d);
    assert_string_equal(fetch_error_text(d.error[0]), "ok");
    assert_int_equal(d.body_len[0], count);
    assert_int_equal(d.trailers[0], 1);
    assert_string_equal(d.trailer[0], "y");
    sbuf_fini(&said);
}

/* A small body lies behind its head, and trailers that have no room there take it along. */
static void test_trailers_move_a_body(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    struct sbuf said = {0}, block = {0};
    struct driven d;
    sbuf_add(&block, "\0\1x\x7f\x89\x26", 6);
    for (int i = 0; i < LONG; i++)
        sbuf_addc(&block, 'y');
    sbuf_add(&block, "\0\4last\4done", 11);
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    frame(&said, HEADERS, END_HEADERS, 1,
          "\x88\x5c\1"
          "4",
          4); /* content-length */
    frame(&said, DATA, 0, 1, "body", 4);
    frame(&said, HEADERS, END_HEADERS | END_STREAM, 1, block.data, block.len);
    drive(&said, said.len, SIZE_MAX, &d);
    assert_string_equal(fetch_error_text(d.error[0]), "ok");
    assert_string_equal(d.body[0], "body");
    assert_int_equal(d.trailers[0], 2);
    assert_string_equal(d.trailer[0], "done");
    sbuf_fini(&said);
    sbuf_fini(&block);
}

/* Fields of a table are a byte each, and the server's own names and values are large. */
static void test_trailers_are_bounded(void **state)
{
    (void)state;
    enum { VALUE = 4000, AGAIN = 2 * FETCH_MAX_HEAD / VALUE + 1 };
    struct sbuf said = {0}, block = {0};
    struct driven d;
    sbuf_add(&block, "\x40\1x\x7f\xa1\x1e", 6); /* into the table: x, and a value of that length */
    for (int i = 0; i < VALUE; i++)
        sbuf_addc(&block, 'y');
    for (int i = 0; i < AGAIN; i++)
        sbuf_addc(&block, (char)0xbe); /* the newest there */
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    frame(&said, HEADERS, END_HEADERS, 1, (const uint8_t[]){OK}, 1);
    frame(&said, HEADERS, END_HEADERS | END_STREAM, 1, block.data, block.len);
    drive(&said, said.len, SIZE_MAX, &d);
    assert_int_equal(d.error[0], FETCH_HEAD_TOO_LARGE);
    sbuf_fini(&said);
    sbuf_fini(&block);
}

/* A block that comes again is another's meaning once the table has changed; and one that means the
 * same has to fit its body each time. */
static void test_heads_come_again(void **state)
{
    (void)state;
    static const char sized[] = "\x88\x0f\x0d\1"
                                "4\0\1x\1y";
    struct sbuf said = {0};
    struct driven d;
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    for (uint32_t stream = 1; stream <= 5; stream += 2) {
        frame(&said, HEADERS, END_HEADERS, stream,
              stream == 5 ? "\x88\x40\1x\1"
                            "2"
                          : "\x88\x40\1x\1"
                            "1",
              stream == 3 ? 1 : 6);
        frame(&said, HEADERS, END_HEADERS | END_STREAM, stream, "\xbe", 1);
    }
    drive(&said, said.len, SIZE_MAX, &d);
    for (int s = 0; s < DRIVER_STREAMS; s++) {
        assert_string_equal(fetch_error_text(d.error[s]), "ok");
        assert_string_equal(d.trailer[s], s == 2 ? "2" : "1");
    }
    sbuf_clear(&said);
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    for (uint32_t stream = 1; stream <= 5; stream += 2) {
        frame(&said, HEADERS, END_HEADERS, stream, sized, sizeof sized - 1);
        frame(&said, DATA, END_STREAM, stream, "body", stream == 5 ? 3 : 4);
    }
    drive(&said, said.len, SIZE_MAX, &d);
    assert_int_equal(d.error[0], FETCH_OK);
    assert_int_equal(d.error[1], FETCH_OK);
    assert_int_equal(d.error[2], FETCH_INCOMPLETE);
    sbuf_clear(&said);
    frame(&said, SETTINGS, 0, 0, NULL, 0);
    frame(&said, HEADERS, END_HEADERS, 1, "\x20\x88", 2); /* the table has no room */
    for (uint32_t stream = 1; stream <= 5; stream += 2) {
        if (stream > 1)
            frame(&said, HEADERS, END_HEADERS, stream, "\x88", 1);
        frame(&said, HEADERS, END_HEADERS | END_STREAM, stream, "\x40\1x\1y", 5);
    }
    drive(&said, said.len, SIZE_MAX, &d);
    for (int s = 0; s < DRIVER_STREAMS; s++) {
        assert_string_equal(fetch_error_text(d.error[s]), "ok");
        assert_string_equal(d.trailer[s], "y");
    }
    sbuf_fini(&said);
}

static void test_corpus(void **state)
{
    (void)state;
    DIR *dir = opendir("tests/fuzz/corpus/http2");
    assert_non_null(dir);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX];
        static uint8_t bytes[1 << 16];
        struct driven d;
        snprintf(path, sizeof path, "tests/fuzz/corpus/http2/%s", entry->d_name);
        FILE *f = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!f)
            continue;
        const size_t len = fread(bytes, 1, sizeof bytes, f);
        for (size_t piece = 1; piece < 50; piece += 7)
            http2_drive(bytes + 1, len - 1, piece, &d);
        fclose(f);
        count++;
    }
    closedir(dir);
    assert_true(count >= 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_cut_off_anywhere),
        cmocka_unit_test(test_any_byte_another),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_whole_before_the_request),
        cmocka_unit_test(test_trailers_behind_many_frames),
        cmocka_unit_test(test_trailers_move_a_body),
        cmocka_unit_test(test_trailers_are_bounded),
        cmocka_unit_test(test_heads_come_again),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
