// SPDX-License-Identifier: MIT
/* grammar_k6: k6's thresholds as they stand in its scripts, and its metrics as stats of ours.
 *
 * What k6 refuses is refused, with the column. What its numbers mean here, where ours are made
 * otherwise, is in docs/from-k6.md. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum k6_kind { K6_COUNTER, K6_GAUGE, K6_RATE, K6_TREND };

static const struct k6_metric {
    const char *name;
    enum k6_kind kind;
    enum threshold_scope scope;
    enum threshold_field field;
    enum threshold_stat stat, rate_stat; /* of a trend: the quantile; of a counter: both */
} metrics[] = {
    {"http_req_duration", K6_TREND, SCOPE_HTTP, FIELD_TIME, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_waiting", K6_TREND, SCOPE_HTTP, FIELD_WAIT, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_blocked", K6_TREND, SCOPE_HTTP, FIELD_QUEUE, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_connecting", K6_TREND, SCOPE_HTTP, FIELD_CONNECT, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_tls_handshaking", K6_TREND, SCOPE_HTTP, FIELD_TLS, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_sending", K6_TREND, SCOPE_HTTP, FIELD_SEND, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_receiving", K6_TREND, SCOPE_HTTP, FIELD_RECEIVE, STAT_QUANTILE, STAT_QUANTILE},
    {"http_req_failed", K6_RATE, SCOPE_HTTP, FIELD_TIME, STAT_FAIL_RATIO, STAT_FAIL_RATIO},
    {"http_reqs", K6_COUNTER, SCOPE_HTTP, FIELD_TIME, STAT_COUNT, STAT_RPS},
    {"data_sent", K6_COUNTER, SCOPE_TOTAL, FIELD_TIME, STAT_SENT, STAT_SENT_RATE},
    {"data_received", K6_COUNTER, SCOPE_TOTAL, FIELD_TIME, STAT_RECEIVED, STAT_RECEIVED_RATE},
    {"dropped_iterations", K6_COUNTER, SCOPE_TOTAL, FIELD_TIME, STAT_DROPPED, STAT_DROPPED},
    {"vus", K6_GAUGE, SCOPE_TOTAL, FIELD_TIME, STAT_USERS, STAT_USERS},
    {"vus_max", K6_GAUGE, SCOPE_TOTAL, FIELD_TIME, STAT_USERS, STAT_USERS},
    {"group_duration", K6_TREND, SCOPE_GROUP, FIELD_TIME, STAT_QUANTILE, STAT_QUANTILE},
    {"checks", K6_RATE, SCOPE_METRIC, FIELD_TIME, STAT_RATE, STAT_RATE},
    {"iterations", K6_COUNTER, SCOPE_METRIC, FIELD_TIME, STAT_COUNT, STAT_RATE},
    {"iteration_duration", K6_TREND, SCOPE_METRIC, FIELD_TIME, STAT_QUANTILE, STAT_QUANTILE},
};
#define METRICS (sizeof metrics / sizeof *metrics)

static const struct k6_metric *find(const char *name, size_t len)
{
    for (size_t i = 0; i < METRICS; i++)
        if (strlen(metrics[i].name) == len && strncmp(metrics[i].name, name, len) == 0)
            return &metrics[i];
    return NULL;
}

bool threshold_is_k6_metric(const char *name, size_t len)
{
    return find(name, len) != NULL;
}

/* ---- numbers ---- */

#define EXPONENT_MOST 1000.0 /* of 10: a double's are smaller */

/* mantissa * 10^exponent, as long as it fits. */
static void read_exact(const char *text, const char *end, struct threshold_limit *out)
{
    const bool is_negative = *text == '-';
    bool has_point = false;
    out->is_exact = true;
    text += *text == '-' || *text == '+';
    for (; text < end && (isdigit((unsigned char)*text) || *text == '.'); text++) {
        if (*text == '.') {
            has_point = true;
            continue;
        }
        if (out->mantissa > INT64_C(99999999999999999))
            out->is_exact = false;
        else
            out->mantissa = out->mantissa * 10 + (*text - '0');
        out->exponent -= has_point;
    }
    if (text < end)
        out->exponent += (int)fmax(-EXPONENT_MOST, fmin(strtod(text + 1, NULL), EXPONENT_MOST));
    if (is_negative)
        out->mantissa = -out->mantissa;
    out->is_exact = out->is_exact && out->exponent > -15 && out->exponent < 3;
}

