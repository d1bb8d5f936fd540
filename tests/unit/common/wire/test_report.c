// SPDX-License-Identifier: MIT
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "common/wire/unpack.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000.0

static struct tally *row(struct stats *s, const char *method, const char *name)
{
    return stats_row(s, method, strlen(method), name, strlen(name));
}

static void fill(struct stats *s, int rows, int samples)
{
    uint64_t x = 7;
    for (int i = 0; i < rows * samples; i++) {
        char name[32];
        snprintf(name, sizeof name, "/item/%d", i % rows);
        struct tally *t = row(s, i % 2 ? "GET" : "POST", name);
        x = x * UINT64_C(6364136223846793005) + 1;
        stats_add(s, t, T0 + i % 7, x >> 44, x >> 54);
        struct measures more;
        measures_init(&more);
        more.extra.s2 = more.extra.phased = 1;
        more.extra.sent_bytes = 120;
        more.extra.received_bytes = x >> 50;
        more.extra.wait_us = x >> 44;
        if (i % 4)
            stats_add_measures(s, t, x >> 44, &more);
        if (i % 10 == 3) {
            stats_add_failure(s, t, T0 + i % 7, "HTTP 500", 8);
            stats_add_part(s, t, PART_failed, x >> 44);
        }
        if (i % 10 == 4)
            stats_add_cut(s, t), stats_add_discarded(s, t), stats_add_resent(s, t, 5);
        if (i % 10 == 5)
            stats_add(s, t, T0 + i % 7, STATS_NO_TIME, 0);
    }
    stats_add_exception(s, T0, "ValueError: x", "Traceback: …", "", 3);
}

static void assert_same_hist(const struct hist *a, const struct hist *b)
{
    struct sbuf x = {0}, y = {0};
    hist_pack(a, &x);
    hist_pack(b, &y);
    assert_int_equal(x.len, y.len);
    if (x.len)
        assert_memory_equal(x.data, y.data, x.len);
    sbuf_fini(&x);
    sbuf_fini(&y);
}

static void assert_same_tally(const struct tally *a, const struct tally *b)
{
    assert_int_equal(a->requests, b->requests);
    assert_int_equal(a->none_requests, b->none_requests);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->cut, b->cut);
    assert_int_equal(a->discarded, b->discarded);
    assert_int_equal(a->resent, b->resent);
    assert_int_equal(a->bytes, b->bytes);
    assert_int_equal(a->sum_us, b->sum_us);
    assert_int_equal(a->min_us, b->min_us);
    assert_int_equal(a->max_us, b->max_us);
    assert_true(a->first_at == b->first_at && a->last_at == b->last_at);
    assert_memory_equal(a->recent, b->recent, sizeof a->recent);
    assert_memory_equal(&a->extra, &b->extra, sizeof a->extra);
    const struct hist empty = {0};
    assert_same_hist(&a->hist, &b->hist);
    assert_same_hist(a->failed ? a->failed : &empty, b->failed ? b->failed : &empty);
}

static void assert_same(const struct stats *a, const struct stats *b)
{
    assert_int_equal(a->row_count, b->row_count);
    assert_int_equal(a->failure_count, b->failure_count);
    assert_int_equal(a->exception_count, b->exception_count);
    assert_int_equal(a->overflow, b->overflow);
    assert_same_tally(&a->total, &b->total);
    for (const struct tally *t = a->rows; t; t = t->next) {
        const struct tally *u = stats_find(b, t->method, t->name);
        assert_non_null(u);
        assert_same_tally(t, u);
    }
}

static void test_our_report_carries_everything(void **state)
{
    (void)state;
    struct stats worker, master;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 20, 50);
    worker.overflow = 4;
    struct sbuf packed = {0};
    report_pack(&worker, &packed);
    assert_int_equal(report_merge(&master, packed.data, packed.len, "w1"), 0);
    assert_same(&worker, &master);
    assert_string_equal(master.exceptions->nodes, "w1");
    assert_int_equal(master.exceptions->count, 3);
    assert_int_equal(report_merge(&master, packed.data, packed.len, "w2"), 0);
    assert_int_equal(master.total.requests, 2 * worker.total.requests);
    assert_int_equal(master.total.hist.count, 2 * worker.total.hist.count);
    assert_string_equal(master.exceptions->nodes, "w1,w2");
    sbuf_fini(&packed);
    stats_fini(&worker);
    stats_fini(&master);
}

