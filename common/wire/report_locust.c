// SPDX-License-Identifier: MIT
/* Locust's statistics message. Its histogram has millisecond buckets of two digits, derived here
 * from ours; times are milliseconds with fraction. What it cannot carry (requests cut off by the
 * end of the test) stays behind.
 *
 * Foreign workers (boomer, locust4j, user code) fill these maps with less care than Locust does:
 * numbers may be int or float, negative ones count as 0, missing keys as empty. Other types are
 * malformed. A histogram with more samples than its row has requests ends where they end. */
#include "common/wire/report.h"

#include "common/base/mem.h"
#include "common/base/sat.h"
#include "common/base/utf8.h"
#include "common/wire/report_parts.h"

#include <openssl/evp.h>
#include <string.h>

uint64_t report_locust_bucket_ms(uint64_t value_us)
{
    uint64_t unit = value_us < 100000     ? 1000
                    : value_us < 1000000  ? 10000
                    : value_us < 10000000 ? 100000
                                          : 1000000;
    uint64_t n = value_us / unit, rest = value_us % unit;
    if (rest * 2 > unit || (rest * 2 == unit && (n & 1)))
        n++;
    return n * (unit / 1000);
}

struct bucket_run {
    uint64_t ms, n;
    void (*visit)(void *arg, uint64_t bucket_ms, uint64_t n);
    void *arg;
};

static void add_to_run(void *arg, uint64_t mid_us, uint64_t n)
{
    struct bucket_run *run = arg;
    uint64_t ms = report_locust_bucket_ms(mid_us);
    if (run->n && ms != run->ms) {
        run->visit(run->arg, run->ms, run->n);
        run->n = 0;
    }
    run->ms = ms;
    run->n += n;
}

void report_locust_buckets(const struct hist *h,
                           void (*visit)(void *arg, uint64_t bucket_ms, uint64_t n), void *arg)
{
    struct bucket_run run = {.visit = visit, .arg = arg};
    hist_each(h, add_to_run, &run);
    if (run.n)
        visit(arg, run.ms, run.n);
}

static void pack_ms(msgpack_packer *pk, const char *key, uint64_t us)
{
    report_pack_text(pk, key);
    msgpack_pack_double(pk, (double)us / 1000);
}

static void pack_count(msgpack_packer *pk, const char *key, uint64_t n)
{
    report_pack_text(pk, key);
    msgpack_pack_uint64(pk, n);
}

static void pack_time(msgpack_packer *pk, const char *key, double at)
{
    report_pack_text(pk, key);
    if (at > 0)
        msgpack_pack_double(pk, at);
    else
        msgpack_pack_nil(pk);
}

static void count_bucket(void *arg, uint64_t bucket_ms, uint64_t n)
{
    (void)bucket_ms;
    (void)n;
    ++*(size_t *)arg;
}

static void pack_bucket(void *arg, uint64_t bucket_ms, uint64_t n)
{
    msgpack_pack_uint64(arg, bucket_ms);
    msgpack_pack_uint64(arg, n);
}

enum which { REQUESTS, FAILURES };

static uint32_t count_of(const struct per_second *slot, enum which which)
{
    return which == REQUESTS ? slot->requests : slot->failures;
}

static void pack_seconds(msgpack_packer *pk, const struct tally *t, enum which which)
{
    size_t used = 0;
    for (size_t i = 0; i < STATS_SECONDS; i++)
        used += count_of(&t->recent[i], which) != 0;
    msgpack_pack_map(pk, used);
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        if (!count_of(&t->recent[i], which))
            continue;
        msgpack_pack_int64(pk, t->recent[i].second);
        msgpack_pack_uint32(pk, count_of(&t->recent[i], which));
    }
}

enum entry_kind { LOCUSTS, WITH_OURS };

static void pack_entry(msgpack_packer *pk, const struct tally *t, double started_at,
                       enum entry_kind kind)
{
    msgpack_pack_map(pk, kind == WITH_OURS ? 17 : 14);
    if (kind == WITH_OURS) {
        pack_count(pk, "cut", t->cut);
        pack_count(pk, "discarded", t->discarded);
        pack_count(pk, "resent", t->resent);
    }
    report_pack_text(pk, "name");
    report_pack_text(pk, t->name);
    report_pack_text(pk, "method");
    report_pack_text(pk, t->method);
    pack_time(pk, "last_request_timestamp", t->last_at);
    report_pack_text(pk, "start_time");
    msgpack_pack_double(pk, started_at);
    pack_count(pk, "num_requests", t->requests);
    pack_count(pk, "num_none_requests", t->none_requests);
    pack_count(pk, "num_failures", t->failures);
    pack_ms(pk, "total_response_time", t->sum_us);
    pack_ms(pk, "max_response_time", t->max_us);
    if (t->min_us == UINT64_MAX) {
        report_pack_text(pk, "min_response_time");
        msgpack_pack_nil(pk);
    } else {
        pack_ms(pk, "min_response_time", t->min_us);
    }
    pack_count(pk, "total_content_length", t->bytes);
    size_t buckets = 0;
    report_locust_buckets(&t->hist, count_bucket, &buckets);
    report_pack_text(pk, "response_times");
    msgpack_pack_map(pk, buckets);
    report_locust_buckets(&t->hist, pack_bucket, pk);
    report_pack_text(pk, "num_reqs_per_sec");
    pack_seconds(pk, t, REQUESTS);
    report_pack_text(pk, "num_fail_per_sec");
    pack_seconds(pk, t, FAILURES);
}

