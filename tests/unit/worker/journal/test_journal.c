// SPDX-License-Identifier: MIT
/* Files with every request: what stands in them, and what becomes of requests when they cannot be
 * written, or not as fast as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "worker/journal/journal.h"
#include "worker/journal/journal_ring.h"
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PATIENCE_NS UINT64_C(30000000000)
#define ENDED_US UINT64_C(1764435845123456) /* 2025-11-29T17:04:05.123456Z */

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/katydid-journal-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static struct journals *open_one(const char *format, const char *path, size_t buffer, bool waits)
{
    const struct journal_wish wish = {
        .format = format, .path = path, .buffer_bytes = buffer, .waits = waits};
    struct journals *js = journals_open(&wish, 1, NULL);
    assert_non_null(js);
    return js;
}

/* tags: key, value … NULL */
static struct journal_place *place(struct journals *js, const char *name, const char *const *tags)
{
    const char *const parts[] = {"GET", name, "Shopper", "", "checkout / pay"};
    struct sbuf texts = {0};
    for (size_t i = 0; i < JOURNAL_PARTS; i++)
        journal_pack(&texts, parts[i], strlen(parts[i]));
    for (; tags && *tags; tags++)
        journal_pack(&texts, *tags, strlen(*tags));
    struct journal_place *p = journals_place(js, &texts);
    sbuf_fini(&texts);
    return p;
}

static struct journal_request answered(void)
{
    static const char url[] = "http://shop/a?q=\"1\",2", reason[] = "OK";
    return (struct journal_request){.n = {.ended_us = ENDED_US,
                                          .time_us = 12345,
                                          .bytes = 3,
                                          .sent_bytes = 100,
                                          .received_bytes = 203,
                                          .phase_us = {45, 100, 1000, 200, 0, 10000, 1000},
                                          .user = 17,
                                          .status = 200,
                                          .version = 11,
                                          .tls_version = 13,
                                          .is_measured = true},
                                    .url = {url, sizeof url - 1},
                                    .reason = {reason, sizeof reason - 1}};
}

static struct journal_request refused(void)
{
    static const char error[] = "ConnectionRefusedError(111,\n'\xc3\xa9')";
    return (struct journal_request){
        .n = {.ended_us = ENDED_US, .time_us = 600, .error_code = 1212, .is_failed = true},
        .error = {error, sizeof error - 1}};
}

/* What the lines of a file are made of is written, or was dropped. */
static struct journal_state finish(struct journals *js)
{
    const uint64_t until = clk_mono_ns() + PATIENCE_NS;
    journals_end(js);
    while (!journals_state(js, 0).is_done && clk_mono_ns() < until)
        usleep(1000);
    const struct journal_state s = journals_state(js, 0);
    assert_true(s.is_done);
    assert_int_equal(s.offered, s.written + s.dropped);
    return s;
}