static void ignore_row(void *arg, const struct tally *row, const struct tally *more,
                       const struct tally_packed *packed)
{
    (void)row, (void)packed;
    if (more->last_at > *(double *)arg)
        *(double *)arg = more->last_at;
}

static void ignore_failure(void *arg, const struct failure *kind, const struct failure *more)
{
    (void)arg, (void)kind, (void)more;
}

static void pack_locust_map(const struct stats *s, struct sbuf *out)
{
    sbuf_addc(out, '\x83');
    report_pack_locust(s, out);
}

static void assert_shifted(const struct stats *worker, const struct stats *master, int64_t shift)
{
    const double d = (double)shift;
    assert_true(master->total.first_at == worker->total.first_at + d);
    assert_true(master->total.last_at == worker->total.last_at + d);
    assert_true(master->failures->first_at == worker->failures->first_at + d);
    assert_true(master->failures->last_at == worker->failures->last_at + d);
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        struct per_second theirs = worker->total.recent[i];
        struct per_second ours =
            master->total.recent[(uint64_t)(theirs.second + shift) % STATS_SECONDS];
        if (!theirs.second)
            continue;
        assert_int_equal(ours.second, theirs.second + shift);
        assert_int_equal(ours.requests, theirs.requests);
        assert_int_equal(ours.failures, theirs.failures);
    }
}

static void test_times_are_those_of_the_readers_clock(void **state)
{
    (void)state;
    struct stats worker, master;
    double last_at = 0;
    const struct report_watch watch = {ignore_row, ignore_failure, &last_at, -3599};
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 5, 50);
    struct sbuf ours = {0}, locusts = {0};
    report_pack(&worker, &ours);
    pack_locust_map(&worker, &locusts);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    assert_int_equal(report_merge_watched(&master, ours.data, ours.len, "w", &watch), 0);
    assert_shifted(&worker, &master, watch.shift_s);
    assert_true(master.exceptions->last_at == worker.exceptions->last_at - 3599);
    assert_true(last_at == master.total.last_at);
    stats_clear(&master, T0);
    worker.total.first_at = (double)(int64_t)worker.total.first_at; /* all that theirs has */
    assert_int_equal(report_merge_locust_watched(&master, locusts.data, locusts.len, &watch), 0);
    assert_shifted(&worker, &master, watch.shift_s);
    sbuf_fini(&ours);
    sbuf_fini(&locusts);
    stats_fini(&worker);
    stats_fini(&master);
}

/* As a worker of version 0.1 wrote it; columns.def must not move what is there. Newer numbers
 * follow. */
static void test_numbers_keep_their_places(void **state)
{
    static const char row_of_old[] =
        "\xa3GET\xa2/a\x03\x01\x01\x01\xcd\x02\xbc\xcd\x0b\xb8\xcd\x03\xe8\xcd\x07\xd0"
        "\xcb\x41\xd9\x54\xfc\x40\x60\x00\x00\xcb\x41\xd9\x54\xfc\x40\xa0\x00\x00"
        "\xc4\x05\xfa\x03\x01\x7f\x01\x96\xce\x65\x53\xf1\x01\x01\x00\xce\x65\x53\xf1\x02\x02\x01"
        "\xdc\x00\x10\x01\x02\x03\x04\x05\x06\x07\x08\x01\x0a\x0b\x0c\x0d\x0e\x0f\x10"
        "\xc4\x03\xfa\x04\x01\x02\x03";
    struct stats s;
    struct measures more;
    struct sbuf packed = {0};
    (void)state;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    struct tally *t = row(&s, "GET", "/a");
    stats_add(&s, t, 1700000001.5, 1000, 300);
    stats_add(&s, t, 1700000002.5, 2000, 400);
    stats_add(&s, t, 1700000002.5, STATS_NO_TIME, 0);
    tally_add_failure(t, 1700000002.5);
    stats_add_part(&s, t, PART_failed, 2000);
    measures_init(&more);
    more.extra = (struct tally_extra){.status = {1, 2, 3, 4, 5, 6},
                                      .on_the_wire = {7, 8},
                                      .phase_count = 1,
                                      .phase_us = {10, 11, 12, 13, 14, 15, 16}};
    stats_add_measures(&s, t, 2000, &more);
    stats_add_cut(&s, t);
    stats_add_discarded(&s, t);
    stats_add_discarded(&s, t);
    stats_add_resent(&s, t, 3);
    report_pack(&s, &packed);
    assert_true(packed.len >= 7 + sizeof row_of_old - 1);
    assert_memory_equal(packed.data + 7, row_of_old, sizeof row_of_old - 1);
    sbuf_fini(&packed);
    stats_fini(&s);
}