bool threshold_number(const char *text, size_t len, struct threshold_limit *out)
{
    char copy[64], *end;
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    const char *digits = copy + (*copy == '-' || *copy == '+');
    *out = (struct threshold_limit){0};
    if (strcasecmp(digits, "inf") == 0 || strcasecmp(digits, "infinity") == 0) {
        out->value = *copy == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (!*digits || digits[strspn(digits, "0123456789.eE+-")])
        return false;
    out->value = strtod(copy, &end);
    if (*end || isinf(out->value))
        return false;
    read_exact(copy, end, out);
    return true;
}

/* ---- tags ---- */

struct piece {
    const char *at;
    size_t len;
};

static struct piece trim(const char *at, size_t len)
{
    while (len && isspace((unsigned char)*at)) {
        at++;
        len--;
    }
    while (len && isspace((unsigned char)at[len - 1]))
        len--;
    if (len >= 2 && (*at == '"' || *at == '\'') && at[len - 1] == *at) {
        at++;
        len -= 2;
    }
    return (struct piece){at, len};
}

/* "::outer::inner" of k6 is "outer / inner" here. */
static char *group_path(struct piece value)
{
    struct sbuf path = {0};
    for (size_t i = 2; i < value.len; i++)
        if (i + 1 < value.len && !strncmp(value.at + i, "::", 2)) {
            sbuf_adds(&path, " / ");
            i++;
        } else {
            sbuf_addc(&path, value.at[i]);
        }
    return sbuf_take(&path);
}

static void add_tag(struct threshold *t, struct piece key, struct piece value)
{
    t->tags = mem_realloc(t->tags, (t->tag_count + 1) * sizeof *t->tags);
    const bool is_path = key.len == 5 && !strncmp(key.at, "group", 5) && value.len > 2 &&
                         !strncmp(value.at, "::", 2);
    t->tags[t->tag_count++] = (struct threshold_tag){
        mem_dup(key.at, key.len), is_path ? group_path(value) : mem_dup(value.at, value.len)};
}

int threshold_take_tags(struct threshold *t, const char *text, size_t len,
                        struct threshold_error *e)
{
    for (size_t at = 0; at <= len;) {
        const char *comma = memchr(text + at, ',', len - at);
        const size_t piece = comma ? (size_t)(comma - text) - at : len - at;
        const char *colon = memchr(text + at, ':', piece);
        if (!colon)
            return threshold_wrong(e, at + 1, "a tag is written key:value");
        const size_t half = (size_t)(colon - text) - at;
        const struct piece key = trim(text + at, half);
        const struct piece value = trim(colon + 1, piece - half - 1);
        if (key.len == 0 || value.len == 0)
            return threshold_wrong(e, at + 1, "the %s of a tag is missing: write key:value",
                                   key.len ? "value" : "key");
        add_tag(t, key, value);
        at += piece + 1;
    }
    return 0;
}

/* ---- metrics ---- */

static void take_row_tag(struct threshold *t, const char *key, const char *value)
{
    if (strcmp(key, "expected_response") == 0) {
        t->field = strcmp(value, "true") == 0 ? FIELD_PASSED : FIELD_FAILED;
        return;
    }
    struct sbuf pattern = {0};
    const bool is_method = strcmp(key, "method") == 0;
    for (; *value; value++) {
        if (!is_method && (*value == '*' || *value == '\\'))
            sbuf_addc(&pattern, '\\'); /* k6 has no patterns */
        sbuf_addc(&pattern, *value);
    }
    char **to = is_method ? &t->method : &t->row;
    free(*to);
    *to = pattern.data ? sbuf_take(&pattern) : mem_strdup("");
}

/* Tags that our rows have anyway are no tags of a series. */
static void settle_tags(struct threshold *t)
{
    bool is_of_rows = t->scope == SCOPE_HTTP;
    for (size_t i = 0; i < t->tag_count; i++) {
        const char *key = t->tags[i].key;
        is_of_rows = is_of_rows &&
                     (!strcmp(key, "name") || !strcmp(key, "method") ||
                      (!strcmp(key, "expected_response") && t->field == FIELD_TIME &&
                       (!strcmp(t->tags[i].value, "true") || !strcmp(t->tags[i].value, "false"))));
    }
    if (t->tag_count == 0 || t->scope == SCOPE_METRIC)
        return;
    if (t->scope == SCOPE_GROUP && t->tag_count == 1 && !strcmp(t->tags[0].key, "group")) {
        take_row_tag(t, "name", t->tags[0].value);
        return;
    }
    if (!is_of_rows) {
        t->scope = SCOPE_TAGS;
        return;
    }
    for (size_t i = 0; i < t->tag_count; i++)
        take_row_tag(t, t->tags[i].key, t->tags[i].value);
    if (t->row || t->method)
        t->scope = SCOPE_ROWS;
}

static int wrong_aggregation(const struct k6_metric *m, struct threshold_error *e)
{
    static const char *const right[] = {"count and rate", "value", "rate",
                                        "avg, min, max, med and p(N)"};
    static const char *const kinds[] = {"counter", "gauge", "rate", "trend"};
    return threshold_wrong(e, 1, "%s is a %s, which has %s", m->name, kinds[m->kind],
                           right[m->kind]);
}

static int take_trend(struct threshold *t, struct k6_aggregation a)
{
    static const struct {
        const char *name;
        enum threshold_stat stat;
        double share;
    } all[] = {{"avg", STAT_MEAN, 0},
               {"min", STAT_MIN, 0},
               {"max", STAT_MAX, 0},
               {"med", STAT_QUANTILE, 0.5},
               {"stdev", STAT_STDEV, 0}};
    t->unit = UNIT_MS;
    if (strcmp(a.name, "p") == 0) {
        t->stat = STAT_QUANTILE;
        t->share = a.share;
        return 0;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(a.name, all[i].name) == 0) {
            t->stat = all[i].stat;
            t->share = all[i].share;
            return 0;
        }
    return -1;
}

static int take_of_kind(struct threshold *t, const struct k6_metric *m, struct k6_aggregation a)
{
    const bool is_rate = strcmp(a.name, "rate") == 0;
    if (m->kind == K6_TREND)
        return take_trend(t, a);
    if (m->kind == K6_GAUGE && strcmp(a.name, "value") == 0) {
        t->stat = m->stat;
        t->unit = UNIT_COUNT;
        t->parameter = strcmp(m->name, "vus_max") == 0;
        return 0;
    }
    if (m->kind == K6_RATE && is_rate) {
        t->stat = m->stat;
        t->unit = UNIT_RATIO;
        return 0;
    }
    if (m->kind != K6_COUNTER || (!is_rate && strcmp(a.name, "count") != 0))
        return -1;
    t->stat = is_rate ? m->rate_stat : m->stat;
    t->unit = is_rate ? UNIT_RATE : UNIT_COUNT;
    t->parameter = m->stat == STAT_DROPPED && is_rate;
    if (m->stat == STAT_SENT || m->stat == STAT_RECEIVED)
        t->unit = is_rate ? UNIT_BYTE_RATE : UNIT_BYTES;
    return 0;
}

/* A metric that the script makes: of what kind is not known here. */
static void take_custom(struct threshold *t, struct k6_aggregation a)
{
    t->scope = SCOPE_METRIC;
    const bool is_of_trend = take_trend(t, a) == 0;
    t->unit = UNIT_ANY;
    if (is_of_trend)
        return;
    t->stat = strcmp(a.name, "count") == 0  ? STAT_COUNT
              : strcmp(a.name, "rate") == 0 ? STAT_RATE
                                            : STAT_VALUE;
}

/* A metric that nobody knows is one of the script's, unless it is nearly one of k6's. */
static int check_metric(const char *name, struct threshold_error *e)
{
    const char *names[METRICS];
    for (size_t i = 0; i < METRICS; i++)
        names[i] = metrics[i].name;
    if (find(name, strlen(name)) || strncmp(name, "http_", 5) != 0)
        return 0;
    const char *near = threshold_nearest(name, names, METRICS);
    return threshold_wrong(e, 1, "there is no metric %.100s%s%s%s", name,
                           near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
}

int threshold_take_k6(struct threshold *t, const char *metric, struct k6_aggregation a,
                      struct threshold_error *e)
{
    const struct k6_metric *m = find(metric, strlen(metric));
    free(t->metric);
    t->metric = mem_strdup(metric);
    if (!m && check_metric(metric, e) != 0)
        return -1;
    if (!m) {
        take_custom(t, a);
        return 0;
    }
    t->scope = m->scope;
    t->field = m->field;
    if (take_of_kind(t, m, a) != 0)
        return wrong_aggregation(m, e);
    if (m->field > FIELD_WAIT && t->stat != STAT_MEAN)
        return threshold_wrong(e, 1,
                               "of %s only avg is measured here: percentiles there are of "
                               "http_req_duration and http_req_waiting",
                               metric);
    settle_tags(t);
    if (t->scope == SCOPE_GROUP && !t->row)
        t->row = mem_strdup("*");
    if (t->scope == SCOPE_ROWS) {
        t->method = t->method ? t->method : mem_strdup("");
        t->row = t->row ? t->row : mem_strdup("*");
    }
    return 0;
}

/* Tags of k6's that were taken as a row are there still. */
bool threshold_take_k6_times(struct threshold *t)
{
    const bool is_of_rows = t->scope == SCOPE_HTTP || (t->scope == SCOPE_ROWS && t->tag_count > 0);
    const bool is_time = t->field == FIELD_TIME || t->field == FIELD_PASSED ||
                         t->field == FIELD_FAILED; /* these two are tags then */
    if (!t->metric || strcmp(t->metric, "http_req_duration") != 0 || !threshold_is_time(t) ||
        !is_time || !(is_of_rows || t->scope == SCOPE_TAGS || t->scope == SCOPE_CLASS))
        return false;
    if (is_of_rows)
        t->scope = SCOPE_TAGS;
    t->field = FIELD_TIME;
    t->has_k6_times = true;
    return true;
}

/* ---- a key ---- */

static bool is_name(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && (i == 0 || text[i] != '.'))
            return false;
    return len > 0 && len <= 128 && !isdigit((unsigned char)*text);
}

static int read_key(const char *key, struct threshold *t, char **metric, struct threshold_error *e)
{
    const char *open = strchr(key, '{');
    const size_t len = open ? (size_t)(open - key) : strlen(key);
    const struct piece name = trim(key, len);
    if (!is_name(name.at, name.len))
        return threshold_wrong(e, 1, "'%.100s' is no metric: write name or name{tag:value}", key);
    *metric = mem_dup(name.at, name.len);
    if (check_metric(*metric, e) != 0)
        return -1;
    if (!open)
        return 0;
    size_t inside = strlen(open);
    while (inside && isspace((unsigned char)open[inside - 1]))
        inside--;
    if (inside < 2 || open[inside - 1] != '}')
        return threshold_wrong(e, len + inside, "'{' has no '}' at the end");
    if (threshold_take_tags(t, open + 1, inside - 2, e) == 0)
        return 0;
    e->column += len + 1;
    return -1;
}

/* ---- an expression ---- */

static const struct {
    const char *text;
    enum threshold_op op;
} operators[] = {{"<=", OP_LESS_EQUAL}, {"<", OP_LESS},   {">=", OP_MORE_EQUAL}, {">", OP_MORE},
                 {"===", OP_EQUAL},     {"==", OP_EQUAL}, {"!=", OP_NOT_EQUAL}};

/* The first of them, in that order, with something on its right. */
static const char *find_operator(const char *text, enum threshold_op *op, size_t *len)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        const char *at = strstr(text, operators[i].text);
        *len = strlen(operators[i].text);
        if (at && at[*len]) {
            *op = operators[i].op;
            return at;
        }
    }
    return NULL;
}