static char *slurp(const char *path)
{
    struct sbuf text = {0};
    char piece[65536];
    gzFile f = gzopen(path, "rb"); /* what is not packed, too */
    assert_non_null(f);
    for (int n; (n = gzread(f, piece, sizeof piece)) != 0;) {
        assert_true(n > 0);
        sbuf_add(&text, piece, (size_t)n);
    }
    assert_int_equal(gzclose(f), Z_OK);
    return sbuf_take(&text);
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* ---- formats --------------------------------------------------------------------------------- */

static void json_has_k6s_metrics_and_points(void **state)
{
    (void)state;
    const char *const tags[] = {"tier", "go\"ld", NULL};
    const char *path = in_folder("a.json");
    struct journals *js = open_one("json", path, 1 << 20, false);
    const struct journal_request good = answered(), bad = refused();
    journals_put(js, place(js, "/a", tags), &good, JOURNALS_ALL);
    journals_put(js, place(js, "/b", NULL), &bad, JOURNALS_ALL);
    assert_int_equal(finish(js).written, 2);
    journals_free(js);
    char *text = slurp(path), *rest = NULL;
    size_t metrics = 0, points = 0, of_b = 0;
    double duration = 0, blocked = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o);
        const char *type = json_string_value(json_object_get(o, "type"));
        const char *metric = json_string_value(json_object_get(o, "metric"));
        const json_t *data = json_object_get(o, "data"), *tag = json_object_get(data, "tags");
        if (!strcmp(type, "Metric")) {
            metrics++;
            assert_string_equal(json_string_value(json_object_get(data, "name")), metric);
            json_decref(o);
            continue;
        }
        points++;
        assert_string_equal(json_string_value(json_object_get(data, "time")),
                            "2025-11-29T17:04:05.123456Z");
        assert_string_equal(json_string_value(json_object_get(tag, "group")), "checkout / pay");
        if (!strcmp(json_string_value(json_object_get(tag, "name")), "/b")) {
            of_b++;
            assert_string_equal(json_string_value(json_object_get(tag, "error_code")), "1212");
            assert_string_equal(json_string_value(json_object_get(tag, "expected_response")),
                                "false");
            assert_string_equal(json_string_value(json_object_get(tag, "error")),
                                "ConnectionRefusedError(111,\n'\xc3\xa9')");
            assert_null(json_object_get(data, "metadata"));
        } else {
            assert_string_equal(json_string_value(json_object_get(tag, "tier")), "go\"ld");
            assert_string_equal(json_string_value(json_object_get(tag, "url")),
                                "http://shop/a?q=\"1\",2");
            assert_string_equal(json_string_value(json_object_get(tag, "tls_version")), "tls1.3");
            assert_string_equal(
                json_string_value(json_object_get(json_object_get(data, "metadata"), "vu")), "17");
            if (!strcmp(metric, "http_req_duration"))
                duration = json_number_value(json_object_get(data, "value"));
            if (!strcmp(metric, "http_req_blocked"))
                blocked = json_number_value(json_object_get(data, "value"));
        }
        json_decref(o);
    }
    assert_int_equal(metrics, 11);
    assert_int_equal(points, 11 + 3); /* of what no answer came, nothing else was measured */
    assert_int_equal(of_b, 3);
    assert_true(duration > 12.3449 && duration < 12.3451 && blocked > 0.1449 && blocked < 0.1451);
    free(text);
}

static void jtl_has_jmeters_columns(void **state)
{
    (void)state;
    const char *path = in_folder("a.jtl");
    struct journals *js = open_one("jtl", path, 1 << 20, false);
    const struct journal_request good = answered(), bad = refused();
    journals_users(js, NULL, 9);
    journals_users(js, "Shopper", 4);
    journals_put(js, place(js, "/a,b", NULL), &good, JOURNALS_ALL);
    journals_put(js, place(js, "/b", NULL), &bad, JOURNALS_ALL);
    finish(js);
    journals_free(js);
    char *text = slurp(path);
    assert_string_equal(
        text, "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,"
              "failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n"
              "1764435845111,12,\"/a,b\",200,OK,Shopper 1-17,text,true,,203,100,4,9,"
              "\"http://shop/a?q=\"\"1\"\",2\",11,0,1\n"
              "1764435845122,1,/b,0,\"ConnectionRefusedError(111, '\xc3\xa9')\",Shopper 1-0,text,"
              "false,\"ConnectionRefusedError(111, '\xc3\xa9')\",0,0,4,9,,0,0,0\n");
    free(text);
}

static void csv_has_k6s_columns_and_times(void **state)
{
    static const struct {
        const char *time, *text;
    } times[] = {{NULL, "1764435845"},
                 {"unix_milli", "1764435845123"},
                 {"unix_nano", "1764435845123456000"},
                 {"rfc3339_nano", "2025-11-29T17:04:05.123456Z"}};
    const char *const tags[] = {"tier", "gold", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const char *path = in_folder("a.csv");
        const struct journal_wish wish = {
            .format = "csv", .path = path, .time = times[i].time, .buffer_bytes = 1 << 20};
        struct journals *js = journals_open(&wish, 1, "w1");
        const struct journal_request good = answered();
        char line[256];
        journals_put(js, place(js, "/a", tags), &good, JOURNALS_ALL);
        finish(js);
        journals_free(js);
        char *text = slurp(path);
        snprintf(line, sizeof line,
                 "\nhttp_req_duration,%s,12.345000,,,,true,checkout / pay,GET,/a,HTTP/1.1,,,200,,"
                 "tls1.3,\"http://shop/a?q=\"\"1\"\",2\",class=Shopper&tier=gold&worker=w1,vu=17\n",
                 times[i].text);
        assert_non_null(strstr(text, line));
        assert_int_equal(count_lines(text), 12);
        free(text);
    }
}