static void test_empty_rows_are_not_sent(void **state)
{
    (void)state;
    struct stats worker, master;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 3, 3);
    stats_reset(&worker, T0);
    struct sbuf packed = {0};
    report_pack(&worker, &packed);
    assert_true(packed.len < 10);
    assert_int_equal(report_merge(&master, packed.data, packed.len, "w"), 0);
    assert_int_equal(master.row_count, 0);
    sbuf_fini(&packed);
    stats_fini(&worker);
    stats_fini(&master);
}

/* Each prefix and each single wrong byte is either refused without a trace or a sound report. */
static void check_damaged(int (*merge)(struct stats *s, const void *bytes, size_t len),
                          const struct sbuf *good)
{
    struct stats s, before;
    stats_init(&before, T0, STATS_LIMITS_DEFAULT);
    unsigned char *bytes = malloc(good->len);
    for (size_t i = 0; i < good->len; i++) {
        for (int kind = 0; kind < 4; kind++) {
            stats_init(&s, T0, STATS_LIMITS_DEFAULT);
            memcpy(bytes, good->data, good->len);
            size_t len = kind == 0 ? i : good->len;
            bytes[i] = (unsigned char)(kind == 1 ? 0xFF : kind == 2 ? 0xC1 : bytes[i] ^ 0x10);
            if (merge(&s, bytes, len) != 0)
                assert_same(&s, &before);
            else if (kind == 0)
                fail_msg("a report cut at %zu was accepted", i);
            stats_fini(&s);
        }
    }
    free(bytes);
    stats_fini(&before);
}

static int merge_ours(struct stats *s, const void *bytes, size_t len)
{
    return report_merge(s, bytes, len, "w");
}

static void test_damaged_reports_change_nothing(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    fill(&s, 2, 6);
    struct sbuf ours = {0}, locust = {0};
    report_pack(&s, &ours);
    check_damaged(merge_ours, &ours);
    pack_locust_map(&s, &locust);
    check_damaged(report_merge_locust, &locust);
    sbuf_fini(&ours);
    sbuf_fini(&locust);
    stats_fini(&s);
}

static void test_promises_that_bytes_do_not_keep(void **state)
{
    (void)state;
    static const struct {
        const char *why, *bytes;
        size_t len;
    } cases[] = {
        {"nothing", "", 0},
        {"an array of four milliards", "\xdd\xff\xff\xff\xff", 5},
        {"a map of four milliards", "\xdf\xff\xff\xff\xff", 5},
        {"a text of four milliards", "\xdb\xff\xff\xff\xff", 5},
        {"an ext of four milliards", "\xc9\xff\xff\xff\xff\x01", 6},
        {"a type that does not exist", "\xc1", 1},
        {"something behind", "\x90\x90", 2},
        {"a number", "\x05", 1},
        {"another version", "\x95\x02\x00\x90\x90\x90", 6},
        {"a field too few", "\x94\x01\x00\x90\x90", 5},
        {"rows that are none", "\x95\x01\x00\x91\x05\x90\x90", 7},
    };
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (merge_ours(&s, cases[i].bytes, cases[i].len) == 0 ||
            report_merge_locust(&s, cases[i].bytes, cases[i].len) == 0)
            fail_msg("accepted: %s", cases[i].why);
    char deep[100];
    memset(deep, '\x91', sizeof deep);
    assert_int_equal(merge_ours(&s, deep, sizeof deep), -1);
    assert_int_equal(merge_ours(&s, "\x95\x01\x00\x90\x90\x90", 6), 0);
    assert_int_equal(s.row_count, 0);
    stats_fini(&s);
}

struct one_row {
    uint64_t requests, none, min_us, max_us, sum_us;
    const char *hist;
    size_t hist_len;
};

/* What stands behind the fields of old workers. */
struct more_fields {
    unsigned fields;     /* of them */
    unsigned extras;     /* numbers in the first */
    uint64_t status_500; /* one of those; the others are 0 */
    const char *failed;  /* a histogram; NUL-terminated */
};

