// SPDX-License-Identifier: MIT
/* grammar_subject: what is measured, and where. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/scan.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- stats ---- */

static const struct stat_word {
    const char *word;
    enum threshold_stat stat;
    enum threshold_unit unit;
    double share;
} stat_words[] = {{"avg", STAT_MEAN, UNIT_MS, 0},
                  {"mean", STAT_MEAN, UNIT_MS, 0},
                  {"min", STAT_MIN, UNIT_MS, 0},
                  {"max", STAT_MAX, UNIT_MS, 0},
                  {"med", STAT_QUANTILE, UNIT_MS, 0.5},
                  {"median", STAT_QUANTILE, UNIT_MS, 0.5},
                  {"stdev", STAT_STDEV, UNIT_MS, 0},
                  {"count", STAT_COUNT, UNIT_COUNT, 0},
                  {"rps", STAT_RPS, UNIT_RATE, 0},
                  {"fail_ratio", STAT_FAIL_RATIO, UNIT_RATIO, 0},
                  {"fails", STAT_FAILS, UNIT_COUNT, 0},
                  {"check_ratio", STAT_RATE, UNIT_RATIO, 0},
                  {"goodput", STAT_RATE, UNIT_RATIO, 0},
                  {"rate", STAT_RATE, UNIT_ANY, 0},
                  {"value", STAT_VALUE, UNIT_ANY, 0},
                  {"cut", STAT_CUT, UNIT_COUNT, 0},
                  {"dropped", STAT_DROPPED, UNIT_COUNT, 0},
                  {"sent", STAT_SENT, UNIT_BYTES, 0},
                  {"received", STAT_RECEIVED, UNIT_BYTES, 0},
                  {"users", STAT_USERS, UNIT_COUNT, 0},
                  {"worker_cpu", STAT_WORKER_CPU, UNIT_PERCENT, 0},
                  {"loop_lag_p99", STAT_LOOP_LAG, UNIT_MS, 0},
                  {"late_p99", STAT_LATE, UNIT_MS, 0.99},
                  {"p95", STAT_QUANTILE, UNIT_MS, 0.95},
                  {"apdex", STAT_APDEX, UNIT_RATIO, 0},
                  {"status", STAT_STATUS, UNIT_COUNT, 0}};
#define STAT_WORDS (sizeof stat_words / sizeof *stat_words)

static int unknown_stat(struct scan *s, size_t len)
{
    char word[40];
    const char *names[STAT_WORDS];
    for (size_t i = 0; i < STAT_WORDS; i++)
        names[i] = stat_words[i].word;
    snprintf(word, sizeof word, "%.*s", (int)(len < 39 ? len : 39), s->p);
    if (len == 0)
        return WRONG(s, "there is nothing to measure: begin with p95, avg, rps, fail_ratio ...");
    const char *near = threshold_nearest(word, names, STAT_WORDS);
    return WRONG(s, "'%s' is nothing that can be measured%s%s%s", word,
                 near ? ": did you mean " : ": there are p95, avg, max, rps, fail_ratio ...",
                 near ? near : "", near ? "?" : "");
}

/* "95", "99.9" or "(99.9)", behind the p. */
static int read_share(struct scan *s, struct threshold *t)
{
    struct threshold_limit n;
    const bool is_bracketed = *s->p == '(';
    s->p += is_bracketed;
    size_t len = strspn(s->p, "0123456789.");
    if (!threshold_number(s->p, len, &n) || !(n.value >= 0 && n.value <= 100))
        return WRONG(s, "a percentile is a number from 0 to 100, such as p95 or p(99.9)");
    s->p += len;
    if (is_bracketed && *s->p++ != ')')
        return threshold_wrong(s->e, COLUMN(s) - 1, "'(' has no ')'");
    t->share = n.value / 100;
    return 0;
}

static int read_apdex(struct scan *s, struct threshold *t)
{
    double seconds = 0;
    if (*s->p++ != '(')
        return threshold_wrong(s->e, COLUMN(s) - 1, "write apdex(500ms): the time that satisfies");
    const char *at = s->p;
    if (scan_seconds(s, &seconds) != 0)
        return -1;
    if (*s->p++ != ')')
        return threshold_wrong(s->e, COLUMN(s) - 1, "'(' has no ')'");
    const bool is_bare = strspn(at, "0123456789.") == (size_t)(s->p - 1 - at);
    t->parameter = is_bare ? seconds : seconds * 1000;
    return 0;
}