static const struct journal_value taken[] = {
    {7, {"checkout.size", "gauge", "default"}, -2.5},
    {8, {"took", "trend", "time"}, 0.0625},
};

static void put_values(struct journals *js, const struct journal_value *list, size_t count)
{
    static const char *const tags[] = {"check", "is \"it\"", "tier", "a,b", NULL};
    journals_put_values(js, place(js, "", tags), ENDED_US, 17, list, count, JOURNALS_ALL);
}

static void values_of_other_metrics_have_lines_of_their_own(void **state)
{
    static const char *const lines[][2] = {
        {"json", "{\"type\":\"Metric\",\"data\":{\"name\":\"checkout.size\",\"type\":\"gauge\","
                 "\"contains\":\"default\",\"thresholds\":[],\"submetrics\":null},"
                 "\"metric\":\"checkout.size\"}\n"
                 "{\"metric\":\"checkout.size\",\"type\":\"Point\",\"data\":{"
                 "\"time\":\"2025-11-29T17:04:05.123456Z\",\"value\":-2.5,\"tags\":{"
                 "\"class\":\"Shopper\",\"group\":\"checkout / pay\",\"check\":\"is \\\"it\\\"\","
                 "\"tier\":\"a,b\"},\"metadata\":{\"vu\":\"17\"}}}\n"},
        {"csv", "\ncheckout.size,1764435845,-2.500000,\"is \"\"it\"\"\",,,,checkout / pay,,,,,,,,,,"
                "\"class=Shopper&tier=a,b\",vu=17\n"}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *path = in_folder(lines[i][0]);
        const struct journal_request good = answered();
        struct journals *js = open_one(lines[i][0], path, 1 << 20, false);
        assert_true(journals_have_values(js));
        put_values(js, taken, 2);
        journals_put(js, place(js, "/a", NULL), &good, JOURNALS_ALL);
        put_values(js, taken, 2);
        const struct journal_state s = finish(js);
        assert_int_equal(s.written, 1);
        assert_int_equal(s.values_dropped, 0);
        journals_free(js);
        char *text = slurp(path);
        assert_non_null(strstr(text, lines[i][1]));
        assert_non_null(strstr(text, i ? "took,1764435845,0.062500," : "\"value\":0.0625,"));
        assert_int_equal(count_lines(text), i ? 1 + 11 + 4 : 13 + 11 + 4);
        free(text);
    }
    struct journals *js = open_one("jtl", in_folder("a.jtl"), 1 << 20, false);
    assert_false(journals_have_values(js));
    put_values(js, taken, 2);
    assert_int_equal(finish(js).values_dropped, 0);
    journals_free(js);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void put_many(struct journals *js, size_t count)
{
    const struct journal_request r = answered();
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "/%zu", i % 50);
        journals_put(js, place(js, name, NULL), &r, JOURNALS_ALL);
    }
}

static void packed_files_are_read_by_their_programs(void **state)
{
    (void)state;
    const char *path = in_folder("deep/er/a.jtl.gz");
    for (int again = 0; again < 2; again++) { /* a second run is put behind the first */
        const struct journal_wish wish = {
            .format = "jtl", .path = path, .buffer_bytes = 16 << 20, .is_more = again > 0};
        struct journals *js = journals_open(&wish, 1, NULL);
        put_many(js, 20000);
        assert_int_equal(finish(js).written, 20000);
        journals_free(js);
    }
    char *text = slurp(path);
    assert_int_equal(count_lines(text), 40001);
    free(text);

    struct journals *js = open_one("jtl", path = in_folder("a.zst"), 16 << 20, false);
    put_many(js, 20000);
    assert_int_equal(finish(js).written, 20000);
    journals_free(js);
    FILE *f = fopen(path, "rb");
    char *packed = malloc(8 << 20), *plain = malloc(8 << 20);
    const size_t len = fread(packed, 1, 8 << 20, f);
    fclose(f);
    const size_t n = ZSTD_decompress(plain, (8 << 20) - 1, packed, len);
    assert_false(ZSTD_isError(n));
    plain[n] = 0;
    assert_int_equal(count_lines(plain), 20001);
    free(packed);
    free(plain);
}

