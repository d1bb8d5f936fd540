// SPDX-License-Identifier: MIT
/* Every coding, in one piece, byte by byte, and with room for a few bytes of output at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "worker/proto/decode.h"

#define PLAIN_LEN 300

/* "hello " fifty times, as Google's encoder writes it. */
static const char brotli[] =
    "\x1B\x2B\x01\xF8\x8D\x94\x6E\xDE\x44\x55\x86\x96\x6C\x20\x6F\x31\x5B\x1C\x00\x1C\x07";
static char plain[PLAIN_LEN + 1];

static void fill_plain(void)
{
    for (int i = 0; i < PLAIN_LEN; i++)
        plain[i] = "hello "[i % 6];
}

/* window_bits: 15 zlib, -15 raw, 31 gzip */
static void add_zlib(struct sbuf *to, const void *bytes, size_t len, int window_bits)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    sbuf_reserve(to, deflateBound(&z, len) + 64);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)to->data + to->len;
    z.avail_out = (uInt)(to->cap - to->len);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    to->len += z.total_out;
    deflateEnd(&z);
}

static void add_zstd(struct sbuf *to, const void *bytes, size_t len, int window_log)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window_log);
    sbuf_reserve(to, ZSTD_compressBound(len));
    ZSTD_inBuffer in = {bytes, len, 0};
    ZSTD_outBuffer out = {to->data + to->len, to->cap - to->len, 0};
    /* the window is the one asked for only when the size is not known */
    while (ZSTD_compressStream2(c, &out, &in, ZSTD_e_continue) && in.pos < in.size)
        continue;
    assert_int_equal(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), 0);
    to->len += out.pos;
    ZSTD_freeCCtx(c);
}

struct result {
    enum decode_step step;
    bool is_complete;
    struct sbuf out;
};

static struct result run(const char *coding, const struct sbuf *in, size_t piece, size_t room)
{
    struct result r = {.step = DECODE_OK};
    struct decode *d = NULL;
    assert_true(decode_add(&d, coding, strlen(coding)));
    for (size_t at = 0; at < in->len && r.step != DECODE_BAD; at += piece) {
        const char *bytes = in->data + at;
        size_t len = in->len - at < piece ? in->len - at : piece;
        while ((r.step = decode_write(d, &bytes, &len, &r.out, r.out.len + room)) == DECODE_FULL)
            continue;
        assert_true(r.step == DECODE_BAD || len == 0);
    }
    r.is_complete = decode_is_complete(d);
    decode_free(d);
    return r;
}

static void expect(const char *coding, const struct sbuf *in, const char *want, size_t want_len)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 7}, rooms[] = {1 << 20, 1, 50};
    for (int i = 0; i < 3; i++) {
        const size_t piece = pieces[i] < in->len ? pieces[i] : in->len;
        struct result r = run(coding, in, piece ? piece : 1, rooms[i]);
        assert_int_equal(r.step, DECODE_OK);
        assert_true(r.is_complete);
        assert_int_equal(r.out.len, want_len);
        assert_memory_equal(r.out.data ? r.out.data : "", want, want_len);
        sbuf_fini(&r.out);
    }
}

static void expect_plain(const char *coding, struct sbuf *in)
{
    expect(coding, in, plain, PLAIN_LEN);
    sbuf_fini(in);
}

static void test_each(void **state)
{
    (void)state;
    struct sbuf in = {0};
    add_zlib(&in, plain, PLAIN_LEN, 31);
    expect_plain("gzip", &in);
    add_zlib(&in, plain, PLAIN_LEN, 31);
    expect_plain("X-GZip", &in);
    add_zlib(&in, plain, PLAIN_LEN, 15);
    expect_plain("deflate", &in);
    add_zlib(&in, plain, PLAIN_LEN, -15);
    expect_plain("deflate", &in);
    add_zstd(&in, plain, PLAIN_LEN, 17);
    expect_plain("zstd", &in);
    sbuf_add(&in, brotli, sizeof brotli - 1);
    expect_plain("br", &in);
}

static void test_several_members(void **state)
{
    (void)state;
    struct sbuf in = {0};
    add_zlib(&in, plain, 100, 31);
    add_zlib(&in, plain + 100, PLAIN_LEN - 100, 31);
    expect_plain("gzip", &in);
    add_zstd(&in, plain, 100, 17);
    add_zstd(&in, plain + 100, PLAIN_LEN - 100, 17);
    expect_plain("zstd", &in);
}

