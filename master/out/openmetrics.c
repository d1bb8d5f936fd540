// SPDX-License-Identifier: MIT
/* openmetrics: the final figures as OpenMetrics text, one sample a line, which GitLab's metrics
 * report compares by name and labels. */
#include "common/base/mem.h"
#include "master/out/document.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_label(struct sbuf *out, const char *key, const char *value)
{
    sbuf_addf(out, "%s=\"", key);
    for (; *value; value++) {
        if (*value == '\n')
            sbuf_adds(out, "\\n");
        else if (*value == '"' || *value == '\\')
            sbuf_addf(out, "\\%c", *value);
        else if ((unsigned char)*value >= 0x20)
            sbuf_addc(out, *value);
    }
    sbuf_addc(out, '"');
}

static void add_sample(struct sbuf *out, const char *name, const struct tally *t, double quantile,
                       double value)
{
    if (!isfinite(value))
        return;
    sbuf_addf(out, "%s{", name);
    add_label(out, "method", t->method);
    sbuf_addc(out, ',');
    add_label(out, "name", t->name);
    if (quantile >= 0)
        sbuf_addf(out, ",quantile=\"%g\"", quantile);
    sbuf_addf(out, "} %.15g\n", value);
}

struct rows {
    const struct tally **list;
    size_t count;
};

static void add_counter(struct sbuf *out, const char *name, const char *help, const struct rows *r,
                        uint64_t (*value)(const struct tally *))
{
    struct sbuf sample = {0};
    sbuf_addf(&sample, "%s_total", name);
    sbuf_addf(out, "# TYPE %s counter\n# HELP %s %s\n", name, name, help);
    for (size_t i = 0; i < r->count; i++)
        add_sample(out, sample.data, r->list[i], -1, (double)value(r->list[i]));
    sbuf_fini(&sample);
}

static uint64_t requests(const struct tally *t)
{
    return t->requests;
}

static uint64_t failures(const struct tally *t)
{
    return t->failures;
}

static void add_times(struct sbuf *out, const struct rows *r)
{
    static const double shares[] = {0.5, 0.9, 0.95, 0.99};
    const char *name = "katydid_response_time_seconds";
    sbuf_addf(out,
              "# TYPE %s summary\n# UNIT %s seconds\n# HELP %s Response times, failed requests "
              "included\n",
              name, name, name);
    for (size_t i = 0; i < r->count; i++) {
        const struct tally *t = r->list[i];
        for (size_t k = 0; t->hist.count > 0 && k < 4; k++)
            add_sample(out, name, t, shares[k], tally_quantile_ms(t, shares[k]) / 1000);
        add_sample(out, "katydid_response_time_seconds_sum", t, -1, (double)t->sum_us / 1e6);
        add_sample(out, "katydid_response_time_seconds_count", t, -1,
                   (double)(t->requests - t->none_requests));
    }
}

static bool is_same(const json_t *a, const json_t *b)
{
    return strcmp(document_text(a, "text"), document_text(b, "text")) == 0 &&
           strcmp(document_text(a, "name"), document_text(b, "name")) == 0;
}

/* Samples are told apart by their labels: of the same threshold from two places there is one. */
static void add_threshold(struct sbuf *out, const json_t *all, size_t at)
{
    const json_t *t = json_array_get(all, at), *other;
    const char *name = document_text(t, "name");
    bool is_failed = false;
    for (size_t i = 0; i < json_array_size(all); i++) {
        other = json_array_get(all, i);
        if (!is_same(t, other))
            continue;
        if (i < at)
            return;
        is_failed |= document_bool(other, "failed");
    }
    sbuf_adds(out, "katydid_threshold_failed{");
    add_label(out, "threshold", document_text(t, "text"));
    if (*name) {
        sbuf_addc(out, ',');
        add_label(out, "name", name);
    }
    sbuf_addf(out, "} %d\n", is_failed);
}

static void add_thresholds(struct sbuf *out, const json_t *thresholds)
{
    sbuf_adds(out, "# TYPE katydid_threshold_failed gauge\n# HELP katydid_threshold_failed 1: the "
                   "run fails by it\n");
    for (size_t i = 0; i < json_array_size(thresholds); i++)
        add_threshold(out, thresholds, i);
}

void openmetrics_write(const struct snapshot *last, struct sbuf *out)
{
    struct rows r;
    json_t *verdict = document_verdict(last);
    r.count = stats_sorted(&last->stats, &r.list);
    r.list = mem_realloc(r.list, (r.count + 1) * sizeof *r.list);
    r.list[r.count++] = &last->stats.total;
    add_counter(out, "katydid_requests", "Finished requests, failed ones included", &r, requests);
    add_counter(out, "katydid_failures", "Failed requests", &r, failures);
    add_times(out, &r);
    add_thresholds(out, json_object_get(verdict, "thresholds"));
    sbuf_adds(out, "# EOF\n");
    free(r.list);
    json_decref(verdict);
}