/* What was asked for beforehand is given back. */
static void a_large_file_takes_no_more_room_than_it_has(void **state)
{
    struct stat st;
    (void)state;
    const char *path = in_folder("large.json");
    struct journals *js = open_one("json", path, 64 << 20, false);
    put_many(js, 10000);
    assert_int_equal(finish(js).written, 10000);
    journals_free(js);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 20 << 20);
    assert_true(st.st_blocks * 512 < st.st_size + (1 << 20));
}

static void what_cannot_be_written_is_dropped_and_told(void **state)
{
    static const struct {
        const char *path, *word;
    } bad[] = {{"/dev/full", "No space left"}, {"/proc/no/such.json", "No such file"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct journals *js = open_one("json", bad[i].path, 1 << 20, true);
        put_many(js, 500);
        put_values(js, taken, 2);
        const struct journal_state s = finish(js);
        assert_int_equal(s.written, 0);
        assert_int_equal(s.dropped, 500);
        assert_int_equal(s.values_dropped, 2);
        assert_non_null(strstr(s.trouble, bad[i].word));
        journals_free(js);
    }
}

/* A pipe that nobody reads is a disk that stands still. */
static void a_full_ring_drops_and_counts(void **state)
{
    (void)state;
    const char *path = in_folder("pipe");
    char *lines = malloc(1 << 20);
    assert_int_equal(mkfifo(path, 0600), 0);
    struct journals *js = open_one("jtl", path, 1 << 16, false);
    put_many(js, 10000);
    const struct journal_state before = journals_state(js, 0);
    assert_int_equal(before.offered, 10000);
    assert_true(before.dropped > 5000 && before.dropped < 10000);
    const int fd = open(path, O_RDONLY);
    journals_end(js);
    size_t len = 0;
    for (ssize_t n; (n = read(fd, lines + len, (1 << 20) - 1 - len)) > 0;)
        len += (size_t)n;
    close(fd);
    lines[len] = 0;
    assert_int_equal(count_lines(lines), 1 + finish(js).written);
    journals_free(js);
    free(lines);
}

static void who_waits_has_it_all_once_there_is_room(void **state)
{
    (void)state;
    const char *path = in_folder("b.jtl");
    struct journals *js = open_one("jtl", path, 1 << 14, true);
    const struct journal_request r = answered();
    for (int i = 0; i < 20000; i++) {
        struct journal_place *p = place(js, "/", NULL);
        for (unsigned full = JOURNALS_ALL; (full = journals_put(js, p, &r, full)) != 0;)
            journals_await_room(js, full);
    }
    /* A machine that stands still for longer than a writer is waited for loses some; counted. */
    const struct journal_state s = finish(js);
    assert_int_equal(s.offered, 20000);
    journals_free(js);
    char *text = slurp(path);
    assert_int_equal(count_lines(text), 1 + s.written);
    free(text);
}

static void a_writer_that_hangs_is_given_up(void **state)
{
    (void)state;
    const char *path = in_folder("dead");
    assert_int_equal(mkfifo(path, 0600), 0);
    struct journals *js = open_one("json", path, 1 << 14, true);
    const struct journal_request r = answered();
    struct journal_place *p = place(js, "/", NULL);
    for (int i = 0; i < 1000; i++) /* waits once, for a while */
        for (unsigned full = JOURNALS_ALL; (full = journals_put(js, p, &r, full)) != 0;)
            journals_await_room(js, full);
    const struct journal_state s = journals_state(js, 0);
    assert_int_equal(s.offered, 1000);
    assert_false(s.is_done);
    journals_free(js); /* its thread waits for a reader for ever */
}

static void await_written(struct journals *js, uint64_t count)
{
    const uint64_t until = clk_mono_ns() + PATIENCE_NS;
    while (journals_state(js, 0).written < count && clk_mono_ns() < until)
        usleep(1000);
    assert_int_equal(journals_state(js, 0).written, count);
}

static void what_is_removed_is_not_written(void **state)
{
    (void)state;
    const char *path = in_folder("gone.jtl");
    struct journals *js = open_one("jtl", path, 1 << 20, false);
    put_many(js, 100);
    await_written(js, 100);
    assert_int_equal(unlink(path), 0);
    put_many(js, 100);
    const struct journal_state s = finish(js);
    assert_int_equal(s.written, 0);
    assert_int_equal(s.dropped, 200);
    assert_non_null(strstr(s.trouble, "gone.jtl: it was removed while it was written"));
    journals_free(js);
}

/* By who rotates logs. */
static void what_is_moved_is_written_where_it_is(void **state)
{
    (void)state;
    char from[128];
    strcpy(from, in_folder("from.jtl"));
    struct journals *js = open_one("jtl", from, 1 << 20, false);
    put_many(js, 100);
    await_written(js, 100);
    assert_int_equal(rename(from, in_folder("to.jtl")), 0);
    put_many(js, 100);
    const struct journal_state s = finish(js);
    assert_int_equal(s.written, 200);
    assert_null(s.trouble);
    assert_non_null(strstr(s.note, "from.jtl: it was moved away while it was written"));
    journals_free(js);
    char *text = slurp(in_folder("to.jtl"));
    assert_int_equal(count_lines(text), 201);
    free(text);
}

/* ---- the ring -------------------------------------------------------------------------------- */

#define RECORDS 200000

static void *take_all(void *arg)
{
    struct journal_ring *r = arg;
    size_t *wrong = calloc(1, sizeof *wrong);
    for (unsigned i = 0; i < RECORDS;) {
        unsigned kind;
        size_t size;
        const unsigned char *bytes = ring_peek(r, &kind, &size);
        if (!bytes)
            continue;
        *wrong += kind != i % 7 || size != i % 301 || (size && bytes[size - 1] != i % 251);
        ring_release(r);
        i++;
    }
    return wrong;
}

static void records_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct journal_ring r;
    pthread_t reader;
    void *wrong;
    ring_init(&r, 4096);
    pthread_create(&reader, NULL, take_all, &r);
    for (unsigned i = 0; i < RECORDS;) {
        const size_t size = i % 301;
        unsigned char *to = ring_room(&r, i % 7, size);
        if (!to)
            continue;
        memset(to, (int)(i % 251), size);
        ring_put(&r);
        i++;
    }
    pthread_join(reader, &wrong);
    assert_int_equal(*(size_t *)wrong, 0);
    assert_int_equal(ring_used(&r), 0);
    free(wrong);
    ring_fini(&r);
}