/* "(404)" */
static bool is_one_status(const char *p)
{
    return *p == '(' && p[1] >= '1' && p[1] <= '5' && isdigit((unsigned char)p[2]) &&
           isdigit((unsigned char)p[3]) && p[4] == ')';
}

static int read_status(struct scan *s, struct threshold *t)
{
    if (*s->p == '(' && s->p[1] >= '1' && s->p[1] <= '5' && !strncmp(s->p + 2, "xx)", 3)) {
        t->parameter = s->p[1] - '0';
        s->p += 5;
        return 0;
    }
    if (strncmp(s->p, "(none)", 6) == 0) {
        s->p += 6;
        return 0;
    }
    if (is_one_status(s->p)) { /* rows keep classes only, but requests have it as a tag */
        char tag[] = "status:404";
        memcpy(tag + 7, s->p + 1, 3);
        t->stat = STAT_COUNT;
        t->scope = SCOPE_TAGS;
        s->p += 5;
        return threshold_take_tags(t, tag, strlen(tag), s->e);
    }
    return WRONG(s, "write status(5xx), or status(none) where no answer came");
}

#define CORRECTED "corrected_p"

int scan_stat(struct scan *s, struct threshold *t)
{
    const size_t len = scan_word_len(s);
    const bool is_late = strncmp(s->p, "late_p", 6) == 0;
    const bool is_corrected = strncmp(s->p, CORRECTED, strlen(CORRECTED)) == 0;
    const char *digits = s->p + (is_late ? 6 : is_corrected ? strlen(CORRECTED) : 1);
    if ((is_late || is_corrected || *s->p == 'p') &&
        (isdigit((unsigned char)*digits) || *digits == '(')) {
        t->stat = is_late ? STAT_LATE : STAT_QUANTILE;
        t->unit = UNIT_MS;
        t->field = is_corrected ? FIELD_CORRECTED : t->field;
        s->p = digits;
        return read_share(s, t);
    }
    for (size_t i = 0; i < STAT_WORDS; i++) {
        const struct stat_word *w = &stat_words[i];
        if (strlen(w->word) != len || strncmp(w->word, s->p, len) != 0)
            continue;
        t->stat = w->stat;
        t->unit = w->unit;
        t->share = w->share;
        s->p += len;
        if (strcmp(w->word, "check_ratio") == 0) {
            t->metric = mem_strdup("checks");
            t->scope = SCOPE_METRIC;
        }
        if (strcmp(w->word, "goodput") == 0)
            return scan_goodput(s, t);
        return w->stat == STAT_APDEX    ? read_apdex(s, t)
               : w->stat == STAT_STATUS ? read_status(s, t)
                                        : 0;
    }
    return unknown_stat(s, len);
}

/* ---- selectors ---- */

/* A quoted text, or signs up to a blank, into out. */
static int read_text(struct scan *s, struct sbuf *out, bool *is_quoted)
{
    const char quote = *s->p;
    *is_quoted = quote == '\'' || quote == '"';
    if (!*is_quoted) {
        while (*s->p && !isspace((unsigned char)*s->p) && !strchr("<>=!,", *s->p))
            sbuf_addc(out, *s->p++);
        return out->len ? 0
                        : WRONG(s, "there is no name behind it: quote one, such as 'GET /cart'");
    }
    const char *end = strchr(s->p + 1, quote);
    if (!end)
        return WRONG(s, "the quote has no end");
    sbuf_add(out, s->p + 1, (size_t)(end - s->p - 1));
    s->p = end + 1;
    return out->len ? 0
                    : threshold_wrong(s->e, COLUMN(s) - 2, "there is nothing between the quotes");
}

static bool is_method(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isupper((unsigned char)text[i]) && text[i] != '*')
            return false;
    return len > 0;
}

/* "GET /cart": a method and a name; "/cart": a name of any method. */
static void take_rows(struct threshold *t, const char *text)
{
    const size_t len = strcspn(text, " ");
    const bool has_method = text[len] && is_method(text, len);
    t->scope = SCOPE_ROWS;
    t->method = has_method ? mem_dup(text, len) : mem_strdup("");
    t->row = mem_strdup(has_method ? text + len + strspn(text + len, " ") : text);
    if (strcmp(t->method, "*") == 0)
        t->method[0] = '\0';
}