static void test_bytes_behind_the_end(void **state)
{
    (void)state;
    struct sbuf in = {0};
    add_zlib(&in, plain, PLAIN_LEN, 31);
    sbuf_adds(&in, "behind");
    expect_plain("gzip", &in);
    add_zlib(&in, plain, PLAIN_LEN, 15);
    sbuf_adds(&in, "behind");
    expect_plain("deflate", &in);
    sbuf_add(&in, brotli, sizeof brotli - 1);
    sbuf_adds(&in, "behind");
    expect_plain("br", &in);
    add_zstd(&in, plain, PLAIN_LEN, 17);
    sbuf_adds(&in, "behind");
    expect_plain("zstd", &in);
    add_zlib(&in, plain, PLAIN_LEN, 31); /* what looks like a member, but not at once, or is none */
    sbuf_adds(&in, "be\x1f\x8bhind");
    expect_plain("gzip", &in);
    add_zlib(&in, plain, PLAIN_LEN, 31);
    sbuf_adds(&in, "\x1f");
    expect_plain("gzip", &in);
}

static void test_chain(void **state)
{
    (void)state;
    struct sbuf a = {0}, b = {0};
    add_zlib(&a, plain, PLAIN_LEN, 31);
    add_zlib(&b, a.data, a.len, 15);
    expect("gzip, deflate", &b, plain, PLAIN_LEN);
    expect(" gzip ,identity,, deflate ", &b, plain, PLAIN_LEN);
    sbuf_fini(&a);
    add_zstd(&a, b.data, b.len, 17);
    expect("gzip, deflate, zstd", &a, plain, PLAIN_LEN);
    sbuf_fini(&a);
    sbuf_fini(&b);
}

static void test_unknown(void **state)
{
    (void)state;
    struct decode *d = NULL;
    assert_false(decode_add(&d, "compress", 8));
    assert_true(decode_add(&d, "identity", 8));
    assert_null(d);
    assert_false(decode_add(&d, "gzip,gzip,gzip,gzip,gzip,gzip", 29));
    decode_free(d);
}

static void test_broken(void **state)
{
    (void)state;
    static const char *const codings[] = {"gzip", "br", "zstd", "deflate"};
    for (int i = 0; i < 4; i++) {
        struct sbuf in = {0};
        sbuf_adds(&in, "\xFF\xFFnothing of that kind, by no means \xFF\xFF");
        struct result r = run(codings[i], &in, in.len, 1 << 20);
        assert_int_equal(r.step, DECODE_BAD);
        sbuf_fini(&r.out);
        sbuf_fini(&in);
    }
}

static void test_early_end(void **state)
{
    (void)state;
    struct sbuf in = {0};
    add_zlib(&in, plain, PLAIN_LEN, 31);
    in.len -= 3;
    struct result r = run("gzip", &in, in.len, 1 << 20);
    assert_int_equal(r.step, DECODE_OK);
    assert_false(r.is_complete);
    assert_int_equal(r.out.len, PLAIN_LEN);
    sbuf_fini(&r.out);
    in.len = 0;
    expect("gzip", &in, "", 0); /* nothing at all is fine: HEAD-like answers do that */
    sbuf_fini(&in);
}

static void test_bomb_stops_at_max(void **state)
{
    (void)state;
    static char zeros[1 << 20];
    struct sbuf in = {0}, out = {0};
    add_zlib(&in, zeros, sizeof zeros, 31);
    struct decode *d = NULL;
    assert_true(decode_add(&d, "gzip", 4));
    const char *bytes = in.data;
    size_t len = in.len;
    assert_int_equal(decode_write(d, &bytes, &len, &out, 5000), DECODE_FULL);
    assert_int_equal(out.len, 5000);
    assert_true(out.cap < 65536);
    decode_free(d);
    sbuf_fini(&out);
    sbuf_fini(&in);
}

/* RFC 9659: a window above 8 MiB is refused, not allocated. */
static void test_zstd_window(void **state)
{
    (void)state;
    struct sbuf in = {0};
    add_zstd(&in, plain, PLAIN_LEN, 24);
    struct result r = run("zstd", &in, in.len, 1 << 20);
    assert_int_equal(r.step, DECODE_BAD);
    sbuf_fini(&r.out);
    sbuf_fini(&in);
    add_zstd(&in, plain, PLAIN_LEN, 23);
    expect_plain("zstd", &in);
}

int main(void)
{
    fill_plain();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_several_members),
        cmocka_unit_test(test_bytes_behind_the_end),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_early_end),
        cmocka_unit_test(test_bomb_stops_at_max),
        cmocka_unit_test(test_zstd_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
