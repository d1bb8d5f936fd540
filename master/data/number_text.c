// SPDX-License-Identifier: MIT
/* number_text: see the header. Rounding follows Python, so that a file of ours and one of Locust
 * can be compared as text. */
#include "master/data/number_text.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As Python shows it: 99.9, 50, but 57.0 where 0.57 * 100 is not quite whole. */
static void name_percentile(char name[static 16], double percentile)
{
    double hundred = percentile * 100;
    struct sbuf text = {0};
    if (hundred == floor(hundred))
        sbuf_addf(&text, "%.0f", hundred);
    else
        output_add_float(&text, round(hundred * 1e6) / 1e6);
    snprintf(name, 16, "%.*s%%", 14, text.data);
    sbuf_fini(&text);
}

struct percentile_columns percentile_columns(const struct tunables_shares *report)
{
    struct percentile_columns p = {.count = report->count};
    for (size_t i = 0; i < p.count; i++) {
        p.share[i] = report->of[i];
        name_percentile(p.name[i], report->of[i]);
    }
    return p;
}

double output_min_ms(const struct tally *t)
{
    return t->min_us == UINT64_MAX ? 0 : (double)t->min_us / 1000;
}

double output_max_ms(const struct tally *t)
{
    return (double)t->max_us / 1000;
}

struct quantile_walk {
    size_t count;
    uint64_t seen;
    double need[OUTPUT_PERCENTILES_MAX]; /* samples at least, ascending */
    uint64_t us[OUTPUT_PERCENTILES_MAX];
    size_t next;
};

static void visit_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    struct quantile_walk *w = arg;
    w->seen += n;
    while (w->next < w->count && (double)w->seen >= w->need[w->next])
        w->us[w->next++] = mid_us;
}

/* The numbers of the percentiles, the least first. */
static void sort_percentiles(const struct percentile_columns *p,
                             size_t order[static OUTPUT_PERCENTILES_MAX])
{
    for (size_t i = 0; i < p->count; i++) {
        size_t at = i;
        for (; at > 0 && p->share[order[at - 1]] > p->share[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* One walk for all of them: with thousands of names, eleven walks each would be felt. */
void output_percentiles_ms(const struct percentile_columns *p, const struct tally *t,
                           const struct hist *of, long long out[static OUTPUT_PERCENTILES_MAX])
{
    struct quantile_walk w = {.count = p->count};
    size_t order[OUTPUT_PERCENTILES_MAX];
    sort_percentiles(p, order);
    for (size_t i = 0; i < p->count; i++) /* the slack is hist_quantile_us's */
        w.need[i] = p->share[order[i]] * (double)of->count * (1 - 1e-12);
    hist_each(of, visit_bucket, &w);
    bool has_bounds = t->min_us <= t->max_us && of != t->corrected; /* which are longer */
    for (size_t i = 0; i < p->count; i++) {
        uint64_t us = w.us[i];
        if (has_bounds && of == &t->hist && of->count && p->share[order[i]] >= 1)
            us = t->max_us;
        if (has_bounds && of->count)
            us = us > t->max_us ? t->max_us : us < t->min_us ? t->min_us : us;
        double ms = rint((double)us / 1000), max = floor(output_max_ms(t));
        out[order[i]] = (long long)(has_bounds && ms > max ? max : ms);
    }
}

double output_median_ms(const struct tally *t)
{
    double ms = tally_quantile_ms(t, 0.5);
    double steps = ms < 0.1 ? 1000 : ms < 1 ? 100 : ms < 10 ? 10 : 1; /* in a millisecond */
    ms = rint(ms * steps) / steps;
    if (t->min_us > t->max_us)
        return ms;
    double min = output_min_ms(t), max = output_max_ms(t);
    return ms > max ? max : ms < min ? min : ms;
}

double output_mean_bytes(const struct tally *t)
{
    return t->requests ? (double)t->bytes / (double)t->requests : 0;
}

double output_fail_ratio(const struct tally *t)
{
    if (!t->requests)
        return t->failures ? 1 : 0;
    return (double)t->failures / (double)t->requests;
}

void output_add_float(struct sbuf *b, double v)
{
    char text[64];
    if (v == floor(v) && fabs(v) < 1e16) {
        sbuf_addf(b, "%.1f", v);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    sbuf_adds(b, text);
}

void output_add_number(struct sbuf *b, double v)
{
    if (v == floor(v) && fabs(v) < 1e16)
        sbuf_addf(b, "%.0f", v);
    else
        output_add_float(b, v);
}

void output_add_nodes(struct sbuf *b, const char *nodes)
{
    sbuf_adds(b, "");
    for (; *nodes; nodes++)
        sbuf_adds(b, *nodes == ',' ? ", " : (char[2]){*nodes});
}

void output_add_utc(struct sbuf *b, double unix_s)
{
    if (!(unix_s > 0) || unix_s > 2e11)
        return;
    time_t second = (time_t)unix_s;
    struct tm tm;
    char text[32];
    gmtime_r(&second, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    sbuf_adds(b, text);
}

/* Characters that move the cursor, change the writing direction or are not seen at all. */
static bool is_invisible(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200b && cp <= 0x200f) ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff;
}

static size_t add_escape(struct sbuf *b, uint32_t cp)
{
    size_t before = b->len;
    if (cp == '\n' || cp == '\t' || cp == '\r')
        sbuf_addf(b, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
    else
        sbuf_addf(b, cp < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)cp);
    return b->len - before;
}

size_t output_add_visible(struct sbuf *b, const char *text)
{
    size_t len = strlen(text), shown = 0;
    while (len) {
        uint32_t cp = 0;
        size_t n = utf8_next(text, len, &cp);
        if (n == 0) {
            sbuf_adds(b, "\xef\xbf\xbd");
            shown++;
            n = 1;
        } else if (is_invisible(cp)) {
            shown += add_escape(b, cp);
        } else {
            sbuf_add(b, text, n);
            shown++;
        }
        text += n;
        len -= n;
    }
    return shown;
}