static void pack_more(msgpack_packer *pk, const struct more_fields *r)
{
    for (unsigned i = 0; i < r->fields; i++) {
        if (i == 0) {
            msgpack_pack_array(pk, r->extras);
            for (unsigned k = 0; k < r->extras; k++)
                msgpack_pack_uint64(pk, k == 5 ? r->status_500 : 0);
        } else if (i == 1) {
            msgpack_pack_bin_with_body(pk, r->failed, strlen(r->failed));
        } else if (i < 4) {
            msgpack_pack_uint64(pk, i + 1);
        } else {
            msgpack_pack_nil(pk);
        }
    }
}

static int merge_row_with(struct stats *s, const struct one_row *r, const struct more_fields *more)
{
    msgpack_sbuffer buffer;
    msgpack_packer pk;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&pk, 5);
    msgpack_pack_int(&pk, 1);
    msgpack_pack_int(&pk, 0);
    msgpack_pack_array(&pk, 1);
    msgpack_pack_array(&pk, 14 + more->fields);
    msgpack_pack_str_with_body(&pk, "GET", 3);
    msgpack_pack_str_with_body(&pk,
                               "a\xff"
                               "b",
                               3);
    const uint64_t numbers[] = {r->requests, r->none, 0, 0, 0, r->sum_us, r->min_us, r->max_us};
    for (size_t i = 0; i < 8; i++)
        msgpack_pack_uint64(&pk, numbers[i]);
    msgpack_pack_double(&pk, T0);
    msgpack_pack_double(&pk, T0);
    msgpack_pack_bin_with_body(&pk, r->hist, r->hist_len);
    msgpack_pack_array(&pk, 0);
    pack_more(&pk, more);
    for (int i = 0; i < 2; i++)
        msgpack_pack_array(&pk, 0);
    int rc = report_merge(s, buffer.data, buffer.size, "w");
    msgpack_sbuffer_destroy(&buffer);
    return rc;
}

static int merge_row(struct stats *s, const struct one_row *r)
{
    return merge_row_with(s, r, &(struct more_fields){0, 0, 0, ""});
}

static void test_rows_that_contradict_themselves(void **state)
{
    (void)state;
    const struct one_row bad[] = {
        {2, 0, 5, 5, 5, "\x05\x01", 2},                 /* a sample is missing */
        {1, 2, UINT64_MAX, 0, 0, "", 0},                /* more without time than there are */
        {1, 0, 9, 5, 5, "\x05\x01", 2},                 /* least above most */
        {1, 1, UINT64_MAX, 0, 7, "", 0},                /* time of nobody */
        {UINT64_C(1) << 41, 0, 5, 5, 5, "\x05\x01", 2}, /* beyond any worker */
        {1, 0, 5, 5, 5, "\x05\x01\x80", 3},             /* histogram with a stump */
    };
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (merge_row(&s, &bad[i]) == 0)
            fail_msg("accepted contradiction %zu", i);
    assert_int_equal(s.row_count, 0);
    assert_int_equal(s.total.requests, 0);
    assert_int_equal(merge_row(&s, &(struct one_row){1, 0, 5, 5, 5, "\x05\x01", 2}), 0);
    assert_non_null(stats_find(&s, "GET",
                               "a\xEF\xBF\xBD"
                               "b"));
    stats_fini(&s);
}

static void test_rows_of_older_and_newer_workers(void **state)
{
    (void)state;
    const struct one_row r = {1, 0, 5, 5, 5, "\x05\x01", 2};
    const struct more_fields good[] = {
        {0, 0, 0, ""},
        {2, STATS_EXTRAS, 1, "\x05\x01"},
        {2, STATS_EXTRAS, 1, ""},
        {4, STATS_EXTRAS, 1, ""},
        {6, STATS_EXTRAS + 3, 1, ""},
    };
    const struct more_fields bad[] = {
        {1, STATS_EXTRAS, 1, ""}, /* half of what is new */
        {2, STATS_EXTRAS, 2, ""}, /* more answers than requests */
        {2, STATS_EXTRAS, UINT64_MAX, ""},
        {2, STATS_EXTRAS, 1, "\x05\x02"}, /* more failed than there are */
        {2, STATS_EXTRAS, 1, "\x05"},
        {2, 3, 0, ""},
    };
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (merge_row_with(&s, &r, &bad[i]) == 0)
            fail_msg("accepted contradiction %zu", i);
    assert_int_equal(s.row_count, 0);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (merge_row_with(&s, &r, &good[i]) != 0)
            fail_msg("refused row %zu", i);
    assert_int_equal(s.total.requests, 5);
    assert_int_equal(s.total.extra.status[5], 4);
    assert_int_equal(s.total.discarded, 6);
    assert_int_equal(s.total.resent, 8);
    assert_int_equal(s.total.failed->count, 1);
    assert_int_equal(s.rows->failed->count, 1);
    stats_fini(&s);
}

