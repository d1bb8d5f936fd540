// SPDX-License-Identifier: MIT
/* grammar_action: what may follow a threshold, each behind a comma, and each once. */
#include "master/verdict/scan.h"
#include "common/base/mem.h"
#include <stdio.h>

static const char *const words[] = {"stop",   "continue",    "warn",   "after",
                                    "warmup", "min_samples", "no_data"};
static const enum threshold_setting says[] = {SAID_ACTION, SAID_ACTION,  SAID_ACTION, SAID_AFTER,
                                              SAID_WARMUP, SAID_SAMPLES, SAID_NO_DATA};
#define WORDS (sizeof words / sizeof *words)

static const char *word_of(enum threshold_action action)
{
    return words[action == ACTION_STOP ? 0 : action == ACTION_CONTINUE ? 1 : 2];
}

static int read_no_data(struct scan *s, struct threshold *t)
{
    if (scan_take_word(s, "pass"))
        t->no_data = NO_DATA_PASS;
    else if (scan_take_word(s, "warn"))
        t->no_data = NO_DATA_WARN;
    else if (scan_take_word(s, "fail"))
        t->no_data = NO_DATA_FAIL;
    else
        return WRONG(s, "no_data is one of fail, pass and warn");
    return 0;
}

static int read_samples(struct scan *s, struct threshold *t)
{
    struct threshold_limit n;
    const size_t len = strspn(s->p, "0123456789");
    if (!threshold_number(s->p, len, &n) || n.value < 1 || n.value > 1e12)
        return WRONG(s, "min_samples is a whole number from 1");
    t->min_samples = (uint64_t)n.value;
    s->p += len;
    return 0;
}

static int read_setting(struct scan *s, struct threshold *t, enum threshold_setting what)
{
    scan_blanks(s);
    if (*s->p == '=')
        s->p++;
    scan_blanks(s);
    if (what == SAID_AFTER)
        return scan_seconds(s, &t->after_s);
    if (what == SAID_WARMUP)
        return scan_seconds(s, &t->warmup_s);
    return what == SAID_NO_DATA ? read_no_data(s, t) : read_samples(s, t);
}

/* stop=NAME */
static int read_scenario(struct scan *s, struct threshold *t)
{
    scan_blanks(s);
    if (*s->p != '=')
        return 0;
    s->p++;
    scan_blanks(s);
    size_t len = 0;
    while (scan_is_word_sign(s->p[len]) || s->p[len] == '-')
        len++;
    if (!len)
        return WRONG(s, "stop= is followed by the name of a scenario");
    t->scenario = mem_zalloc(len + 1);
    memcpy(t->scenario, s->p, len);
    s->p += len;
    return 0;
}

/* column: of the word. */
static int refuse_again(struct scan *s, const struct threshold *t, const char *word, size_t column)
{
    const char *before = word_of(t->action);
    const bool is_action = word == words[0] || word == words[1] || word == words[2];
    if (is_action && word != before)
        return threshold_wrong(s->e, column, "'%s' contradicts '%s' in front of it: write one",
                               word, before);
    return threshold_wrong(s->e, column, "'%s' stands there twice", word);
}

static int unknown(struct scan *s)
{
    char word[32];
    const size_t len = scan_word_len(s);
    snprintf(word, sizeof word, "%.*s", (int)(len < 31 ? len : 31), s->p);
    const char *near = threshold_nearest(word, words, WORDS);
    return WRONG(s, "'%s' is nothing that can follow: %s%s%s", word,
                 near ? "did you mean " : "there are stop, continue, warn, after=, warmup=, ",
                 near ? near : "min_samples= and no_data=", near ? "?" : "");
}

static int read_action(struct scan *s, struct threshold *t)
{
    const size_t column = COLUMN(s);
    for (size_t i = 0; i < WORDS; i++) {
        if (!scan_take_word(s, words[i]))
            continue;
        if (t->said & says[i])
            return refuse_again(s, t, words[i], column);
        t->said |= says[i];
        if (says[i] != SAID_ACTION)
            return read_setting(s, t, says[i]);
        t->action = i == 0 ? ACTION_STOP : i == 1 ? ACTION_CONTINUE : ACTION_WARN;
        return i == 0 ? read_scenario(s, t) : 0;
    }
    return unknown(s);
}

bool scan_is_action(const struct scan *s)
{
    for (size_t i = 0; i < WORDS; i++)
        if (scan_is_word(s, words[i]))
            return true;
    return false;
}

int scan_actions(struct scan *s, struct threshold *t)
{
    for (scan_blanks(s); *s->p == ','; scan_blanks(s)) {
        s->p++;
        scan_blanks(s);
        const size_t column = COLUMN(s);
        if (read_action(s, t) != 0 || threshold_settle_actions(t, s->e, column) != 0)
            return -1;
    }
    return scan_end(s);
}
