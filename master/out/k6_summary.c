// SPDX-License-Identifier: MIT
/* k6_summary: what k6's --summary-export writes, which GitLab's load-performance widget reads:
 * {root_group, metrics}. In `thresholds` true means that it failed, as there. */
#include "master/out/k6_int.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_mid(void *arg, uint64_t mid_us, uint64_t n)
{
    double *sum = arg;
    *sum += (double)mid_us / 1000 * (double)n;
}

/* NaN: as the histogram has it. */
static void add_times(struct k6_writing *w, const char *metric, const struct hist *h, double avg,
                      double min, double max)
{
    static const double shares[] = {0, 0.5, 0.9, 0.95, 1};
    uint64_t us[5];
    double sum = 0;
    if (!h || h->count == 0)
        return;
    hist_each(h, add_mid, &sum);
    hist_quantiles_us(h, shares, 5, us);
    k6_trend(w, metric,
             &(struct k6_trend){.avg = isfinite(avg) ? avg : sum / (double)h->count,
                                .min = isfinite(min) ? min : (double)us[0] / 1000,
                                .med = (double)us[1] / 1000,
                                .max = isfinite(max) ? max : (double)us[4] / 1000,
                                .p90 = (double)us[2] / 1000,
                                .p95 = (double)us[3] / 1000});
}

/* Rows whose method is one of HTTP's, as for thresholds of these names. */
static void add_http(struct k6_writing *w, const struct snapshot *last)
{
    struct tally http;
    tally_init(&http, mem_strdup(""), mem_strdup(""));
    for (const struct tally *row = last->stats.rows; row; row = row->next)
        if (tally_is_http(row))
            tally_merge(&http, row);
    const bool has_bounds = http.min_us <= http.max_us;
    add_times(w, "http_req_duration", &http.hist, tally_mean_ms(&http),
              has_bounds ? (double)http.min_us / 1000 : NAN,
              has_bounds ? (double)http.max_us / 1000 : NAN);
    add_times(w, "http_req_waiting", http.wait, NAN, NAN, NAN);
    k6_rate(w, "http_req_failed", http.failures, http.requests);
    k6_counter(w, "http_reqs", (double)http.requests, last->run_age_s);
    tally_fini(&http);
}

/* Keys with tags, and metrics of the script: their thresholds alone. */
static void add_rest(struct k6_writing *w, const struct series_list *series)
{
    static const char *const known[] = {
        "http_req_duration", "http_req_waiting", "http_req_failed", "http_reqs",
        "data_sent",         "data_received",    "vus_max"};
    size_t i, k;
    json_t *t, *before;
    json_array_foreach(w->thresholds, i, t)
    {
        const char *text = document_text(t, "text");
        const size_t len = k6_key_len(text);
        bool is_done = !document_bool(t, "k6") || k6_has_series(series, text, len);
        for (k = 0; k < sizeof known / sizeof *known; k++)
            is_done |= strlen(known[k]) == len && strncmp(known[k], text, len) == 0;
        for (k = 0; k < i && !is_done; k++) {
            before = json_array_get(w->thresholds, k);
            is_done = k6_is_of(before, text, len);
        }
        if (is_done)
            continue;
        char *key = mem_dup(text, len);
        k6_begin(w, key);
        k6_number(w->out, "value", document_number(t, "value"));
        k6_end(w, key);
        free(key);
    }
}

void k6_summary_write(const struct snapshot *last, struct sbuf *out)
{
    const struct tally *t = &last->stats.total;
    json_t *verdict = document_verdict(last);
    struct k6_writing w = {out, json_object_get(verdict, "thresholds"), 0};
    sbuf_adds(out, "{\"root_group\":");
    k6_add_groups(last->end.series, out);
    sbuf_adds(out, ",\"metrics\":{");
    add_http(&w, last);
    k6_counter(&w, "data_sent", (double)t->extra.sent_bytes, last->run_age_s);
    k6_counter(&w, "data_received", (double)t->extra.received_bytes, last->run_age_s);
    k6_gauge(&w, "vus_max", last->target_users, last->target_users, last->target_users);
    k6_add_series(&w, last->end.series, last->run_age_s);
    add_rest(&w, last->end.series);
    sbuf_adds(out, "}}\n");
    json_decref(verdict);
}
