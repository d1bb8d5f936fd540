// SPDX-License-Identifier: MIT
/* json_stats: the entries of a run as Locust's --json prints them.
 *
 * The keys and their order are those of Locust's stats message. Response times are put into
 * Locust's buckets (whole milliseconds below 100, then two digits), so that tools that read them go
 * on working; each of our finer buckets counts by its middle. Per-second counts reach back as far
 * as a row keeps them (STATS_SECONDS).
 */
#include "master/out/json_stats.h"
#include "master/data/number_text.h"
#include "common/base/sbuf.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static long long locust_bucket(double ms)
{
    double step = ms < 100 ? 1 : ms < 1000 ? 10 : ms < 10000 ? 100 : 1000;
    return (long long)(rint(ms / step) * step);
}

struct bucket_walk {
    struct sbuf *out;
    const struct tally *of;
    long long bucket; /* collected so far: this bucket has n */
    uint64_t n;
    bool is_first;
};

static void put_pair(struct sbuf *out, long long key, uint64_t n, bool is_first)
{
    sbuf_addf(out, "%s\n            \"%lld\": %llu", is_first ? "" : ",", key,
              (unsigned long long)n);
}

static void flush_bucket(struct bucket_walk *w)
{
    if (!w->n)
        return;
    put_pair(w->out, w->bucket, w->n, w->is_first);
    w->is_first = false;
    w->n = 0;
}

static void visit_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    struct bucket_walk *w = arg;
    const struct tally *t = w->of;
    if (t->min_us <= t->max_us)
        mid_us = mid_us < t->min_us ? t->min_us : mid_us > t->max_us ? t->max_us : mid_us;
    long long bucket = locust_bucket((double)mid_us / 1000);
    if (bucket != w->bucket)
        flush_bucket(w);
    w->bucket = bucket;
    w->n += n;
}

static void add_response_times(struct sbuf *out, const struct tally *t)
{
    struct bucket_walk w = {.out = out, .of = t, .is_first = true};
    sbuf_adds(out, "{");
    hist_each(&t->hist, visit_bucket, &w);
    flush_bucket(&w);
    sbuf_adds(out, w.is_first ? "}" : "\n        }");
}

static int by_second(const void *a, const void *b)
{
    const struct per_second *x = a, *y = b;
    return (x->second > y->second) - (x->second < y->second);
}

static void add_seconds(struct sbuf *out, const struct tally *t, bool of_failures)
{
    struct per_second sorted[STATS_SECONDS];
    memcpy(sorted, t->recent, sizeof sorted);
    qsort(sorted, STATS_SECONDS, sizeof *sorted, by_second);
    bool is_first = true;
    sbuf_adds(out, "{");
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        uint32_t n = of_failures ? sorted[i].failures : sorted[i].requests;
        if (!n)
            continue;
        put_pair(out, sorted[i].second, n, is_first);
        is_first = false;
    }
    sbuf_adds(out, is_first ? "}" : "\n        }");
}

static void add_key(struct sbuf *out, const char *key)
{
    sbuf_addf(out, ",\n        \"%s\": ", key);
}

static void add_count(struct sbuf *out, const char *key, uint64_t n)
{
    add_key(out, key);
    sbuf_addf(out, "%llu", (unsigned long long)n);
}

static void add_number(struct sbuf *out, const char *key, double v)
{
    add_key(out, key);
    output_add_number(out, v);
}

static void add_float_or_null(struct sbuf *out, const char *key, double v, bool is_known)
{
    add_key(out, key);
    if (is_known)
        output_add_number(out, v);
    else
        sbuf_adds(out, "null");
}

static void add_entry(struct sbuf *out, const struct tally *t, const struct stats *s)
{
    sbuf_adds(out, "    {\n        \"name\": ");
    sbuf_add_json(out, t->name, strlen(t->name));
    add_key(out, "method");
    sbuf_add_json(out, t->method, strlen(t->method));
    add_float_or_null(out, "last_request_timestamp", t->last_at, t->last_at > 0);
    add_key(out, "start_time");
    output_add_float(out, t->first_at > 0 ? t->first_at : s->started_at);
    add_count(out, "num_requests", t->requests);
    add_count(out, "num_none_requests", t->none_requests);
    add_count(out, "num_failures", t->failures);
    add_number(out, "total_response_time", (double)t->sum_us / 1000);
    add_number(out, "max_response_time", output_max_ms(t));
    add_float_or_null(out, "min_response_time", output_min_ms(t), t->min_us != UINT64_MAX);
    add_count(out, "total_content_length", t->bytes);
    add_key(out, "response_times");
    add_response_times(out, t);
    add_key(out, "num_reqs_per_sec");
    add_seconds(out, t, false);
    add_key(out, "num_fail_per_sec");
    add_seconds(out, t, true);
    sbuf_adds(out, "\n    }");
}

void json_stats(const struct stats *s, struct sbuf *out)
{
    bool is_first = true;
    sbuf_adds(out, "[");
    for (const struct tally *t = s->rows; t; t = t->next) {
        if (!t->requests && !t->failures)
            continue;
        sbuf_adds(out, is_first ? "\n" : ",\n");
        add_entry(out, t, s);
        is_first = false;
    }
    sbuf_adds(out, is_first ? "]" : "\n]");
}