/* Code points that Python's repr writes as escapes. The full list is Unicode's categories Cc, Cf,
 * Cs, Co, Cn, Zl, Zp, Zs; these are the ones of them that error texts contain. */
static bool is_unprintable(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp <= 0xA0) || cp == 0xAD || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200F) || (cp >= 0x2028 && cp <= 0x202F) ||
           (cp >= 0x205F && cp <= 0x206F) || cp == 0x3000 || (cp >= 0xE000 && cp <= 0xF8FF) ||
           cp == 0xFEFF || (cp >= 0xFFF0 && cp <= 0xFFFB) || cp >= 0xE0000;
}

static void add_repr_char(struct sbuf *b, const char *bytes, size_t n, uint32_t cp)
{
    if (cp == '\n' || cp == '\r' || cp == '\t')
        sbuf_adds(b, cp == '\n' ? "\\n" : cp == '\r' ? "\\r" : "\\t");
    else if (!is_unprintable(cp))
        sbuf_add(b, bytes, n);
    else
        sbuf_addf(b, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
}

/* Valid UTF-8 as Python's repr() of that str. */
static void add_repr(struct sbuf *b, const char *text)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    sbuf_addc(b, quote);
    for (size_t left = strlen(text), n; left; left -= n, text += n) {
        uint32_t cp = '?';
        n = utf8_next(text, left, &cp);
        if (!n)
            n = 1;
        if (cp == '\\' || cp == (unsigned char)quote)
            sbuf_addc(b, '\\');
        add_repr_char(b, text, n, cp);
    }
    sbuf_addc(b, quote);
}

static void pack_error_key(msgpack_packer *pk, const struct failure *f, struct sbuf *scratch)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    sbuf_clear(scratch);
    sbuf_addf(scratch, "%s.%s.", f->method, f->name);
    add_repr(scratch, f->text);
    if (EVP_Digest(scratch->data, scratch->len, digest, &len, EVP_sha256(), NULL) != 1)
        mem_refused("a digest");
    sbuf_clear(scratch);
    for (unsigned int i = 0; i < len; i++)
        sbuf_addf(scratch, "%02x", digest[i]);
    report_pack_text(pk, scratch->data);
}

static void pack_errors(msgpack_packer *pk, const struct stats *s)
{
    struct sbuf scratch = {0};
    msgpack_pack_map(pk, s->failure_count);
    for (const struct failure *f = s->failures; f; f = f->next) {
        pack_error_key(pk, f, &scratch);
        msgpack_pack_map(pk, 6);
        report_pack_text(pk, "name");
        report_pack_text(pk, f->name);
        report_pack_text(pk, "method");
        report_pack_text(pk, f->method);
        report_pack_text(pk, "error");
        report_pack_text(pk, f->text);
        pack_count(pk, "occurrences", f->count);
        pack_time(pk, "first_seen", f->first_at);
        pack_time(pk, "last_seen", f->last_at);
    }
    sbuf_fini(&scratch);
}

static bool is_sent(const struct tally *t)
{
    return t->requests || t->failures;
}

void report_pack_locust(const struct stats *s, struct sbuf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, report_to_sbuf);
    report_pack_text(&pk, "stats");
    size_t used = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        used += is_sent(t);
    msgpack_pack_array(&pk, used);
    for (const struct tally *t = s->rows; t; t = t->next)
        if (is_sent(t))
            pack_entry(&pk, t, s->started_at, LOCUSTS);
    report_pack_text(&pk, "stats_total");
    pack_entry(&pk, &s->total, s->started_at, LOCUSTS);
    report_pack_text(&pk, "errors");
    pack_errors(&pk, s);
}

void report_pack_absolute(const struct stats *s, struct sbuf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, report_to_sbuf);
    report_pack_text(&pk, "stats");
    size_t shown = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        shown += !tally_is_hidden(t);
    msgpack_pack_array(&pk, shown);
    for (const struct tally *t = s->rows; t; t = t->next)
        if (!tally_is_hidden(t))
            pack_entry(&pk, t, s->started_at, WITH_OURS);
    report_pack_text(&pk, "stats_total");
    pack_entry(&pk, &s->total, s->started_at, WITH_OURS);
    report_pack_text(&pk, "errors");
    pack_errors(&pk, s);
}

