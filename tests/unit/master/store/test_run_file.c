// SPDX-License-Identifier: MIT
/* The file of a run: what was put is there, what a crash cut short is not looked at, what was
 * damaged is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "master/store/block_bytes.h"
#include "master/store/run_file.h"
#include "master/store/run_id.h"
#include "master/store/run_kept.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/katydid-run-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/x.kdrun", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void put(struct run_file *f, enum run_frame_kind kind, int64_t to, const char *text)
{
    assert_int_equal(
        run_file_put(f, &(struct run_frame){.kind = kind, .to = to}, text, strlen(text)), 0);
}

static struct run_file *make_file(void)
{
    unlink(path);
    struct run_file *f = run_file_create(path);
    assert_non_null(f);
    put(f, RUN_META, 1, "{}");
    put(f, RUN_BLOCKS, 2, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    put(f, RUN_BLOCKS, 3, "");
    return f;
}

static void assert_frame(struct run_file *f, size_t i, int64_t to, const char *text)
{
    struct sbuf out = {0};
    assert_int_equal(run_file_read(f, i, &out), 0);
    assert_int_equal(run_file_frame(f, i)->to, to);
    assert_int_equal(out.len, strlen(text));
    assert_string_equal(out.data, text);
    sbuf_fini(&out);
}

static void what_was_put_is_there(void **state)
{
    (void)state;
    run_file_close(make_file());
    struct run_file *f = run_file_open(path);
    assert_int_equal(run_file_count(f), 3);
    assert_frame(f, 0, 1, "{}");
    assert_frame(f, 1, 2, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_frame(f, 2, 3, "");
    run_file_close(f);
}

/* At whatever byte the last frame ends. */
static void a_frame_that_was_cut_short_is_not_looked_at(void **state)
{
    (void)state;
    struct stat about;
    run_file_close(make_file());
    assert_int_equal(stat(path, &about), 0);
    struct run_file *whole = run_file_open(path);
    const off_t second = (off_t)run_file_frame(whole, 1)->at;
    run_file_close(whole);
    for (off_t size = about.st_size - 1; size >= second; size--) {
        assert_int_equal(truncate(path, size), 0);
        struct run_file *f = run_file_open(path);
        assert_non_null(f);
        assert_in_range(run_file_count(f), 1, 2);
        assert_frame(f, 0, 1, "{}");
        run_file_close(f);
    }
}

static void a_damaged_frame_is_known(void **state)
{
    (void)state;
    struct sbuf out = {0};
    run_file_close(make_file());
    struct run_file *f = run_file_open(path);
    const long at = (long)run_file_frame(f, 1)->at + 50;
    run_file_close(f);
    FILE *file = fopen(path, "r+");
    fseek(file, at, SEEK_SET);
    fputc('!', file);
    fclose(file);
    f = run_file_open(path);
    assert_int_equal(run_file_read(f, 1, &out), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(run_file_read(f, 0, &out), 0);
    sbuf_fini(&out);
    run_file_close(f);
}

static bool is_meta(void *arg, const struct run_frame *frame)
{
    (void)arg;
    return frame->kind == RUN_META;
}

static void a_thinned_file_goes_on(void **state)
{
    (void)state;
    struct run_file *f = make_file();
    assert_int_equal(run_file_thin(f, is_meta, NULL), 0);
    put(f, RUN_TOTALS, 4, "[1]");
    assert_true(run_file_is_written(path));
    run_file_close(f);
    assert_false(run_file_is_written(path));
    f = run_file_open(path);
    assert_int_equal(run_file_count(f), 2);
    assert_frame(f, 0, 1, "{}");
    assert_frame(f, 1, 4, "[1]");
    run_file_close(f);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        int error;
    } files[] = {
        {"", 0, EBADMSG}, {"PK\3\4and more of it", 18, EBADMSG}, {"KDRUN\0\xff\x7f", 8, ENOTSUP}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file = fopen(path, "w");
        fwrite(files[i].bytes, 1, files[i].len, file);
        fclose(file);
        assert_null(run_file_open(path));
        assert_int_equal(errno, files[i].error);
    }
}

static void ids_sort_by_time(void **state)
{
    (void)state;
    const unsigned char none[RUN_ID_RANDOM] = {0};
    unsigned char all[RUN_ID_RANDOM];
    char a[RUN_ID_SIZE], b[RUN_ID_SIZE];
    memset(all, 255, sizeof all);
    run_id_make(a, 1469918176.385, all); /* the ULID specification's own moment */
    assert_memory_equal(a, "01ARYZ6S41", 10);
    assert_string_equal(a + 10, "ZZZZZZZZZZZZZZZZ");
    run_id_make(b, 1469918176.386, none);
    assert_true(strcmp(a, b) < 0);
    assert_true(run_id_is(a) && run_id_is(b));
    assert_false(run_id_is("01ARYZ6S41ZZZZZZZZZZZZZZZ"));
    assert_false(run_id_is("01ARYZ6S41ZZZZZZZZZZZZZZZI"));
}