static bool is_metric_name(const char *text)
{
    for (size_t i = 0; text[i]; i++)
        if (!scan_is_word_sign(text[i]) && (i == 0 || text[i] != '.'))
            return false;
    return *text && !isdigit((unsigned char)*text);
}

static int read_tags(struct scan *s, struct threshold *t)
{
    const char *end = strchr(s->p, '}');
    if (!end)
        return WRONG(s, "'{' has no '}'");
    if (threshold_take_tags(t, s->p + 1, (size_t)(end - s->p - 1), s->e) != 0) {
        s->e->column += COLUMN(s);
        return -1;
    }
    s->p = end + 1;
    return 0;
}

const char *threshold_aggregation(const struct threshold *t)
{
    static const struct {
        enum threshold_stat stat;
        const char *word;
    } words[] = {{STAT_QUANTILE, "p"},  {STAT_MEAN, "avg"},    {STAT_MIN, "min"},
                 {STAT_MAX, "max"},     {STAT_STDEV, "stdev"}, {STAT_COUNT, "count"},
                 {STAT_VALUE, "value"}, {STAT_RATE, "rate"},   {STAT_RPS, "rate"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].stat == t->stat)
            return words[i].word;
    return NULL;
}

static int take_metric(struct scan *s, struct threshold *t, const char *name, size_t column)
{
    const char *aggregation = threshold_aggregation(t);
    char stat[40];
    if (!aggregation) {
        threshold_stat_name(t, stat, sizeof stat);
        return threshold_wrong(s->e, column,
                               "%s is not of a metric: quote '%.60s' if it is the name of a row",
                               stat, name);
    }
    if (*s->p == '{' && read_tags(s, t) != 0)
        return -1;
    if (threshold_take_k6(t, name, (struct k6_aggregation){aggregation, t->share}, s->e) == 0)
        return 0;
    s->e->column = column;
    return -1;
}

static const struct {
    const char *word;
    enum threshold_scope scope;
} scopes[] = {{"group", SCOPE_GROUP}, {"class", SCOPE_CLASS}, {"worker", SCOPE_WORKER}};

static bool is_before_quote(const char *p)
{
    const char *next = p + strspn(p, " ");
    return next > p && (*next == '\'' || *next == '"');
}

static int unknown_scope(struct scan *s, const char *word, size_t column)
{
    static const char *const words[] = {"group", "class", "worker"};
    const char *near = threshold_nearest(word, words, 3);
    return threshold_wrong(s->e, column, "'%.30s' is nothing that can be looked at: %s%s%s", word,
                           near ? "did you mean " : "there are group, class, worker, '",
                           near ? near : "METHOD name", near ? "?" : "'");
}

int scan_selector(struct scan *s, struct threshold *t)
{
    struct sbuf text = {0};
    bool is_quoted = false;
    int rc = 0;
    const size_t column = COLUMN(s);
    if (*s->p == '{') {
        t->scope = t->metric ? SCOPE_METRIC : SCOPE_TAGS; /* check_ratio and goodput have one */
        return read_tags(s, t);
    }
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        const char *behind = s->p + strlen(scopes[i].word);
        if (!scan_is_word(s, scopes[i].word) || *behind == '.' || *behind == '{')
            continue;
        s->p = behind;
        scan_blanks(s);
        rc = read_text(s, &text, &is_quoted);
        t->scope = scopes[i].scope;
        t->row = text.data ? sbuf_take(&text) : mem_strdup("");
        return rc;
    }
    rc = read_text(s, &text, &is_quoted);
    const char *brace = !is_quoted && text.data ? strchr(text.data, '{') : NULL;
    if (rc == 0 && brace) { /* the tags may hold anything */
        s->p -= text.len - (size_t)(brace - text.data);
        text.len = (size_t)(brace - text.data);
        text.data[text.len] = '\0';
    }
    if (rc == 0 && !is_quoted && is_method(text.data, text.len) && *s->p == ' ' &&
        s->p[1] == '/') { /* GET /cart without quotes */
        sbuf_addc(&text, *s->p++);
        rc = read_text(s, &text, &is_quoted);
    }
    if (rc == 0 && !is_quoted && is_before_quote(s->p))
        rc = unknown_scope(s, text.data, column);
    else if (rc == 0 && !is_quoted && is_metric_name(text.data))
        rc = take_metric(s, t, text.data, column);
    else if (rc == 0)
        take_rows(t, text.data);
    sbuf_fini(&text);
    return rc;
}