/* Numbers of an entry: absent and nil are 0, and so is what is below 0. */
static bool read_number(const msgpack_object *map, const char *key, double max, double *value)
{
    const msgpack_object *o = unpack_get(map, key);
    double v = 0;
    if (o && o->type != MSGPACK_OBJECT_NIL && !unpack_number(o, &v))
        return false;
    *value = v < 0 ? 0 : v;
    return v <= max;
}

static bool read_count(const msgpack_object *map, const char *key, uint64_t *n)
{
    double v;
    if (!read_number(map, key, (double)UNPACK_MAX_COUNT, &v))
        return false;
    *n = (uint64_t)v;
    return true;
}

#define MAX_TOTAL_MS 9e12 /* keeps microseconds below 2^63 */

static bool read_ms(const msgpack_object *map, const char *key, uint64_t *us)
{
    double ms;
    if (!read_number(map, key, MAX_TOTAL_MS, &ms))
        return false;
    *us = (uint64_t)(ms * 1000 + 0.5);
    return true;
}

/* {second: count}. The first second with a count becomes *first when it is earlier. */
static bool read_seconds(const msgpack_object *o, struct tally *t, enum which which)
{
    if (!o || o->type == MSGPACK_OBJECT_NIL)
        return true;
    if (o->type != MSGPACK_OBJECT_MAP)
        return false;
    for (uint32_t i = 0; i < o->via.map.size; i++) {
        double second, n;
        if (!unpack_time(&o->via.map.ptr[i].key, &second) ||
            !unpack_number(&o->via.map.ptr[i].val, &n) || n > UINT32_MAX)
            return false;
        if (second < 1 || n < 1)
            continue;
        struct per_second more = {.second = (int64_t)second};
        *(which == REQUESTS ? &more.requests : &more.failures) = (uint32_t)n;
        tally_add_second(t, more);
        if (which == REQUESTS && (t->first_at == 0 || second < t->first_at))
            t->first_at = second;
    }
    return true;
}

static bool read_bucket(const msgpack_object_kv *pair, uint64_t *value_us, uint64_t *n)
{
    double ms, count;
    if (!unpack_number(&pair->key, &ms) || !unpack_number(&pair->val, &count) ||
        count > (double)UNPACK_MAX_COUNT)
        return false;
    double us = ms > 0 ? ms * 1000 + 0.5 : 0;
    *value_us = us < (double)HIST_MAX_US ? (uint64_t)us : HIST_MAX_US;
    *n = count < 1 ? 0 : (uint64_t)count;
    return true;
}

/* The map {bucket_ms: count}; empty when there is none. */
static bool read_buckets(const msgpack_object *o, msgpack_object_map *buckets)
{
    uint64_t value_us, n;
    *buckets = (msgpack_object_map){0};
    if (!o || o->type == MSGPACK_OBJECT_NIL)
        return true;
    if (o->type != MSGPACK_OBJECT_MAP)
        return false;
    *buckets = o->via.map;
    for (uint32_t i = 0; i < buckets->size; i++)
        if (!read_bucket(&buckets->ptr[i], &value_us, &n))
            return false;
    return true;
}

struct entry_view {
    struct unpack_text method, name;
    msgpack_object_map buckets;
    struct tally counts; /* no strings, no histogram */
};

static bool read_text(const msgpack_object *map, const char *key, struct unpack_text *text)
{
    const msgpack_object *o = unpack_get(map, key);
    return o && unpack_text(o, text);
}

static bool read_times(const msgpack_object *o, struct tally *t)
{
    const msgpack_object *last = unpack_get(o, "last_request_timestamp");
    if (last && last->type != MSGPACK_OBJECT_NIL && !unpack_time(last, &t->last_at))
        return false;
    uint64_t min_us;
    if (!read_ms(o, "total_response_time", &t->sum_us) ||
        !read_ms(o, "max_response_time", &t->max_us) || !read_ms(o, "min_response_time", &min_us))
        return false;
    const msgpack_object *min = unpack_get(o, "min_response_time");
    bool has_min = min && min->type != MSGPACK_OBJECT_NIL && t->requests > t->none_requests;
    t->min_us = has_min ? min_us : UINT64_MAX;
    return true;
}