static const char *const aggregations[] = {"count", "rate", "value", "avg", "min", "max", "med"};
#define AGGREGATIONS (sizeof aggregations / sizeof *aggregations)

static int read_aggregation(struct piece text, struct k6_aggregation *a, struct threshold_error *e)
{
    struct threshold_limit n;
    for (size_t i = 0; i < AGGREGATIONS; i++)
        if (strlen(aggregations[i]) == text.len && !strncmp(aggregations[i], text.at, text.len)) {
            a->name = aggregations[i];
            return 0;
        }
    if (text.len > 3 && !strncmp(text.at, "p(", 2) && text.at[text.len - 1] == ')') {
        const struct piece inner = trim(text.at + 2, text.len - 3);
        if (!threshold_number(inner.at, inner.len, &n) || !(n.value >= 0 && n.value <= 100))
            return threshold_wrong(e, 3, "p(N) takes a number from 0 to 100, such as p(95)");
        *a = (struct k6_aggregation){"p", n.value / 100};
        return 0;
    }
    if (text.len == 0)
        return threshold_wrong(e, 1, "there is nothing in front of the operator: write p(95)<300");
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)(text.len < 31 ? text.len : 31), text.at);
    const char *near = threshold_nearest(word, aggregations, AGGREGATIONS);
    if (text.len > 0 && text.at[0] == 'p' && text.len > 1 && isdigit((unsigned char)text.at[1]))
        return threshold_wrong(e, 1, "'%s' is no aggregation: did you mean p(%s)?", word, word + 1);
    return threshold_wrong(e, 1, "'%s' is no aggregation: %s%s%s", word,
                           near ? "did you mean " : "there are count, rate, value, avg, min, max, ",
                           near ? near : "med and p(N)", near ? "?" : "");
}

