// SPDX-License-Identifier: MIT
/* Messages in a body, split at every byte; what they claim and are not; compression. */
#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/grpc_driver.h"
#include "worker/grpc/coding.h"

static void add(struct sbuf *out, bool is_compressed, const char *text)
{
    char prefix[GRPC_PREFIX];
    grpc_prefix(prefix, is_compressed, (uint32_t)strlen(text));
    sbuf_add(out, prefix, sizeof prefix);
    sbuf_adds(out, text);
}

static void test_split_anywhere(void **state)
{
    (void)state;
    struct sbuf body = {0};
    add(&body, false, "one");
    add(&body, false, "");
    add(&body, true, "a third, and longer, one");
    for (size_t piece = 1; piece <= body.len; piece++) {
        struct grpc_driven d;
        grpc_drive((const uint8_t *)body.data, body.len, piece, 100, &d);
        assert_int_equal(d.messages, 3);
        assert_int_equal(d.bytes, 27);
        assert_int_equal(d.end, GRPC_MORE);
        assert_int_equal(d.left, 0);
    }
    for (size_t len = 0; len < body.len; len++) {
        struct grpc_driven d;
        grpc_drive((const uint8_t *)body.data, len, 1, 100, &d);
        assert_true(d.end == GRPC_MORE && d.messages < 3);
        assert_int_equal(d.left == 0, len == 0 || len == 8 || len == 13);
    }
    sbuf_fini(&body);
}

static void test_what_is_no_message(void **state)
{
    (void)state;
    struct sbuf body = {0};
    struct grpc_driven d;
    add(&body, false, "four");
    grpc_drive((const uint8_t *)body.data, body.len, 1, 3, &d);
    assert_int_equal(d.end, GRPC_TOO_LARGE);
    assert_int_equal(d.claimed, 4);
    body.data[0] = 2;
    grpc_drive((const uint8_t *)body.data, body.len, 1, 100, &d);
    assert_int_equal(d.end, GRPC_BAD_FLAG);
    sbuf_fini(&body);
}

/* Four gigabytes are announced, and none of them is made room for. */
static void test_a_length_that_lies(void **state)
{
    (void)state;
    const uint8_t said[] = {0, 0xff, 0xff, 0xff, 0xff, 'x'};
    struct grpc_driven d;
    grpc_drive(said, sizeof said, 6, UINT32_MAX, &d);
    assert_int_equal(d.end, GRPC_MORE);
    assert_true(d.memory < 64 * 1024);
    grpc_drive(said, sizeof said, 6, 4 << 20, &d);
    assert_int_equal(d.end, GRPC_TOO_LARGE);
}

static void test_prefix(void **state)
{
    (void)state;
    char prefix[GRPC_PREFIX];
    grpc_prefix(prefix, true, 0x01020304);
    assert_memory_equal(prefix, "\1\1\2\3\4", GRPC_PREFIX);
}

static void test_compressed_and_back(void **state)
{
    (void)state;
    struct sbuf text = {0};
    for (int i = 0; i < 20000; i++)
        sbuf_addf(&text, "%d,", i);
    for (enum grpc_coding coding = GRPC_DEFLATE; coding < GRPC_CODINGS; coding++) {
        for (size_t len = 0; len <= text.len; len += len < 10 ? 1 : 31111) {
            struct sbuf small = {0}, back = {0};
            sbuf_adds(&small, "kept");
            grpc_compress(coding, text.data, len, &small);
            assert_int_equal(grpc_decompress(coding, small.data + 4, small.len - 4, len, &back),
                             GRPC_INFLATED);
            assert_int_equal(back.len, len);
            assert_true(!len || !memcmp(back.data, text.data, len));
            sbuf_clear(&back);
            assert_int_equal(grpc_decompress(coding, small.data + 4, small.len - 5, len, &back),
                             GRPC_NOT_INFLATED);
            sbuf_clear(&back);
            if (len)
                assert_int_equal(
                    grpc_decompress(coding, small.data + 4, small.len - 4, len - 1, &back),
                    GRPC_INFLATED_TOO_LARGE);
            assert_true(back.len <= len);
            sbuf_fini(&small);
            sbuf_fini(&back);
        }
    }
    sbuf_fini(&text);
}

static void test_what_is_not_compressed(void **state)
{
    (void)state;
    struct sbuf back = {0};
    assert_int_equal(grpc_decompress(GRPC_GZIP, "no gzip", 7, 100, &back), GRPC_NOT_INFLATED);
    assert_int_equal(grpc_decompress(GRPC_GZIP, "", 0, 100, &back), GRPC_NOT_INFLATED);
    assert_int_equal(grpc_coding_of("gzip", 4), GRPC_GZIP);
    assert_int_equal(grpc_coding_of("snappy", 6), GRPC_CODINGS);
    sbuf_fini(&back);
}

/* A megabyte of zeros in a kilobyte, of which no more is made than may be. */
static void test_a_bomb(void **state)
{
    (void)state;
    struct sbuf bomb = {0}, back = {0};
    char *zeros = calloc(1, 1 << 20);
    grpc_compress(GRPC_GZIP, zeros, 1 << 20, &bomb);
    assert_true(bomb.len < 2000);
    assert_int_equal(grpc_decompress(GRPC_GZIP, bomb.data, bomb.len, 1000, &back),
                     GRPC_INFLATED_TOO_LARGE);
    assert_true(back.cap < 64 * 1024);
    free(zeros);
    sbuf_fini(&bomb);
    sbuf_fini(&back);
}

static void test_corpus(void **state)
{
    (void)state;
    DIR *dir = opendir("tests/fuzz/corpus/grpc");
    unsigned count = 0;
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX];
        uint8_t bytes[4096];
        struct grpc_driven d;
        snprintf(path, sizeof path, "tests/fuzz/corpus/grpc/%s", entry->d_name);
        FILE *f = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!f)
            continue;
        const size_t len = fread(bytes, 1, sizeof bytes, f);
        for (size_t piece = 1; piece < 50; piece += 7)
            grpc_drive(bytes + 1, len - 1, piece, 1 << 16, &d);
        fclose(f);
        count++;
    }
    closedir(dir);
    assert_true(count >= 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_anywhere),
        cmocka_unit_test(test_what_is_no_message),
        cmocka_unit_test(test_a_length_that_lies),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_compressed_and_back),
        cmocka_unit_test(test_what_is_not_compressed),
        cmocka_unit_test(test_a_bomb),
        cmocka_unit_test(test_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