static bool read_entry(const msgpack_object *o, struct entry_view *e)
{
    *e = (struct entry_view){0};
    struct tally *t = &e->counts;
    if (!read_text(o, "method", &e->method) || !read_text(o, "name", &e->name) ||
        !read_count(o, "num_requests", &t->requests) ||
        !read_count(o, "num_none_requests", &t->none_requests) ||
        !read_count(o, "num_failures", &t->failures) ||
        !read_count(o, "total_content_length", &t->bytes))
        return false;
    return t->none_requests <= t->requests && read_times(o, t) &&
           read_seconds(unpack_get(o, "num_reqs_per_sec"), t, REQUESTS) &&
           read_seconds(unpack_get(o, "num_fail_per_sec"), t, FAILURES) &&
           read_buckets(unpack_get(o, "response_times"), &e->buckets);
}

static bool read_seen(const msgpack_object *map, const char *key, double *at)
{
    const msgpack_object *o = unpack_get(map, key);
    return !o || o->type == MSGPACK_OBJECT_NIL || unpack_time(o, at);
}

static bool read_error(const msgpack_object *o, struct failure_view *e)
{
    *e = (struct failure_view){0};
    return read_text(o, "method", &e->method) && read_text(o, "name", &e->name) &&
           read_text(o, "error", &e->text) && read_count(o, "occurrences", &e->count) &&
           read_seen(o, "first_seen", &e->first_at) && read_seen(o, "last_seen", &e->last_at);
}

struct locust_view {
    msgpack_object_array entries;
    msgpack_object_map errors;
};

static bool read_message(const msgpack_object *root, struct locust_view *v)
{
    const msgpack_object *entries = unpack_get(root, "stats");
    const msgpack_object *errors = unpack_get(root, "errors");
    if (!entries || entries->type != MSGPACK_OBJECT_ARRAY)
        return false;
    v->entries = entries->via.array;
    v->errors = (msgpack_object_map){0};
    if (!errors || errors->type == MSGPACK_OBJECT_NIL)
        return true;
    v->errors = errors->via.map;
    return errors->type == MSGPACK_OBJECT_MAP;
}

static bool is_good(const struct locust_view *v)
{
    struct entry_view entry;
    struct failure_view error;
    for (uint32_t i = 0; i < v->entries.size; i++)
        if (!read_entry(&v->entries.ptr[i], &entry))
            return false;
    for (uint32_t i = 0; i < v->errors.size; i++)
        if (!read_error(&v->errors.ptr[i].val, &error))
            return false;
    return true;
}

/* Adds the histogram of an entry, as far as its own requests go. */
static void add_buckets(const struct entry_view *e, struct hist *to, struct hist *also)
{
    uint64_t left = e->counts.requests;
    for (uint32_t i = 0; left && i < e->buckets.size; i++) {
        uint64_t value_us, n;
        if (!read_bucket(&e->buckets.ptr[i], &value_us, &n) || !n)
            continue;
        n = n < left ? n : left;
        left -= n;
        hist_add(to, value_us, n);
        if (also)
            hist_add(also, value_us, n);
    }
}

static void tell_entry(const struct report_watch *watch, const struct tally *row,
                       const struct entry_view *e)
{
    struct hist hist;
    struct sbuf packed = {0};
    hist_init(&hist);
    add_buckets(e, &hist, NULL);
    hist_pack(&hist, &packed);
    watch->on_row(watch->arg, row, &e->counts,
                  &(struct tally_packed){.hist = {packed.data, packed.len}});
    sbuf_fini(&packed);
    hist_fini(&hist);
}

static void count_entry(struct stats *s, struct entry_view *e, struct scratch *scratch)
{
    struct tally *t = report_count_row(s, e->method, e->name, &e->counts, scratch);
    add_buckets(e, &t->hist, &s->total.hist);
    if (t->is_overflow)
        s->overflow = sat_add(s->overflow, e->counts.requests);
    if (scratch->watch)
        tell_entry(scratch->watch, t, e);
}

static void count_message(struct stats *s, const struct locust_view *v,
                          const struct report_watch *watch)
{
    struct scratch scratch = {.watch = watch};
    struct entry_view entry;
    struct failure_view error;
    for (uint32_t i = 0; i < v->entries.size; i++)
        if (read_entry(&v->entries.ptr[i], &entry))
            count_entry(s, &entry, &scratch);
    for (uint32_t i = 0; i < v->errors.size; i++)
        if (read_error(&v->errors.ptr[i].val, &error))
            report_count_failure(s, &error, &scratch);
    scratch_fini(&scratch);
}

int report_merge_locust_watched(struct stats *s, const void *bytes, size_t len,
                                const struct report_watch *watch)
{
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return -1;
    msgpack_object root;
    struct locust_view v;
    int rc = -1;
    if (unpack_object(&zone, bytes, len, &root) == 0 && read_message(&root, &v) && is_good(&v)) {
        count_message(s, &v, watch);
        rc = 0;
    }
    msgpack_zone_destroy(&zone);
    return rc;
}

int report_merge_locust(struct stats *s, const void *bytes, size_t len)
{
    return report_merge_locust_watched(s, bytes, len, NULL);
}
