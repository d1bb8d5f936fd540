// SPDX-License-Identifier: MIT
#include "master/out/annotations.h"
#include <math.h>
#include <string.h>

typedef void add_annotation(struct sbuf *out, const struct annotation *a);

static void add_threshold(const json_t *t, add_annotation *add, struct sbuf *out)
{
    struct sbuf text = {0}, value = {0};
    const char *state = document_text(t, "state"), *name = document_text(t, "name");
    if (strcmp(state, "pass") == 0)
        return;
    document_add_value(t, &value);
    sbuf_addf(&text, "%s%s%s: %s", name, *name ? ": " : "", document_text(t, "text"),
              value.data ? value.data : state);
    add(out, &(struct annotation){document_bool(t, "failed"),
                                  strcmp(state, "fail") == 0 ? "Threshold failed"
                                                             : "Threshold without data",
                                  text.data});
    sbuf_fini(&value);
    sbuf_fini(&text);
}

static void add_invalid(const json_t *verdict, add_annotation *add, struct sbuf *out)
{
    size_t i;
    json_t *span;
    struct sbuf text = {0};
    json_array_foreach(json_object_get(verdict, "invalid"), i, span)
    {
        sbuf_adds(&text, i ? "; " : "");
        document_add_span(span, &text);
    }
    if (text.len > 0)
        add(out, &(struct annotation){document_bool(verdict, "fail_on_invalid"),
                                      "Measurement not valid", text.data});
    sbuf_fini(&text);
}

void annotations_add(const struct snapshot *last, add_annotation *add, struct sbuf *out)
{
    size_t i;
    json_t *verdict = document_verdict(last), *t;
    json_array_foreach(json_object_get(verdict, "thresholds"), i, t)
    {
        add_threshold(t, add, out);
    }
    add_invalid(verdict, add, out);
    json_decref(verdict);
}

void annotations_add_values(const struct snapshot *last,
                            void (*add)(struct sbuf *out, const char *key, double value),
                            struct sbuf *out)
{
    static const struct {
        const char *key;
        double share;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};
    const struct tally *t = &last->stats.total;
    const double rps = tally_total_rps(t, &last->stats);
    add(out, "requests", (double)t->requests);
    add(out, "failures", (double)t->failures);
    if (t->requests > 0)
        add(out, "fail_ratio", (double)t->failures / (double)t->requests);
    if (isfinite(rps))
        add(out, "rps", rps);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles && t->hist.count > 0; i++)
        add(out, quantiles[i].key, tally_quantile_ms(t, quantiles[i].share));
}
