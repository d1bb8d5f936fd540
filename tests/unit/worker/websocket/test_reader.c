// SPDX-License-Identifier: MIT
/* Frames, texts, masks and compression without a network: whole, cut off at every byte, and with
 * every byte another. What is told of a failure is in tests/integration/test_websocket.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/mem.h"
#include "tests/fuzz/websocket_driver.h"

enum { LAST = 0x80, SQUEEZED = 0x40 };

static void frame(struct sbuf *out, unsigned first, const void *payload, size_t len)
{
    sbuf_addc(out, (char)first);
    if (len < 126) {
        sbuf_addc(out, (char)len);
    } else {
        sbuf_addc(out, 126);
        sbuf_addc(out, (char)(len >> 8));
        sbuf_addc(out, (char)len);
    }
    sbuf_add(out, payload, len);
}

static struct driven drive(const struct sbuf *said, size_t len, size_t piece)
{
    struct driven d;
    websocket_drive((const uint8_t *)said->data, len, piece, true, &d);
    return d;
}

/* A text in three frames with a ping within, a binary of 300 bytes, a compressed text, a close. */
static struct sbuf conversation(void)
{
    static const char text[] = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac\xf0\x9d\x84\x9e";
    struct sbuf out = {0}, packed = {0};
    char bytes[300] = "binary";
    frame(&out, WS_TEXT, text, 4);
    frame(&out, LAST | WS_PING, "?", 1);
    frame(&out, WS_CONTINUATION, text + 4, 4);
    frame(&out, LAST | WS_CONTINUATION, text + 8, sizeof text - 9);
    frame(&out, LAST | WS_BINARY, bytes, sizeof bytes);
    assert_true(ws_deflate(&packed, 15, "lorem ipsum lorem ipsum", 23));
    frame(&out, LAST | SQUEEZED | WS_TEXT, packed.data, packed.len);
    frame(&out, LAST | WS_TEXT, "", 0);
    frame(&out, LAST | WS_CLOSE,
          "\x03\xe8"
          "bye",
          5);
    sbuf_fini(&packed);
    return out;
}

static void test_however_it_is_cut(void **state)
{
    (void)state;
    struct sbuf said = conversation();
    const struct driven whole = drive(&said, said.len, SIZE_MAX);
    assert_int_equal(whole.messages, 4);
    assert_int_equal(whole.controls, 2);
    assert_int_equal(whole.code, 0);
    for (size_t piece = 1; piece <= 20; piece++) {
        const struct driven d = drive(&said, said.len, piece);
        assert_true(d.sum == whole.sum && d.messages == 4 && d.code == 0);
    }
    for (size_t len = 0; len < said.len; len++)
        assert_int_equal(drive(&said, len, SIZE_MAX).code, 0);
    sbuf_fini(&said);
}

static void test_any_byte_another(void **state)
{
    (void)state;
    struct sbuf said = conversation();
    for (size_t at = 0; at < said.len; at++) {
        const char old = said.data[at];
        for (int other = 0; other < 256; other++) {
            said.data[at] = (char)other;
            const struct driven whole = drive(&said, said.len, SIZE_MAX);
            const struct driven cut = drive(&said, said.len, 3);
            assert_int_equal(whole.code, cut.code);
            assert_true(whole.sum == cut.sum);
        }
        said.data[at] = old;
    }
    sbuf_fini(&said);
}

static void test_breaches_have_their_codes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        unsigned code;
    } cases[] = {
#define CASE(text, code) {text, sizeof text - 1, code}
        CASE("\x81\x81"
             "abcdx",
             1002),                     /* masked */
        CASE("\xa1\x01x", 1002),        /* RSV2 */
        CASE("\x83\x01x", 1002),        /* no such opcode */
        CASE("\x8b\x01x", 1002),        /* nor of control */
        CASE("\x09\x01x", 1002),        /* a ping in pieces */
        CASE("\xc9\x01x", 1002),        /* a compressed ping */
        CASE("\x89\x7e\x00\x7e", 1002), /* a long one */
        CASE("\x80\x01x", 1002),        /* a continuation of nothing */
        CASE("\x01\x01"
             "a"
             "\x81\x01"
             "b",
             1002), /* a message within another */
        CASE("\x01\x01"
             "a"
             "\xc0\x01"
             "b",
             1002), /* RSV1 in a continuation */
        CASE("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 1002),
        CASE("\x82\x7e\x10\x01", 1009), /* larger than may be */
        CASE("\x81\x02\xc3\x28", 1007),
        CASE("\x81\x01\xc3", 1007), /* half a character */
        CASE("\x01\x01\xf4"
             "\x00\x01\x90",
             1007),                             /* above U+10FFFF, at the byte that shows it */
        CASE("\x81\x03\xed\xa0\x80", 1007),     /* a surrogate */
        CASE("\x81\x02\xc0\x80", 1007),         /* longer than need be */
        CASE("\xc1\x04\xff\xff\xff\xff", 1007), /* nothing that zlib knows */
        CASE("\x88\x01\x03", 1002),
        CASE("\x88\x02\x03\xee", 1002), /* 1006 is never sent */
        CASE("\x88\x02\x00\x01", 1002),
        CASE("\x88\x03\x03\xe8\xff", 1007),
        CASE("\x88\x02\x0f\xa0", 0),
        CASE("\x88\x00", 0),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct driven d;
        websocket_drive((const uint8_t *)cases[i].bytes, cases[i].len, 1, true, &d);
        assert_int_equal(d.code, cases[i].code);
    }
}

