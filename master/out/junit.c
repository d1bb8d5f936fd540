// SPDX-License-Identifier: MIT
/* junit: each threshold is a test case: one that failed a failure, one without data an error; and
 * each line of a comparison with a baseline is one, skipped when it cannot be told. Only elements
 * and attributes that the readers of Jenkins, GitLab and GitHub agree on. */
#include "common/base/utf8.h"
#include "master/out/document.h"
#include <math.h>
#include <string.h>
#include <time.h>

/* What XML 1.0 may not hold becomes a question mark. */
static void add_xml(struct sbuf *out, const char *text)
{
    for (size_t n; *text; text += n) {
        n = utf8_next(text, strnlen(text, 4), NULL);
        const unsigned char c = (unsigned char)*text;
        const bool is_bad = n == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
                            (n == 3 && !memcmp(text, "\xef\xbf\xbe", 3)) ||
                            (n == 3 && !memcmp(text, "\xef\xbf\xbf", 3));
        n = n ? n : 1;
        if (is_bad)
            sbuf_addc(out, '?');
        else if (c == '&')
            sbuf_adds(out, "&amp;");
        else if (c == '<')
            sbuf_adds(out, "&lt;");
        else if (c == '>')
            sbuf_adds(out, "&gt;");
        else if (c == '"')
            sbuf_adds(out, "&quot;");
        else if (c == '\n' || c == '\t')
            sbuf_addf(out, "&#%u;", c);
        else
            sbuf_add(out, text, n);
    }
}

static void add_attribute(struct sbuf *out, const char *key, const char *value)
{
    sbuf_addf(out, " %s=\"", key);
    add_xml(out, value);
    sbuf_addc(out, '"');
}

struct counts {
    size_t tests, failures, errors, skipped;
};

enum kind { PASSED, FAILED, ERROR, SKIPPED };

static enum kind kind_of(const json_t *t)
{
    const char *state = document_text(t, "state");
    const bool is_failed = document_bool(t, "failed");
    if (strcmp(state, "pass") == 0)
        return PASSED;
    if (strcmp(state, "fail") == 0)
        return is_failed ? FAILED : SKIPPED;
    return is_failed ? ERROR : SKIPPED;
}

static void count(struct counts *c, enum kind k)
{
    c->tests++;
    c->failures += k == FAILED;
    c->errors += k == ERROR;
    c->skipped += k == SKIPPED;
}

struct outcome {
    enum kind kind;
    const char *failed; /* what kind of failure it is, or would be */
    const char *message;
};

static void add_outcome(struct sbuf *out, const struct outcome *o)
{
    static const char *const elements[] = {"", "failure", "error", "skipped"};
    sbuf_addf(out, "<%s", elements[o->kind]);
    add_attribute(out, "message", o->message);
    if (o->kind == FAILED || o->kind == ERROR)
        add_attribute(out, "type", o->kind == FAILED ? o->failed : "no data");
    sbuf_adds(out, "/>");
}

static void add_case(struct sbuf *out, const char *group, const char *name, double seconds,
                     const struct outcome *o)
{
    sbuf_adds(out, "    <testcase");
    add_attribute(out, "classname", group);
    add_attribute(out, "name", name);
    sbuf_addf(out, " time=\"%.3f\"", seconds);
    if (o->kind == PASSED) {
        sbuf_adds(out, "/>\n");
        return;
    }
    sbuf_addc(out, '>');
    add_outcome(out, o);
    sbuf_adds(out, "</testcase>\n");
}

static void add_threshold(struct sbuf *out, const json_t *t, double seconds, struct counts *c)
{
    struct sbuf name = {0}, message = {0};
    const char *given = document_text(t, "name");
    const enum kind kind = kind_of(t);
    sbuf_addf(&name, "%s%s%s", given, *given ? ": " : "", document_text(t, "text"));
    document_add_value(t, &message);
    add_case(out, "katydid.thresholds", name.data, seconds,
             &(struct outcome){kind, "threshold", message.data ? message.data : ""});
    count(c, kind);
    sbuf_fini(&name);
    sbuf_fini(&message);
}

static void add_spans(struct sbuf *out, const json_t *verdict)
{
    size_t i;
    json_t *span;
    json_array_foreach(json_object_get(verdict, "invalid"), i, span)
    {
        sbuf_adds(out, i ? "; " : "not valid: ");
        document_add_span(span, out);
    }
}

