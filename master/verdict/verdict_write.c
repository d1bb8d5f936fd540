// SPDX-License-Identifier: MIT
/* verdict_write: results as JSON, and as the lines of the console. */
#include "common/base/sbuf.h"
#include "master/verdict/verdict.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_key(struct sbuf *out, const char *key)
{
    sbuf_addc(out, '"');
    sbuf_adds(out, key);
    sbuf_adds(out, "\":");
}

static void add_text(struct sbuf *out, const char *key, const char *text)
{
    add_key(out, key);
    if (text)
        sbuf_add_json(out, text, strlen(text));
    else
        sbuf_adds(out, "null");
    sbuf_addc(out, ',');
}

/* Whole numbers, which most are, without a format. */
static void add_number(struct sbuf *out, const char *key, double number)
{
    add_key(out, key);
    if (!isfinite(number))
        sbuf_adds(out, "null");
    else if (fabs(number) < 1e15 && number >= floor(number) && number <= floor(number))
        sbuf_add_decimal(out, number);
    else
        sbuf_addf(out, "%.15g", number);
    sbuf_addc(out, ',');
}

static void add_scope(struct sbuf *out, const struct threshold *t)
{
    char stat[40], *scope = threshold_scope_text(t);
    add_text(out, "scope", scope);
    add_text(out, "stat", threshold_stat_name(t, stat, sizeof stat));
    add_text(out, "metric", t->metric);
    add_text(out, "method", t->method);
    add_text(out, "row", t->row);
    free(scope);
}

static void add_rule(struct sbuf *out, const struct verdict_result *r)
{
    const struct threshold *t = r->threshold;
    static const char *const units[] = {"ms", "ratio", "/s", "", "B", "B/s", "%", ""};
    static const char *const modes[] = {"all", "for", "within", "over"};
    static const char *const actions[] = {"continue", "stop", "warn"};
    static const char *const no_data[] = {"fail", "pass", "warn"};
    add_text(out, "op", threshold_op_text(t->op));
    add_number(out, "limit", t->limit.value);
    add_text(out, "unit", *r->unit ? r->unit : units[t->unit]);
    add_text(out, "mode", modes[t->mode]);
    add_number(out, "window", t->window_s);
    add_text(out, "action", actions[t->action]);
    if (t->scenario)
        add_text(out, "scenario", t->scenario);
    add_number(out, "after", t->after_s);
    add_number(out, "warmup", t->warmup_s);
    add_number(out, "min_samples", (double)t->min_samples);
    add_text(out, "no_data", no_data[t->no_data]);
}

/* "12.5ms", as times of requests are; "12.5 EUR". */
void verdict_add_value(const struct verdict_result *r, double value, char *to, size_t size)
{
    const bool is_joined = strcmp(r->unit, "ms") == 0 || *r->unit == '/';
    threshold_add_value(r->threshold, value, to, size);
    if (!*r->unit || !isfinite(value))
        return;
    const size_t len = strlen(to);
    snprintf(to + len, size - len, "%s%s", is_joined ? "" : " ", r->unit);
}

static void add_shown(struct sbuf *out, const struct verdict_result *r)
{
    char value[80];
    verdict_add_value(r, r->value, value, sizeof value);
    add_text(out, "shown", value);
    sbuf_adds(out, "\"spark\":[");
    for (size_t i = 0; i < r->spark_count; i++) {
        sbuf_adds(out, i ? "," : "");
        sbuf_add_decimal(out, r->spark[i]);
    }
    sbuf_adds(out, "]}");
}

static void add_result(struct sbuf *out, const struct verdict_result *r)
{
    const struct threshold *t = r->threshold;
    sbuf_addc(out, '{');
    add_text(out, "text", t->text);
    add_text(out, "name", t->name);
    add_text(out, "source", t->source);
    sbuf_addf(out, "\"k6\":%s,", t->is_k6 ? "true" : "false");
    add_scope(out, t);
    add_rule(out, r);
    add_number(out, "value", r->value);
    add_number(out, "n", (double)r->n);
    add_text(out, "state", verdict_state_name(r->state));
    sbuf_addf(out, "\"valid\":%s,\"failed\":%s,\"stopped\":%s,", r->is_valid ? "true" : "false",
              r->is_failed ? "true" : "false", r->has_stopped ? "true" : "false");
    add_number(out, "first_failed", r->failed_at ? (double)r->failed_at : NAN);
    add_number(out, "first_value", r->failed_value);
    add_text(out, "why", r->why);
    add_text(out, "warning", t->warning);
    add_shown(out, r);
}

void verdict_write(const struct verdict *v, struct sbuf *out)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; i < verdict_count(v); i++) {
        const struct verdict_result r = verdict_result(v, i);
        sbuf_adds(out, i ? "," : "");
        add_result(out, &r);
    }
    sbuf_addc(out, ']');
}

/* Names and texts are those of files and servers: nothing of them begins a line of its own. */
static void keep_one_line(struct sbuf *out, size_t from)
{
    for (char *c = out->data + from; *c; c++)
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c;
}

void verdict_line(const struct verdict_result *r, long local, struct sbuf *out)
{
    const size_t from = out->len;
    const struct threshold *t = r->threshold;
    char value[80];
    const bool is_warning = t->action == ACTION_WARN && r->state == VERDICT_FAIL;
    sbuf_addf(out, "THRESHOLD %s %s%s%s", is_warning ? "warn" : verdict_state_name(r->state),
              t->name ? t->name : "", t->name ? ": " : "", t->text);
    if (isfinite(r->value)) {
        verdict_add_value(r, r->value, value, sizeof value);
        sbuf_addf(out, ": %s (n=%llu)", value, (unsigned long long)r->n);
    }
    if (r->failed_at && r->state == VERDICT_FAIL) {
        const long second = (long)(((r->failed_at + local) % 86400 + 86400) % 86400);
        sbuf_addf(out, " first at %02ld:%02ld:%02ld", second / 3600, second / 60 % 60, second % 60);
    }
    if (r->has_stopped)
        sbuf_addf(out, ", stopped %s", t->scenario ? t->scenario : "the test");
    if (*r->why)
        sbuf_addf(out, isfinite(r->value) ? " (%s)" : ": %s", r->why);
    if (!r->is_valid)
        sbuf_adds(out, " (measurement not valid)");
    keep_one_line(out, from);
}
