// SPDX-License-Identifier: MIT
/* k6_kinds: see k6_int.h. */
#include "master/out/k6_int.h"
#include <math.h>
#include <string.h>

void k6_number(struct sbuf *out, const char *name, double number)
{
    sbuf_addf(out, "\"%s\":%.15g", name, isfinite(number) ? number : 0);
}

size_t k6_key_len(const char *text)
{
    const char *brace = strchr(text, '{'), *blank = strchr(text, ' ');
    const char *close = brace && (!blank || brace < blank) ? strchr(brace, '}') : NULL;
    if (close)
        return (size_t)(close + 1 - text);
    return blank ? (size_t)(blank - text) : strlen(text);
}

bool k6_is_of(const json_t *t, const char *metric, size_t len)
{
    const char *text = document_text(t, "text");
    return document_bool(t, "k6") && k6_key_len(text) == len && strncmp(text, metric, len) == 0;
}

static void add_thresholds(struct sbuf *out, const json_t *thresholds, const char *metric,
                           size_t len)
{
    size_t i, count = 0;
    json_t *t;
    json_array_foreach(thresholds, i, t)
    {
        if (!k6_is_of(t, metric, len))
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

void k6_begin(struct k6_writing *w, const char *metric)
{
    sbuf_adds(w->out, w->count++ ? "," : "");
    sbuf_add_json(w->out, metric, strlen(metric));
    sbuf_adds(w->out, ":{");
}

void k6_end(struct k6_writing *w, const char *metric)
{
    add_thresholds(w->out, w->thresholds, metric, strlen(metric));
    sbuf_addc(w->out, '}');
}

/* ---- kinds ---- */

void k6_trend(struct k6_writing *w, const char *metric, const struct k6_trend *t)
{
    static const char *const names[] = {"avg", "min", "med", "max", "p(90)", "p(95)"};
    const double values[] = {t->avg, t->min, t->med, t->max, t->p90, t->p95};
    k6_begin(w, metric);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        sbuf_adds(w->out, i ? "," : "");
        k6_number(w->out, names[i], values[i]);
    }
    k6_end(w, metric);
}

void k6_counter(struct k6_writing *w, const char *metric, double sum, double seconds)
{
    k6_begin(w, metric);
    k6_number(w->out, "count", sum);
    sbuf_addc(w->out, ',');
    k6_number(w->out, "rate", seconds > 0 ? sum / seconds : 0);
    k6_end(w, metric);
}

void k6_rate(struct k6_writing *w, const char *metric, uint64_t trues, uint64_t total)
{
    k6_begin(w, metric);
    k6_number(w->out, "passes", (double)trues);
    sbuf_addc(w->out, ',');
    k6_number(w->out, "fails", (double)(total - trues));
    sbuf_addc(w->out, ',');
    k6_number(w->out, "value", total ? (double)trues / (double)total : 0);
    k6_end(w, metric);
}

void k6_gauge(struct k6_writing *w, const char *metric, double value, double min, double max)
{
    k6_begin(w, metric);
    k6_number(w->out, "value", value);
    sbuf_addc(w->out, ',');
    k6_number(w->out, "min", min);
    sbuf_addc(w->out, ',');
    k6_number(w->out, "max", max);
    k6_end(w, metric);
}