static void add_validity(struct sbuf *out, const json_t *verdict, double seconds, struct counts *c)
{
    struct sbuf message = {0};
    const bool is_valid = document_bool(verdict, "valid");
    const enum kind kind = is_valid                                    ? PASSED
                           : document_bool(verdict, "fail_on_invalid") ? FAILED
                                                                       : SKIPPED;
    add_spans(&message, verdict);
    add_case(out, "katydid.validity", "the measurement is valid", seconds,
             &(struct outcome){kind, "threshold", message.data ? message.data : "not valid"});
    count(c, kind);
    sbuf_fini(&message);
}

/* ---- the baseline ---- */

#define BASELINE "katydid.baseline"

static void add_line(struct sbuf *out, const json_t *line, bool fails_unsure, double seconds,
                     struct counts *c)
{
    struct sbuf name = {0};
    const char *row = document_text(line, "name"), *answer = document_text(line, "answer");
    const bool is_share = strcmp(document_text(line, "stat"), "fail_ratio") == 0;
    const bool is_worse = strcmp(answer, "worse") == 0;
    const bool is_unsure = strcmp(answer, "cannot tell") == 0;
    const enum kind kind = is_worse || (is_unsure && fails_unsure) ? FAILED
                           : strcmp(answer, "not worse") == 0      ? PASSED
                                                                   : SKIPPED;
    struct sbuf message = {0};
    sbuf_adds(&name, document_text(line, "stat"));
    if (*row)
        sbuf_addf(&name, " of %s %s", document_text(line, "method"), row);
    sbuf_addf(&name, ": at most %g %s worse", 100 * document_number(line, "margin"),
              is_share ? "pp" : "%");
    sbuf_addf(&message, "%s: %s", answer, document_text(line, "shown"));
    add_case(out, BASELINE, name.data, seconds, &(struct outcome){kind, answer, message.data});
    count(c, kind);
    sbuf_fini(&name);
    sbuf_fini(&message);
}

static void add_baseline(struct sbuf *out, const char *text, double seconds, struct counts *c)
{
    json_t *baseline = text ? json_loads(text, 0, NULL) : NULL, *line;
    const json_t *lines = json_object_get(baseline, "lines");
    const char *answer = document_text(baseline, "answer");
    struct sbuf name = {0};
    size_t i;
    json_array_foreach(lines, i, line)
    {
        add_line(out, line, strcmp(document_text(baseline, "cant_tell"), "fail") == 0, seconds, c);
    }
    if (baseline && json_array_size(lines) == 0) {
        const enum kind kind = document_bool(baseline, "failed") ? FAILED : SKIPPED;
        sbuf_addf(&name, "compared with %s", document_text(baseline, "runs"));
        add_case(out, BASELINE, name.data, seconds,
                 &(struct outcome){kind, answer, document_text(baseline, "why")});
        count(c, kind);
    }
    sbuf_fini(&name);
    json_decref(baseline);
}

static void add_counts(struct sbuf *out, const struct counts *c, double seconds)
{
    sbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"",
              c->tests, c->failures, c->errors, c->skipped, seconds);
}

static void add_timestamp(struct sbuf *out, double started)
{
    char text[32];
    struct tm utc;
    const time_t at = (time_t)started;
    if (started > 0 && gmtime_r(&at, &utc) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc))
        add_attribute(out, "timestamp", text);
}

void junit_write(const struct snapshot *last, struct sbuf *out)
{
    struct counts c = {0};
    struct sbuf cases = {0};
    size_t i;
    json_t *verdict = document_verdict(last), *t;
    json_array_foreach(json_object_get(verdict, "thresholds"), i, t)
    {
        add_threshold(&cases, t, last->run_age_s, &c);
    }
    add_baseline(&cases, last->end.baseline, last->run_age_s, &c);
    add_validity(&cases, verdict, last->run_age_s, &c);
    sbuf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"katydid\"");
    sbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\">\n  <testsuite",
              c.tests, c.failures, c.errors, last->run_age_s);
    add_attribute(out, "name",
                  last->view && *last->view->locustfile ? last->view->locustfile : "katydid");
    add_counts(out, &c, last->run_age_s);
    add_timestamp(out, last->view ? last->view->started_at : 0);
    sbuf_adds(out, ">\n");
    sbuf_add(out, cases.data, cases.len);
    sbuf_adds(out, "  </testsuite>\n</testsuites>\n");
    sbuf_fini(&cases);
    json_decref(verdict);
}