static int wrong_number(struct piece text, size_t column, struct threshold_error *e)
{
    return threshold_wrong(e, column, "'%.*s' is no number: write one without unit, such as 300",
                           (int)(text.len < 60 ? text.len : 60), text.at);
}

static int read_expression(const char *text, struct threshold *t, struct k6_aggregation *a,
                           struct threshold_error *e)
{
    size_t len = 0;
    const char *at = find_operator(text, &t->op, &len);
    if (!at)
        return threshold_wrong(e, strlen(text) + 1,
                               "there is no operator and number: write it as p(95)<300");
    const struct piece left = trim(text, (size_t)(at - text));
    const struct piece right = trim(at + len, strlen(at + len));
    if (read_aggregation(left, a, e) != 0) {
        e->column += (size_t)(left.at - text);
        return -1;
    }
    if (!threshold_number(right.at, right.len, &t->limit))
        return wrong_number(right, (size_t)(right.at - text) + 1, e);
    return 0;
}

static char *written(const char *key, const char *expression)
{
    struct sbuf text = {0};
    const struct piece k = trim(key, strlen(key)), x = trim(expression, strlen(expression));
    sbuf_addf(&text, "%.*s %.*s", (int)k.len, k.at, (int)x.len, x.at);
    return sbuf_take(&text);
}

int threshold_parse_k6(const char *key, const char *expression, struct threshold *t,
                       struct threshold_error *e, bool *is_key)
{
    struct k6_aggregation a = {"", 0};
    char *metric = NULL;
    threshold_init(t);
    t->is_k6 = *is_key = true;
    int rc = read_key(key, t, &metric, e);
    if (rc == 0) {
        *is_key = false;
        rc = read_expression(expression, t, &a, e);
    }
    if (rc == 0)
        rc = threshold_take_k6(t, metric, a, e);
    free(metric);
    if (rc == 0) {
        t->text = written(key, expression);
        rc = threshold_settle(t, e, 1);
    }
    if (rc != 0)
        threshold_fini(t);
    return rc;
}