/* Names made for each request are without end; memory is not. */
static void places_that_are_too_many_are_written_all_the_same(void **state)
{
    (void)state;
    const char *path = in_folder("many.jtl");
    struct journals *js = open_one("jtl", path, 64 << 20, false);
    const struct journal_request r = answered();
    bool has_odd = false;
    for (int i = 0; i < 20100; i++) {
        char name[32];
        snprintf(name, sizeof name, "/item/%d", i);
        struct journal_place *p = place(js, name, NULL);
        has_odd |= !journal_place_is_kept(p);
        journals_put(js, p, &r, JOURNALS_ALL);
    }
    assert_true(has_odd);
    assert_int_equal(finish(js).written, 20100);
    journals_free(js);
    char *text = slurp(path);
    assert_non_null(strstr(text, ",/item/20099,"));
    assert_non_null(strstr(text, ",/item/0,"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_has_k6s_metrics_and_points),
        cmocka_unit_test(jtl_has_jmeters_columns),
        cmocka_unit_test(csv_has_k6s_columns_and_times),
        cmocka_unit_test(values_of_other_metrics_have_lines_of_their_own),
        cmocka_unit_test(packed_files_are_read_by_their_programs),
        cmocka_unit_test(a_large_file_takes_no_more_room_than_it_has),
        cmocka_unit_test(what_cannot_be_written_is_dropped_and_told),
        cmocka_unit_test(a_full_ring_drops_and_counts),
        cmocka_unit_test(who_waits_has_it_all_once_there_is_room),
        cmocka_unit_test(a_writer_that_hangs_is_given_up),
        cmocka_unit_test(what_is_removed_is_not_written),
        cmocka_unit_test(what_is_moved_is_written_where_it_is),
        cmocka_unit_test(records_come_out_as_they_went_in),
        cmocka_unit_test(places_that_are_too_many_are_written_all_the_same),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