static void test_what_was_not_agreed_on(void **state)
{
    (void)state;
    struct driven d;
    websocket_drive((const uint8_t *)"\xc1\x01x", 3, 1, false, &d);
    assert_int_equal(d.code, 1002);
}

/* More than may be, from few bytes; and as much as may be. */
static void test_bombs(void **state)
{
    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        struct sbuf packed = {0}, said = {0};
        char *zeros = mem_zalloc(DRIVER_MESSAGE_MAX + 1);
        assert_true(ws_deflate(&packed, 9, zeros, DRIVER_MESSAGE_MAX + more));
        assert_true(packed.len < 100);
        frame(&said, LAST | SQUEEZED | WS_BINARY, packed.data, packed.len);
        const struct driven d = drive(&said, said.len, 1);
        assert_int_equal(d.code, more ? 1009 : 0);
        assert_int_equal(d.messages, more ? 0 : 1);
        free(zeros);
        sbuf_fini(&packed);
        sbuf_fini(&said);
    }
}

/* What a frame of ours says: the head as short as it can be, and the payload under its mask. */
static void test_frames_out(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 7, 8, 9, 125, 126, 65535, 65536};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct sbuf out = {0};
        char *bytes = mem_zalloc(lens[i] + 1);
        for (size_t b = 0; b < lens[i]; b++)
            bytes[b] = (char)(b * 7);
        ws_frame_write(&out, WS_BINARY, true, false, bytes, lens[i]);
        struct ws_head head;
        const int n = ws_head_read((const uint8_t *)out.data, out.len, &head);
        assert_int_equal(n, lens[i] < 126 ? 2 : lens[i] < 65536 ? 4 : 10);
        assert_true(head.is_masked && head.is_last && head.len == lens[i] && !head.rsv);
        assert_int_equal(out.len, (size_t)n + 4 + lens[i]);
        uint32_t mask;
        memcpy(&mask, out.data + n, sizeof mask);
        ws_mask(out.data + n + 4, out.data + n + 4, lens[i], mask);
        assert_memory_equal(out.data + n + 4, bytes, lens[i]);
        free(bytes);
        sbuf_fini(&out);
    }
    assert_true(ws_mask_new() != ws_mask_new());
}

/* Each window that a server may ask for, with texts that refer far back. */
static void test_windows(void **state)
{
    (void)state;
    struct sbuf text = {0};
    for (unsigned i = 0; i < 500; i++)
        sbuf_addf(&text, "%u,", i * 7919 % 1000);
    for (unsigned bits = 8; bits <= 15; bits++) {
        const struct ws_deflate_terms terms = {.is_on = true, .server_bits = (uint8_t)bits};
        struct ws_inflate *z = ws_inflate_new(&terms);
        for (int round = 0; round < 3; round++) {
            struct sbuf packed = {0}, back = {0};
            assert_true(ws_deflate(&packed, bits, text.data, text.len));
            sbuf_add(&packed, ws_inflate_tail, sizeof ws_inflate_tail);
            const uint8_t *at = (const uint8_t *)packed.data;
            size_t left = packed.len, n = 0;
            enum ws_inflated rc = WS_INFLATED_FULL;
            while (rc == WS_INFLATED_FULL) {
                sbuf_reserve(&back, 100);
                rc = ws_inflate(z, &at, &left, back.data + back.len, 100, &n);
                back.len += n;
            }
            ws_inflate_end(z);
            assert_int_equal(rc, WS_INFLATED_ALL);
            assert_int_equal(back.len, text.len);
            assert_memory_equal(back.data, text.data, text.len);
            sbuf_fini(&packed);
            sbuf_fini(&back);
        }
        ws_inflate_free(z);
    }
    sbuf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_however_it_is_cut),
        cmocka_unit_test(test_any_byte_another),
        cmocka_unit_test(test_breaches_have_their_codes),
        cmocka_unit_test(test_what_was_not_agreed_on),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_frames_out),
        cmocka_unit_test(test_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
