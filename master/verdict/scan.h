// SPDX-License-Identifier: MIT
#pragma once
/* scan: private to the grammar*.c files: a place in a text, and what is read there. Each reader
 * moves the place behind what it took; 0, or -1 and the error. */
#include "master/verdict/grammar.h"
#include <ctype.h>
#include <string.h>

struct scan {
    const char *text, *p;
    struct threshold_error *e;
    size_t limit_at; /* column of the limit, once it was come to */
};

#define COLUMN(s) ((size_t)((s)->p - (s)->text) + 1)
#define WRONG(s, ...) threshold_wrong((s)->e, COLUMN(s), __VA_ARGS__)

static inline void scan_blanks(struct scan *s)
{
    while (isspace((unsigned char)*s->p))
        s->p++;
}

static inline bool scan_is_word_sign(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static inline size_t scan_word_len(const struct scan *s)
{
    size_t n = 0;
    while (scan_is_word_sign(s->p[n]))
        n++;
    return n;
}

static inline bool scan_is_word(const struct scan *s, const char *word)
{
    const size_t len = strlen(word);
    return strncmp(s->p, word, len) == 0 && !scan_is_word_sign(s->p[len]);
}

/* Takes the word if it is the next one. */
static inline bool scan_take_word(struct scan *s, const char *word)
{
    if (!scan_is_word(s, word))
        return false;
    s->p += strlen(word);
    return true;
}

size_t scan_number_len(const char *p);
int scan_value(struct scan *s, struct threshold *t); /* the limit, by the unit of t */
/* A length of time of ours: a bare number is seconds. */
int scan_seconds(struct scan *s, double *seconds);
int scan_stat(struct scan *s, struct threshold *t);
int scan_goodput(struct scan *s, struct threshold *t); /* behind that word */
int scan_selector(struct scan *s, struct threshold *t);
int scan_actions(struct scan *s, struct threshold *t); /* to the end of the text */
bool scan_is_action(const struct scan *s);             /* one of its words is the next one */

static inline int scan_end(struct scan *s)
{
    scan_blanks(s);
    return *s->p ? WRONG(s, "'%.40s' is too much", s->p) : 0;
}