static void test_locust_buckets(void **state)
{
    (void)state;
    static const struct {
        uint64_t us, ms;
    } cases[] = {{0, 0},          {499, 0},         {500, 0},          {501, 1},
                 {1500, 2},       {2500, 2},        {99500, 100},      {99499, 99},
                 {104999, 100},   {105000, 100},    {115000, 120},     {147000, 150},
                 {995000, 1000},  {999999, 1000},   {1050000, 1000},   {1150000, 1200},
                 {3432000, 3400}, {9999999, 10000}, {58760000, 59000}, {3600000000, 3600000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (report_locust_bucket_ms(cases[i].us) != cases[i].ms)
            fail_msg("%lu us: got %lu ms, want %lu ms", (unsigned long)cases[i].us,
                     (unsigned long)report_locust_bucket_ms(cases[i].us),
                     (unsigned long)cases[i].ms);
}

static void test_locust_dialect_there_and_back(void **state)
{
    (void)state;
    struct stats worker, master;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 5, 200);
    struct sbuf map = {0};
    pack_locust_map(&worker, &map);
    assert_int_equal(report_merge_locust(&master, map.data, map.len), 0);
    assert_int_equal(master.row_count, worker.row_count);
    assert_int_equal(master.failure_count, worker.failure_count);
    assert_int_equal(master.total.requests, worker.total.requests);
    assert_int_equal(master.total.failures, worker.total.failures);
    assert_int_equal(master.total.hist.count, worker.total.hist.count);
    for (const struct tally *t = worker.rows; t; t = t->next) {
        const struct tally *u = stats_find(&master, t->method, t->name);
        assert_non_null(u);
        assert_int_equal(u->requests, t->requests);
        assert_int_equal(u->none_requests, t->none_requests);
        assert_int_equal(u->bytes, t->bytes);
        assert_int_equal(u->sum_us, t->sum_us);
        assert_int_equal(u->min_us, t->min_us);
        assert_int_equal(u->max_us, t->max_us);
        assert_true(u->last_at == t->last_at);
        assert_memory_equal(u->recent, t->recent, sizeof t->recent);
        double got = tally_quantile_ms(u, 0.95), want = tally_quantile_ms(t, 0.95);
        assert_true(got > want * 0.94 - 1 && got < want * 1.06 + 1);
    }
    sbuf_fini(&map);
    stats_fini(&worker);
    stats_fini(&master);
}

static bool locust_has(const struct stats *s, const char *text)
{
    struct sbuf map = {0};
    pack_locust_map(s, &map);
    bool found = memmem(map.data, map.len, text, strlen(text)) != NULL;
    sbuf_fini(&map);
    return found;
}

/* Keys computed by Locust 2.46.7's StatsError.create_key. */
static void test_error_keys_are_locusts(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    struct tally *t = row(&s, "GET", "/a");
    const char *odd = "it's \"x\"\\ \xC3\xA9\n\x1B\xE2\x80\x8B\xE2\x98\x83";
    stats_add_failure(&s, t, T0, "boom", 4);
    stats_add_failure(&s, t, T0, odd, strlen(odd));
    stats_add_failure(&s, row(&s, "", ""), T0, "it's", 4);
    assert_true(locust_has(&s, "0863377655f1d1930686f0d059ee852b2e9b29b6e43b62bcf301f56d1e5785e3"));
    assert_true(locust_has(&s, "ba603422d181b1b152936ce94e451c11ab1d174201705b10eb62527bf36dd518"));
    assert_true(locust_has(&s, "747f223717ce256e9fcb1e5502ebe032dc4c7f1fdd9eaee2fd9da8ea29d3f0fa"));
    stats_fini(&s);
}

/* {"stats": [entry], "errors": {}} with the given pairs appended to the entry. */
static int merge_entry(struct stats *s, const char *pairs, size_t len, unsigned count)
{
    struct sbuf b = {0};
    sbuf_adds(&b, "\x82\xa6"
                  "errors\x80\xa5stats\x91");
    sbuf_addc(&b, (char)(0x80 + count + 2));
    sbuf_adds(&b, "\xa6method\xa3GET\xa4name\xa1/");
    sbuf_add(&b, pairs, len);
    int rc = report_merge_locust(s, b.data, b.len);
    sbuf_fini(&b);
    return rc;
}

static void test_careless_foreign_entries(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
#define ENTRY(text, n) merge_entry(&s, text, sizeof(text) - 1, n)
    assert_int_equal(ENTRY("", 0), 0);
    assert_int_equal(ENTRY("\xacnum_requests\x02\xb4total_content_length\xff", 2), 0);
    assert_int_equal(s.total.requests, 2);
    assert_int_equal(s.total.bytes, 0);
    assert_int_equal(ENTRY("\xacnum_requests\x02\xaeresponse_times\x81\x05\x09", 2), 0);
    assert_int_equal(s.total.hist.count, 2); /* no more samples than requests */
    for (double q = 0.5; q <= 1; q += 0.5) { /* without least and most to clamp to */
        double ms = tally_quantile_ms(&s.total, q);
        assert_true(ms > 4.98 && ms < 5.02);
    }
    assert_int_equal(ENTRY("\xaeresponse_times\x81\xff\x01", 1), 0); /* of no request */
    assert_int_equal(s.total.hist.count, 2);
    assert_int_equal(ENTRY("\xacnum_requests\x01\xaeresponse_times\x81\xff\x01", 2), 0);
    assert_int_equal(s.total.hist.count, 3); /* below 0: at once */
    struct stats *t = &s;
    uint64_t before = t->total.requests;
    assert_int_equal(ENTRY("\xacnum_requests\xa1x", 1), -1);
    assert_int_equal(ENTRY("\xaeresponse_times\x81\xa1x\x01", 1), -1);
    assert_int_equal(ENTRY("\xaeresponse_times\x05", 1), -1);
    assert_int_equal(ENTRY("\xacnum_requests\xcb\x7f\xf8\0\0\0\0\0\0", 1), -1); /* NaN */
    assert_int_equal(ENTRY("\xb1num_none_requests\x05", 1), -1);
    assert_int_equal(t->total.requests, before);
    stats_fini(&s);
}

static void read_all(const char *path, struct sbuf *out)
{
    FILE *f = fopen(path, "rb");
    char chunk[4096];
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        sbuf_add(out, chunk, n);
    fclose(f);
}

/* What the fuzzer found worth keeping: refused without a trace, or counted so that it adds up. */
static void test_fuzz_corpus(void **state)
{
    (void)state;
    const char *folder = "tests/fuzz/corpus/report";
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    struct stats before;
    stats_init(&before, T0, STATS_LIMITS_DEFAULT);
    int files = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        struct sbuf path = {0}, bytes = {0};
        sbuf_addf(&path, "%s/%s", folder, e->d_name);
        read_all(path.data, &bytes);
        for (int locust = 0; bytes.len && locust < 2; locust++) {
            struct stats s;
            stats_init(&s, T0, STATS_LIMITS_DEFAULT);
            int rc = locust ? report_merge_locust(&s, bytes.data, bytes.len)
                            : merge_ours(&s, bytes.data, bytes.len);
            if (rc != 0)
                assert_same(&s, &before);
            stats_fini(&s);
        }
        sbuf_fini(&path);
        sbuf_fini(&bytes);
        files++;
    }
    closedir(dir);
    stats_fini(&before);
    assert_true(files >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_report_carries_everything),
        cmocka_unit_test(test_times_are_those_of_the_readers_clock),
        cmocka_unit_test(test_numbers_keep_their_places),
        cmocka_unit_test(test_empty_rows_are_not_sent),
        cmocka_unit_test(test_damaged_reports_change_nothing),
        cmocka_unit_test(test_promises_that_bytes_do_not_keep),
        cmocka_unit_test(test_rows_that_contradict_themselves),
        cmocka_unit_test(test_rows_of_older_and_newer_workers),
        cmocka_unit_test(test_locust_buckets),
        cmocka_unit_test(test_locust_dialect_there_and_back),
        cmocka_unit_test(test_error_keys_are_locusts),
        cmocka_unit_test(test_careless_foreign_entries),
        cmocka_unit_test(test_fuzz_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
