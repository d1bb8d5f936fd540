// SPDX-License-Identifier: MIT
/* grammar: our own, read from the left to the right by hand: few rules, and each place where one
 * may go wrong has words of its own. Stats and selectors: grammar_subject.c, limits:
 * grammar_value.c, what follows a comma: grammar_action.c, what the parts say together:
 * grammar_settle.c. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/scan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- operators, windows ---- */

static int read_op(struct scan *s, struct threshold *t)
{
    static const struct {
        const char *text;
        enum threshold_op op;
    } ops[] = {{"<=", OP_LESS_EQUAL}, {"<", OP_LESS},   {">=", OP_MORE_EQUAL}, {">", OP_MORE},
               {"===", OP_EQUAL},     {"==", OP_EQUAL}, {"!=", OP_NOT_EQUAL}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const size_t len = strlen(ops[i].text);
        if (strncmp(s->p, ops[i].text, len) != 0)
            continue;
        t->op = ops[i].op;
        s->p += len;
        return 0;
    }
    if (*s->p == '=' && (s->p[1] == '<' || s->p[1] == '>'))
        return WRONG(s, "'=%c' is no operator: did you mean %c=?", s->p[1], s->p[1]);
    if (*s->p == '=')
        return WRONG(s, "'=' is no operator: did you mean ==?");
    if (!*s->p)
        return WRONG(s, "there is no operator and limit: write < 300ms, for example");
    return WRONG(s, "'%.30s' is no operator: write <, <=, >, >=, == or !=", s->p);
}

static int read_window(struct scan *s, struct threshold *t)
{
    static const struct {
        const char *word;
        enum threshold_mode mode;
    } modes[] = {{"for", MODE_FOR}, {"within", MODE_WITHIN}, {"over", MODE_OVER}};
    static const char *const words[] = {"for", "within", "over"};
    if (!*s->p || *s->p == ',')
        return 0;
    for (size_t i = 0; i < 3; i++) {
        double seconds = 0;
        if (!scan_take_word(s, modes[i].word))
            continue;
        scan_blanks(s);
        const char *at = s->p;
        if (scan_seconds(s, &seconds) != 0)
            return -1;
        if (seconds < 1 || seconds > 86400 || seconds > floor(seconds)) {
            s->p = at;
            return WRONG(s, "a window is whole seconds, 1s to 24h");
        }
        t->mode = modes[i].mode;
        t->window_s = (unsigned)seconds;
        return 0;
    }
    if (scan_is_action(s))
        return WRONG(s, "a comma is missing in front of '%.*s'", (int)scan_word_len(s), s->p);
    char word[32];
    const size_t len = scan_word_len(s);
    snprintf(word, sizeof word, "%.*s", (int)(len && len < 31 ? len : 10), s->p);
    const char *near = threshold_nearest(word, words, 3);
    return WRONG(s, "'%s' is no window%s%s%s", word, near ? ": did you mean " : "",
                 near ? near : ": write for 30s, within 30s or over 30s", near ? "?" : "");
}

/* ---- the whole ---- */

/* Where the text in front of a colon ends, if there is one: outside quotes and braces, and before
 * anything is compared. 0: none. */
static size_t name_len(const char *text)
{
    char quote = '\0';
    size_t depth = 0;
    for (const char *p = text; *p; p++) {
        if (quote) {
            quote = *p == quote ? '\0' : quote;
            continue;
        }
        if (*p == '\'' || *p == '"')
            quote = *p;
        else if (*p == '{' || *p == '(')
            depth++;
        else if ((*p == '}' || *p == ')') && depth > 0)
            depth--;
        else if (strchr("<>=!", *p))
            return 0;
        else if (*p == ':' && depth == 0)
            return (size_t)(p - text);
    }
    return 0;
}

/* k6's key and expression on one line, with a colon between, as they stand in its scripts. */
static bool is_k6_line(const char *text, size_t name)
{
    const size_t len = strcspn(text, "{: ");
    return len <= name && threshold_is_k6_metric(text, len);
}

static int parse_k6_line(const char *text, size_t name, struct threshold *t,
                         struct threshold_error *e)
{
    char *key = mem_dup(text, name);
    bool is_key = false;
    const int rc = threshold_parse_k6(key, text + name + 1, t, e, &is_key);
    if (rc != 0 && !is_key)
        e->column += name + 1;
    free(key);
    return rc;
}

static void take_name(struct threshold *t, const char *text, size_t len)
{
    while (len && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    if (len >= 2 && (*text == '"' || *text == '\'') && text[len - 1] == *text) {
        text++;
        len -= 2;
    }
    t->name = len ? mem_dup(text, len) : NULL;
}

static int read_all(struct scan *s, struct threshold *t)
{
    scan_blanks(s);
    const char *from = s->p;
    if (scan_stat(s, t) != 0)
        return -1;
    scan_blanks(s);
    if (scan_take_word(s, "of")) {
        if (t->tag_count && t->scope != SCOPE_METRIC)
            return WRONG(s, "of some requests, write count of {status:%s,name:/cart}",
                         t->tags[0].value);
        scan_blanks(s);
        if (scan_selector(s, t) != 0)
            return -1;
        scan_blanks(s);
    }
    if (read_op(s, t) != 0)
        return -1;
    scan_blanks(s);
    s->limit_at = COLUMN(s);
    if (scan_value(s, t) != 0)
        return -1;
    scan_blanks(s);
    if (read_window(s, t) != 0 || scan_actions(s, t) != 0)
        return -1;
    size_t len = strlen(from);
    while (len && isspace((unsigned char)from[len - 1]))
        len--;
    t->text = mem_dup(from, len);
    return 0;
}

int threshold_parse(const char *text, struct threshold *t, struct threshold_error *e)
{
    const size_t name = name_len(text);
    if (name > 0 && is_k6_line(text, name))
        return parse_k6_line(text, name, t, e);
    struct scan s = {.text = text, .p = text + name + (name > 0), .e = e};
    const char *stat = s.p + strspn(s.p, " \t");
    threshold_init(t);
    if (name > 0)
        take_name(t, text, name);
    if (read_all(&s, t) == 0 && threshold_settle(t, e, (size_t)(stat - text) + 1) == 0 &&
        threshold_settle_limit(t, e, s.limit_at) == 0)
        return 0;
    threshold_fini(t);
    return -1;
}

/* ---- parts by themselves ---- */

static int part(int rc, struct scan *s)
{
    return rc == 0 ? scan_end(s) : rc;
}

int threshold_parse_stat(const char *text, struct threshold *t, struct threshold_error *e)
{
    struct scan s = {.text = text, .p = text, .e = e};
    scan_blanks(&s);
    return part(scan_stat(&s, t), &s);
}

int threshold_parse_selector(const char *text, struct threshold *t, struct threshold_error *e)
{
    struct scan s = {.text = text, .p = text, .e = e};
    scan_blanks(&s);
    return part(scan_selector(&s, t), &s);
}

int threshold_parse_op(const char *text, struct threshold *t, struct threshold_error *e)
{
    struct scan s = {.text = text, .p = text, .e = e};
    scan_blanks(&s);
    return part(read_op(&s, t), &s);
}

int threshold_parse_value(const char *text, struct threshold *t, struct threshold_error *e)
{
    struct scan s = {.text = text, .p = text, .e = e};
    scan_blanks(&s);
    return part(scan_value(&s, t), &s);
}

int threshold_parse_seconds(const char *text, double *seconds, struct threshold_error *e)
{
    struct scan s = {.text = text, .p = text, .e = e};
    scan_blanks(&s);
    return part(scan_seconds(&s, seconds), &s);
}
