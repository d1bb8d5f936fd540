// SPDX-License-Identifier: MIT
/* junit: what of a run somebody may want to see as a test, a suite of each kind: the measurement
 * itself, thresholds, lines of a comparison with a baseline, checks, rows. A run that passed has no
 * case that failed: what speaks against it, and was forgiven, is skipped. */
#include "common/base/mem.h"
#include "master/out/console.h"
#include "master/out/document.h"
#include "master/out/junit_suite.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES_SHOWN 5 /* of one row */
#define TABLE_WIDTH 80   /* room for names in the tables of text */

/* ---- the measurement ---- */

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

static void add_validity(struct junit_suite *suite, const json_t *verdict, double seconds)
{
    struct sbuf message = {0};
    const bool is_valid = document_bool(verdict, "valid");
    add_spans(&message, verdict);
    junit_add_case(suite, &(struct junit_case){
                              .name = "the measurement is valid",
                              .seconds = seconds,
                              .kind = is_valid                                    ? JUNIT_PASSED
                                      : document_bool(verdict, "fail_on_invalid") ? JUNIT_ERROR
                                                                                  : JUNIT_SKIPPED,
                              .type = "measurement-not-valid",
                              .message = message.data ? message.data : "not valid"});
    sbuf_fini(&message);
}

/* ---- thresholds ---- */

static enum junit_kind kind_of(const json_t *threshold)
{
    const char *state = document_text(threshold, "state");
    const bool is_failed = document_bool(threshold, "failed");
    if (strcmp(state, "pass") == 0)
        return JUNIT_PASSED;
    if (strcmp(state, "fail") == 0)
        return is_failed ? JUNIT_FAILED : JUNIT_SKIPPED;
    return is_failed ? JUNIT_ERROR : JUNIT_SKIPPED;
}

static void add_threshold(struct junit_suite *suite, const json_t *t, double seconds)
{
    struct sbuf name = {0}, message = {0};
    const char *given = document_text(t, "name");
    const enum junit_kind kind = kind_of(t);
    sbuf_addf(&name, "%s%s%s", given, *given ? ": " : "", document_text(t, "text"));
    document_add_value(t, &message);
    junit_add_case(suite,
                   &(struct junit_case){.name = name.data,
                                        .seconds = seconds,
                                        .kind = kind,
                                        .type = kind == JUNIT_ERROR ? "no-data" : "threshold",
                                        .message = message.data ? message.data : ""});
    sbuf_fini(&name);
    sbuf_fini(&message);
}

/* ---- the baseline ---- */

static void add_line(struct junit_suite *suite, const json_t *line, bool fails_unsure,
                     double seconds)
{
    struct sbuf name = {0}, message = {0};
    const char *row = document_text(line, "name"), *answer = document_text(line, "answer");
    const bool is_share = strcmp(document_text(line, "stat"), "fail_ratio") == 0;
    const bool is_worse = strcmp(answer, "worse") == 0;
    const bool is_unsure = strcmp(answer, "cannot tell") == 0;
    sbuf_adds(&name, document_text(line, "stat"));
    if (*row)
        sbuf_addf(&name, " of %s %s", document_text(line, "method"), row);
    sbuf_addf(&name, ": at most %g %s worse", 100 * document_number(line, "margin"),
              is_share ? "pp" : "%");
    sbuf_addf(&message, "%s: %s", answer, document_text(line, "shown"));
    junit_add_case(
        suite, &(struct junit_case){.name = name.data,
                                    .seconds = seconds,
                                    .kind = is_worse || (is_unsure && fails_unsure) ? JUNIT_FAILED
                                            : strcmp(answer, "not worse") == 0      ? JUNIT_PASSED
                                                                                    : JUNIT_SKIPPED,
                                    .type = answer,
                                    .message = message.data});
    sbuf_fini(&name);
    sbuf_fini(&message);
}

static void add_baseline(struct junit_suite *suite, const char *text, double seconds)
{
    json_t *baseline = text ? json_loads(text, 0, NULL) : NULL, *line;
    const json_t *lines = json_object_get(baseline, "lines");
    struct sbuf name = {0};
    size_t i;
    json_array_foreach(lines, i, line)
    {
        add_line(suite, line, strcmp(document_text(baseline, "cant_tell"), "fail") == 0, seconds);
    }
    if (baseline && json_array_size(lines) == 0) {
        const bool is_failed = document_bool(baseline, "failed");
        sbuf_addf(&name, "compared with %s", document_text(baseline, "runs"));
        junit_add_case(suite, &(struct junit_case){.name = name.data,
                                                   .seconds = seconds,
                                                   .kind = is_failed ? JUNIT_FAILED : JUNIT_SKIPPED,
                                                   .type = document_text(baseline, "answer"),
                                                   .message = document_text(baseline, "why")});
    }
    sbuf_fini(&name);
    json_decref(baseline);
}

