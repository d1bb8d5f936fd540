// SPDX-License-Identifier: MIT
/* k6_summary: what k6's --summary-export writes, which GitLab's load-performance widget reads:
 * {root_group, metrics}. In `thresholds` true means that it failed, as there. */
#include "master/out/document.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_number(struct sbuf *out, const char *name, double number)
{
    sbuf_addf(out, "\"%s\":%.15g", name, isfinite(number) ? number : 0);
}

/* The key of a threshold in k6's words stands before its expression. */
static size_t key_len(const char *text)
{
    const char *brace = strchr(text, '{'), *blank = strchr(text, ' ');
    const char *close = brace && (!blank || brace < blank) ? strchr(brace, '}') : NULL;
    if (close)
        return (size_t)(close + 1 - text);
    return blank ? (size_t)(blank - text) : strlen(text);
}

static bool is_of(const json_t *t, const char *metric, size_t len)
{
    const char *text = document_text(t, "text");
    return document_bool(t, "k6") && key_len(text) == len && strncmp(text, metric, len) == 0;
}

static void add_thresholds(struct sbuf *out, const json_t *thresholds, const char *metric,
                           size_t len)
{
    size_t i, count = 0;
    json_t *t;
    json_array_foreach(thresholds, i, t)
    {
        if (!is_of(t, metric, len))
            continue;
        const char *expression = document_text(t, "text") + len;
        expression += strspn(expression, " ");
        sbuf_adds(out, count++ ? "," : ",\"thresholds\":{");
        sbuf_add_json(out, expression, strlen(expression));
        sbuf_adds(out, document_bool(t, "failed") ? ":true" : ":false");
    }
    if (count > 0)
        sbuf_addc(out, '}');
}

struct writing {
    struct sbuf *out;
    const json_t *thresholds;
    size_t count;
};

static void begin(struct writing *w, const char *metric)
{
    sbuf_addf(w->out, "%s\"%s\":{", w->count++ ? "," : "", metric);
}

static void end(struct writing *w, const char *metric)
{
    add_thresholds(w->out, w->thresholds, metric, strlen(metric));
    sbuf_addc(w->out, '}');
}

static void add_mid(void *arg, uint64_t mid_us, uint64_t n)
{
    double *sum = arg;
    *sum += (double)mid_us / 1000 * (double)n;
}

static void add_trend(struct writing *w, const char *metric, const struct hist *h, double mean,
                      double min, double max)
{
    struct sbuf *out = w->out;
    double sum = 0;
    if (!h || h->count == 0)
        return;
    hist_each(h, add_mid, &sum);
    begin(w, metric);
    add_number(out, "avg", isfinite(mean) ? mean : sum / (double)h->count);
    sbuf_addc(out, ',');
    add_number(out, "min", isfinite(min) ? min : (double)hist_quantile_us(h, 0) / 1000);
    sbuf_addc(out, ',');
    add_number(out, "med", (double)hist_quantile_us(h, 0.5) / 1000);
    sbuf_addc(out, ',');
    add_number(out, "max", isfinite(max) ? max : (double)hist_quantile_us(h, 1) / 1000);
    sbuf_addc(out, ',');
    add_number(out, "p(90)", (double)hist_quantile_us(h, 0.9) / 1000);
    sbuf_addc(out, ',');
    add_number(out, "p(95)", (double)hist_quantile_us(h, 0.95) / 1000);
    end(w, metric);
}

static void add_counter(struct writing *w, const char *metric, uint64_t n, double seconds)
{
    begin(w, metric);
    add_number(w->out, "count", (double)n);
    sbuf_addc(w->out, ',');
    add_number(w->out, "rate", seconds > 0 ? (double)n / seconds : 0);
    end(w, metric);
}

static void add_rate(struct writing *w, const char *metric, uint64_t trues, uint64_t total)
{
    begin(w, metric);
    add_number(w->out, "passes", (double)trues);
    sbuf_addc(w->out, ',');
    add_number(w->out, "fails", (double)(total - trues));
    sbuf_addc(w->out, ',');
    add_number(w->out, "value", total ? (double)trues / (double)total : 0);
    end(w, metric);
}

static void add_gauge(struct writing *w, const char *metric, double value)
{
    begin(w, metric);
    add_number(w->out, "value", value);
    sbuf_addc(w->out, ',');
    add_number(w->out, "min", value);
    sbuf_addc(w->out, ',');
    add_number(w->out, "max", value);
    end(w, metric);
}

/* Keys with tags, and metrics of the script: their thresholds alone. */
static void add_rest(struct writing *w)
{
    static const char *const known[] = {
        "http_req_duration", "http_req_waiting", "http_req_failed", "http_reqs",
        "data_sent",         "data_received",    "vus_max"};
    size_t i, k;
    json_t *t, *before;
    json_array_foreach(w->thresholds, i, t)
    {
        const char *text = document_text(t, "text");
        const size_t len = key_len(text);
        bool is_done = !document_bool(t, "k6");
        for (k = 0; k < sizeof known / sizeof *known; k++)
            is_done |= strlen(known[k]) == len && strncmp(known[k], text, len) == 0;
        for (k = 0; k < i && !is_done; k++) {
            before = json_array_get(w->thresholds, k);
            is_done = is_of(before, text, len);
        }
        if (is_done)
            continue;
        sbuf_adds(w->out, w->count++ ? "," : "");
        sbuf_add_json(w->out, text, len);
        sbuf_adds(w->out, ":{");
        add_number(w->out, "value", document_number(t, "value"));
        add_thresholds(w->out, w->thresholds, text, len);
        sbuf_addc(w->out, '}');
    }
}

void k6_summary_write(const struct snapshot *last, struct sbuf *out)
{
    const struct tally *t = &last->stats.total;
    const bool has_bounds = t->min_us <= t->max_us;
    json_t *verdict = document_verdict(last);
    struct writing w = {out, json_object_get(verdict, "thresholds"), 0};
    sbuf_adds(out, "{\"root_group\":{\"name\":\"\",\"path\":\"\",\"id\":"
                   "\"d41d8cd98f00b204e9800998ecf8427e\",\"groups\":{},\"checks\":{}},"
                   "\"metrics\":{");
    add_trend(&w, "http_req_duration", &t->hist, tally_mean_ms(t),
              has_bounds ? (double)t->min_us / 1000 : NAN,
              has_bounds ? (double)t->max_us / 1000 : NAN);
    add_trend(&w, "http_req_waiting", t->wait, NAN, NAN, NAN);
    add_rate(&w, "http_req_failed", t->failures, t->requests);
    add_counter(&w, "http_reqs", t->requests, last->run_age_s);
    add_counter(&w, "data_sent", t->extra.sent_bytes, last->run_age_s);
    add_counter(&w, "data_received", t->extra.received_bytes, last->run_age_s);
    add_gauge(&w, "vus_max", last->target_users);
    add_rest(&w);
    sbuf_adds(out, "}}\n");
    json_decref(verdict);
}
