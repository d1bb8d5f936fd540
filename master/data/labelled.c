// SPDX-License-Identifier: MIT
#include "master/data/labelled.h"

#include "common/base/sat.h"
#include "common/base/sbuf.h"
#include "common/metric/labelled.h"

#include <string.h>

#define SEPARATOR '\x1f' /* behind each label, and once more before the name */

static const struct {
    const char *key, *label; /* of the tag; for people */
} labels[LABELS_OF_PART] = {
    {LABEL_KEY_SCENARIO, "scenario"}, {LABEL_KEY_CLASS, "user_class"}, {LABEL_KEY_GROUP, "group"}};

/* Users of the second scenario of a class are CLASS:NAME. */
static void add_label(struct sbuf *out, size_t i, const char *value)
{
    const bool is_class = !strcmp(labels[i].key, LABEL_KEY_CLASS);
    sbuf_addf(out, "%s=", labels[i].label);
    for (; *value && !(is_class && *value == ':'); value++)
        sbuf_addc(out, *value == SEPARATOR ? ' ' : *value);
    sbuf_addc(out, SEPARATOR);
}

/* NULL: the request is in no part. */
static struct tally *part_of(struct stats *parts, const struct stats *rows, const struct tags *tags)
{
    const char *method = tags_get(tags, "method"), *name = tags_get(tags, "name");
    const struct tally *row = stats_find(rows, method ? method : "", name ? name : "");
    struct sbuf text = {0};
    struct tally *part = NULL;
    if (!row)
        return NULL;
    for (size_t i = 0; i < LABELS_OF_PART; i++) {
        const char *value = tags_get(tags, labels[i].key);
        if (value)
            add_label(&text, i, value);
    }
    if (text.len && text.len + 1 + row->name_len <= STATS_NAME_MAX) {
        sbuf_addc(&text, SEPARATOR);
        sbuf_add(&text, row->name, row->name_len);
        part = stats_row(parts, row->method, row->method_len, text.data, text.len);
        part = part->is_overflow ? NULL : part;
    }
    if (part)
        part->notice_us = row->number;
    sbuf_fini(&text);
    return part;
}

/* A stranger may say anything. */
static uint64_t us_of(double ms)
{
    return ms > 0 && ms < 1e15 ? (uint64_t)(ms * 1000 + 0.5) : 0;
}

static void add_times(struct tally *t, const struct value_read *more)
{
    const uint64_t least = us_of(more->numbers.min), most = us_of(more->numbers.max);
    if (more->hist_len)
        hist_add_packed(&t->hist, NULL, more->hist, more->hist_len);
    t->sum_us = sat_add(t->sum_us, us_of(more->numbers.sum));
    t->min_us = least < t->min_us ? least : t->min_us;
    t->max_us = most > t->max_us ? most : t->max_us;
}

bool labelled_take(struct stats *parts, const struct stats *rows, const struct series *s,
                   const struct value_read *more)
{
    const bool is_time = !strcmp(s->metric->name, LABELLED_DURATION);
    if (!is_time && strcmp(s->metric->name, LABELLED_FAILED) != 0)
        return false;
    struct tally *t = s->is_other ? NULL : part_of(parts, rows, s->tags);
    if (t && is_time && s->metric->kind == METRIC_TREND) {
        add_times(t, more);
    } else if (t && s->metric->kind == METRIC_RATE) {
        t->requests = sat_add(t->requests, more->numbers.count);
        t->failures = sat_add(t->failures, more->numbers.trues);
    }
    return true;
}

struct labelled_name labelled_read(char *text)
{
    struct labelled_name of = {.count = 0};
    while (*text && *text != SEPARATOR && of.count < LABELS_OF_PART) {
        char *end = strchr(text, SEPARATOR), *value = strchr(text, '=');
        if (!end || !value || value > end)
            break;
        *end = *value = 0;
        of.label[of.count++] = (struct tag){text, value + 1};
        text = end + 1;
    }
    of.name = *text ? text + 1 : text;
    return of;
}