/* ---- checks ---- */

static const char *tag_or(const struct series_row *r, const char *key, const char *otherwise)
{
    const char *value = series_row_tag(r, key);
    return value ? value : otherwise;
}

static int compare_checks(const struct series_row *x, const struct series_row *y)
{
    const int order = strcmp(tag_or(x, "group", ""), tag_or(y, "group", ""));
    return order ? order : strcmp(tag_or(x, "check", "(other)"), tag_or(y, "check", "(other)"));
}

static int by_check(const void *a, const void *b)
{
    return compare_checks(*(const struct series_row *const *)a,
                          *(const struct series_row *const *)b);
}

static void add_check(struct junit_suite *suite, const struct series_row *of, uint64_t n,
                      uint64_t trues, bool is_failing)
{
    struct sbuf name = {0}, message = {0};
    const char *group = tag_or(of, "group", "");
    sbuf_addf(&name, "%s%s%s", group, *group ? " / " : "", tag_or(of, "check", "(other)"));
    sbuf_addf(&message, "%llu of %llu were false", (unsigned long long)(n - trues),
              (unsigned long long)n);
    junit_add_case(suite, &(struct junit_case){.name = name.data,
                                               .kind = trues == n   ? JUNIT_PASSED
                                                       : is_failing ? JUNIT_FAILED
                                                                    : JUNIT_SKIPPED,
                                               .type = "check",
                                               .message = message.data});
    sbuf_fini(&name);
    sbuf_fini(&message);
}

/* Of one group a check is one case, whatever its other tags. */
static void add_checks(struct junit_suite *suite, const struct series_list *all, bool is_failing)
{
    const size_t most = all ? all->count : 0;
    const struct series_row **rows = mem_zalloc((most + 1) * sizeof *rows);
    size_t count = 0, i = 0;
    for (size_t k = 0; k < most; k++)
        if (strcmp(all->rows[k].metric, "checks") == 0 && all->rows[k].n > 0)
            rows[count++] = &all->rows[k];
    if (count > 0)
        qsort(rows, count, sizeof *rows, by_check);
    while (i < count) {
        const struct series_row *first = rows[i];
        uint64_t n = 0, trues = 0;
        for (; i < count && compare_checks(first, rows[i]) == 0; i++) {
            n += rows[i]->n;
            trues += rows[i]->trues;
        }
        add_check(suite, first, n, trues, is_failing);
    }
    free(rows);
}

/* ---- rows ---- */

struct shown {
    uint64_t count;
    const char *text;
};

/* The most frequent failures of a row, a line each. */
static void add_messages(struct sbuf *out, const struct tally *t, const struct stats *s)
{
    struct shown list[MESSAGES_SHOWN + 1] = {0};
    size_t count = 0, left_out = 0;
    for (const struct failure *f = s->failures; f; f = f->next) {
        if (strcmp(f->name, t->name) != 0 || strcmp(f->method, t->method) != 0)
            continue;
        size_t at = count < MESSAGES_SHOWN ? count++ : MESSAGES_SHOWN;
        left_out += at == MESSAGES_SHOWN;
        list[at] = (struct shown){f->count, f->text};
        for (; at > 0 && list[at].count > list[at - 1].count; at--) {
            const struct shown less = list[at - 1];
            list[at - 1] = list[at];
            list[at] = less;
        }
    }
    for (size_t i = 0; i < count; i++)
        sbuf_addf(out, "%s%llu times: %s", i ? "\n" : "", (unsigned long long)list[i].count,
                  list[i].text);
    if (left_out > 0)
        sbuf_addf(out, "\nand %zu more", left_out);
}

static void add_row(struct junit_suite *suite, const struct tally *t, const struct stats *s,
                    bool is_failing)
{
    struct sbuf name = {0}, message = {0}, text = {0};
    const bool has_times = t->requests > t->none_requests;
    sbuf_addf(&name, "%s%s%s", t->method, *t->method ? " " : "", t->name);
    sbuf_addf(&message, "%llu of %llu requests failed", (unsigned long long)t->failures,
              (unsigned long long)t->requests);
    if (t->failures > 0)
        add_messages(&text, t, s);
    junit_add_case(suite, &(struct junit_case){.name = name.data,
                                               .seconds = has_times ? tally_mean_ms(t) / 1e3 : 0,
                                               .kind = t->failures == 0 ? JUNIT_PASSED
                                                       : is_failing     ? JUNIT_FAILED
                                                                        : JUNIT_SKIPPED,
                                               .type = "requests",
                                               .message = message.data,
                                               .text = text.data});
    sbuf_fini(&name);
    sbuf_fini(&message);
    sbuf_fini(&text);
}