static struct timeline_block *make_block(struct timeline_builder *b)
{
    struct tally t;
    tally_init(&t, NULL, NULL);
    b->span = (struct timeline_span){1700000000, 1, 7, 8, -1, -1};
    for (uint32_t id = 0; id < 40; id += 3) {
        t.requests = id + 1;
        t.failures = id;
        hist_add(&t.hist, 1000 * (id + 1), id + 1);
        hist_add(tally_part(&t, PART_failed), 1000, id + 1);
        timeline_build_tally(b, id, &t);
    }
    timeline_build_health(b, &(struct timeline_health){2, 1, 7, 455, 455, 1200, 1, 4096});
    timeline_build_failed(b, &(struct timeline_failed){3, 9, 1700000000, 1700000000});
    tally_fini(&t);
    return timeline_build_end(b);
}

static void a_block_comes_back_as_it_was(void **state)
{
    (void)state;
    struct timeline_builder b = {0};
    struct sbuf bytes = {0}, again = {0};
    struct timeline_block *block = make_block(&b);
    block_bytes_put(&bytes, block);
    const unsigned char *p = (const unsigned char *)bytes.data;
    struct timeline_block *back = block_bytes_read(&p, p + bytes.len, &b, false, NULL);
    assert_non_null(back);
    assert_ptr_equal(p, bytes.data + bytes.len);
    block_bytes_put(&again, back);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    struct tally t;
    tally_init(&t, NULL, NULL);
    assert_true(timeline_block_add(back, 36, &t));
    assert_int_equal(t.requests, 37);
    tally_fini(&t);
    timeline_block_unref(block);
    timeline_block_unref(back);
    timeline_builder_fini(&b);
    sbuf_fini(&bytes);
    sbuf_fini(&again);
}

/* Each byte changed and each length cut: a refusal or a good block, nothing else. */
static void a_strangers_block_is_checked(void **state)
{
    (void)state;
    struct timeline_builder b = {0};
    struct sbuf bytes = {0};
    struct timeline_block *block = make_block(&b);
    block_bytes_put(&bytes, block);
    timeline_block_unref(block);
    for (size_t len = 0; len < bytes.len; len++) {
        unsigned char *copy = mem_dup(bytes.data, len); /* so that a sanitizer sees its end */
        const unsigned char *p = copy;
        assert_null(block_bytes_read(&p, copy + len, &b, false, NULL));
        free(copy);
    }
    for (size_t i = 0; i < bytes.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            unsigned char *copy = mem_dup(bytes.data, bytes.len);
            const unsigned char *p = copy;
            copy[i] ^= (unsigned char)(1u << bit);
            timeline_block_unref(block_bytes_read(&p, copy + bytes.len, &b, false, NULL));
            free(copy);
        }
    timeline_builder_fini(&b);
    sbuf_fini(&bytes);
}

/* Whoever opens a pipe that nobody writes waits for ever. */
static void what_is_no_file_is_refused_at_once(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    errno = 0;
    assert_null(run_file_open(path));
    assert_int_equal(errno, EBADMSG);
    assert_false(run_file_is_written(path));
    assert_null(run_file_open(folder));
    assert_int_equal(errno, EBADMSG);
}

/* Its contents are handed on between braces of ours: whoever reads them gets JSON, or nothing. */
static void what_was_kept_is_json_or_damaged(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
    } cases[] = {{"{\"scenarios\":[]}", true},
                 {"{}", false},
                 {"{ }", false},
                 {"{\"scenarios\":[]} ", false},
                 {" {\"scenarios\":[]}", false},
                 {"{\"", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_file *f = make_file();
        struct sbuf out = {0};
        put(f, RUN_COURSES, 4, cases[i].text);
        run_file_close(f);
        errno = 0;
        assert_int_equal(run_kept_read(path, &out), cases[i].is_good);
        if (!cases[i].is_good)
            assert_int_equal(errno, EBADMSG);
        json_t *all = json_loadb(out.data, out.len, 0, NULL);
        assert_non_null(all);
        json_decref(all);
        sbuf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_there),
        cmocka_unit_test(a_frame_that_was_cut_short_is_not_looked_at),
        cmocka_unit_test(a_damaged_frame_is_known),
        cmocka_unit_test(a_thinned_file_goes_on),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(what_is_no_file_is_refused_at_once),
        cmocka_unit_test(what_was_kept_is_json_or_damaged),
        cmocka_unit_test(ids_sort_by_time),
        cmocka_unit_test(a_block_comes_back_as_it_was),
        cmocka_unit_test(a_strangers_block_is_checked),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