static void add_rows(struct junit_suite *suite, const struct stats *s, bool is_failing)
{
    const struct tally **rows;
    const size_t count = stats_sorted(s, &rows);
    for (size_t i = 0; i < count; i++)
        add_row(suite, rows[i], s, is_failing);
    free(rows);
}

/* ---- the file ---- */

static void add_timestamp(struct sbuf *out, double started)
{
    char text[32];
    struct tm utc;
    const time_t at = (time_t)started;
    if (started > 0 && gmtime_r(&at, &utc) &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc))
        junit_add_attribute(out, "timestamp", text);
}

static void add_property(struct sbuf *out, const char *name, const char *value)
{
    if (!*value)
        return;
    sbuf_adds(out, "      <property");
    junit_add_attribute(out, "name", name);
    junit_add_attribute(out, "value", value);
    sbuf_adds(out, "/>\n");
}

static void add_properties(struct sbuf *out, const struct snapshot *last)
{
    struct sbuf users = {0};
    const struct view *v = last->view;
    if (!v)
        return;
    sbuf_addf(&users, "%u", last->target_users);
    sbuf_adds(out, "    <properties>\n");
    add_property(out, "run", v->run_id);
    add_property(out, "users", users.data);
    add_property(out, "host", v->host);
    add_property(out, "version", v->version);
    sbuf_adds(out, "    </properties>\n");
    sbuf_fini(&users);
}

static void add_tables(struct sbuf *out, const struct stats *s)
{
    struct sbuf tables = {0};
    console_add_stats(&tables, s, false, TABLE_WIDTH);
    console_add_errors(&tables, s, TABLE_WIDTH);
    sbuf_adds(out, "    <system-out>");
    junit_add_cdata(out, tables.data ? tables.data : "");
    sbuf_adds(out, "</system-out>\n");
    sbuf_fini(&tables);
}

static void add_suite(struct sbuf *out, const struct junit_suite *suite,
                      const struct snapshot *last, bool is_whole)
{
    char host[256] = "";
    if (suite->tests == 0)
        return;
    sbuf_adds(out, "  <testsuite");
    junit_add_attribute(out, "name", suite->name);
    sbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"",
              suite->tests, suite->of[JUNIT_FAILED], suite->of[JUNIT_ERROR],
              suite->of[JUNIT_SKIPPED], last->run_age_s);
    add_timestamp(out, last->view ? last->view->started_at : 0);
    if (gethostname(host, sizeof host - 1) == 0 && *host)
        junit_add_attribute(out, "hostname", host);
    sbuf_adds(out, ">\n");
    if (is_whole)
        add_properties(out, last);
    sbuf_add(out, suite->cases.data, suite->cases.len);
    if (is_whole)
        add_tables(out, &last->stats);
    sbuf_adds(out, "  </testsuite>\n");
}

void junit_write(const struct snapshot *last, struct sbuf *out)
{
    enum { VALIDITY, THRESHOLDS, BASELINE, CHECKS, ENDPOINTS, SUITES };
    struct junit_suite suites[SUITES] = {
        {.name = "validity"}, {.name = "thresholds"}, {.name = "baseline"},
        {.name = "checks"},   {.name = "endpoints"},
    };
    json_t *verdict = document_verdict(last), *t;
    const bool is_passed = document_number(verdict, "code") <= 0;
    const char *file = last->view && *last->view->locustfile ? last->view->locustfile : "";
    struct sbuf name = {0};
    size_t i, tests = 0, failures = 0, errors = 0;
    add_validity(&suites[VALIDITY], verdict, last->run_age_s);
    json_array_foreach(json_object_get(verdict, "thresholds"), i, t)
    {
        add_threshold(&suites[THRESHOLDS], t, last->run_age_s);
    }
    add_baseline(&suites[BASELINE], last->end.baseline, last->run_age_s);
    add_checks(&suites[CHECKS], last->end.series, last->wishes.has_check_cases);
    add_rows(&suites[ENDPOINTS], &last->stats, !is_passed);
    for (i = 0; i < SUITES; i++) {
        tests += suites[i].tests;
        failures += suites[i].of[JUNIT_FAILED];
        errors += suites[i].of[JUNIT_ERROR];
    }
    sbuf_addf(&name, "katydid%s%s", *file ? ": " : "", file);
    sbuf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    junit_add_attribute(out, "name", name.data);
    sbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" time=\"%.3f\">\n", tests,
              failures, errors, last->run_age_s);
    for (i = 0; i < SUITES; i++) {
        add_suite(out, &suites[i], last, i == VALIDITY);
        junit_suite_fini(&suites[i]);
    }
    sbuf_adds(out, "</testsuites>\n");
    sbuf_fini(&name);
    json_decref(verdict);
}
