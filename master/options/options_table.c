// SPDX-License-Identifier: MIT
/* options_table: the table of options, and finding a name in it.
 *
 * A long name may be shortened as long as only one option begins with it; options that exist only
 * to be rejected with a hint do not make a prefix ambiguous. The nearest name is the one with the
 * fewest insertions and deletions in relation to the length of both words, if these are less than
 * half; a common beginning counts extra, as people rarely get the first letters wrong.
 */
#include "master/options/options_table.h"
#include <string.h>

#define AT(field) offsetof(struct options, field)
#define GROUP(title, text) {.group = (title), .note = (text)},
#define ACTION(k, s, n, m, h)                                                                      \
    {.kind = (k),                                                                                  \
     .short_name = (s),                                                                            \
     .word = "--" n,                                                                               \
     .name = n,                                                                                    \
     .help = (h),                                                                                  \
     .marks = OPTION_FIRST | OPTION_TYPED | (m)},
#define FLAG(f, s, n, e, d, m, h)                                                                  \
    {.kind = OPTION_FLAG,                                                                          \
     .short_name = (s),                                                                            \
     .word = "--" n,                                                                               \
     .name = n,                                                                                    \
     .env = (e),                                                                                   \
     .dest = (d),                                                                                  \
     .marks = (m),                                                                                 \
     .help = (h),                                                                                  \
     .offset = AT(f),                                                                              \
     .expects = "true or false"},
#define TEXT(f, s, n, e, d, k, i, m, v, x, h)                                                      \
    {.kind = (k),                                                                                  \
     .short_name = (s),                                                                            \
     .word = "--" n,                                                                               \
     .name = n,                                                                                    \
     .env = (e),                                                                                   \
     .dest = (d),                                                                                  \
     .initial_text = (i),                                                                          \
     .marks = (m),                                                                                 \
     .metavar = (v),                                                                               \
     .expects = (x),                                                                               \
     .help = (h),                                                                                  \
     .offset = AT(f)},
#define NUMBER(f, s, n, e, d, k, i, lo, hi, m, v, x, h)                                            \
    {.kind = (k),                                                                                  \
     .short_name = (s),                                                                            \
     .word = "--" n,                                                                               \
     .name = n,                                                                                    \
     .env = (e),                                                                                   \
     .dest = (d),                                                                                  \
     .initial = (i),                                                                               \
     .min = (lo),                                                                                  \
     .max = (hi),                                                                                  \
     .marks = (m),                                                                                 \
     .metavar = (v),                                                                               \
     .expects = (x),                                                                               \
     .help = (h),                                                                                  \
     .offset = AT(f)},
#define CHOICE(f, s, n, e, d, i, m, v, c, x, h)                                                    \
    {.kind = OPTION_CHOICE,                                                                        \
     .short_name = (s),                                                                            \
     .word = "--" n,                                                                               \
     .name = n,                                                                                    \
     .env = (e),                                                                                   \
     .dest = (d),                                                                                  \
     .initial_text = (i),                                                                          \
     .marks = (m),                                                                                 \
     .metavar = (v),                                                                               \
     .choices = (c),                                                                               \
     .expects = (x),                                                                               \
     .help = (h),                                                                                  \
     .offset = AT(f)},
#define LEGACY(n, e, d, m, x, h)                                                                   \
    {.kind = OPTION_LEGACY,                                                                        \
     .word = "--" n,                                                                               \
     .name = n,                                                                                    \
     .env = (e),                                                                                   \
     .dest = (d),                                                                                  \
     .expects = (x),                                                                               \
     .help = (h),                                                                                  \
     .marks = OPTION_HIDDEN | (m)},

// clang-format off
const struct option_def option_table[] = {
#include "master/options/options.def"
};
// clang-format on
const size_t option_count = sizeof option_table / sizeof option_table[0];

const struct option_def *option_find(const char *name, size_t len, unsigned marks, size_t *fitting)
{
    const struct option_def *found = NULL, *legacy = NULL;
    size_t hits = 0;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (!d->name || (d->marks & marks) != marks || (d->marks & OPTION_APART) ||
            strncmp(d->name, name, len) != 0)
            continue;
        if (!d->name[len]) {
            found = d;
            hits = 1;
            break;
        }
        if (d->kind == OPTION_LEGACY)
            legacy = d;
        else if (hits++ == 0)
            found = d;
    }
    if (hits == 0 && legacy) {
        found = legacy;
        hits = 1;
    }
    if (fitting)
        *fitting = len ? hits : 0;
    return hits == 1 && len ? found : NULL;
}

const struct option_def *option_find_apart(const char *word, const char *next)
{
    const size_t len = strcspn(word, "=");
    const char *value = word[len] ? word + len + 1 : next;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if ((d->marks & OPTION_APART) && strlen(d->word) == len && strncmp(d->word, word, len) == 0)
            return value && value[0] != '-' && strchr(value, '=') ? d : NULL;
    }
    return NULL;
}

const struct option_def *option_find_short(char name)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].short_name == name && name)
            return &option_table[i];
    return NULL;
}

/* Length of the longest common subsequence of two short words. */
static size_t common_letters(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[OPTIONS_WORD_MAX + 1] = {0};
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = 0;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            if (a[i - 1] == b[j - 1])
                row[j] = diagonal + 1;
            else if (row[j - 1] > above)
                row[j] = row[j - 1];
            diagonal = above;
        }
    }
    return row[b_len];
}

double options_likeness(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b), same = 0;
    if (a_len + b_len == 0 || a_len > OPTIONS_WORD_MAX || b_len > OPTIONS_WORD_MAX)
        return 0;
    double l = 2.0 * (double)common_letters(a, a_len, b, b_len) / (double)(a_len + b_len);
    while (same < 6 && a[same] && a[same] == b[same])
        same++;
    return l < 0.6 ? 0 : l + (1 - l) * 0.1 * (double)same;
}

const char *options_nearest_name(const char *word, double least,
                                 const char *(*name)(const void *of, size_t i), const void *of,
                                 size_t count)
{
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const double likeness = options_likeness(word, name(of, i));
        if (likeness >= least && likeness > 0 && (!best || likeness > least)) {
            least = likeness;
            best = name(of, i);
        }
    }
    return best;
}

const char *options_nearest(const char *word, const char *const *more, size_t more_count)
{
    char bare[OPTIONS_WORD_MAX + 1];
    size_t len = strcspn(word, "=");
    if (len > OPTIONS_WORD_MAX)
        return NULL;
    memcpy(bare, word, len);
    bare[len] = '\0';

    const char *best = NULL;
    double best_likeness = 0;
    for (size_t i = 0; i < option_count + more_count; i++) {
        const struct option_def *d = i < option_count ? &option_table[i] : NULL;
        if (d && (!d->name || d->marks & OPTION_HIDDEN))
            continue;
        const char *candidate = d ? d->word : more[i - option_count];
        double l = options_likeness(bare, candidate);
        if (l > best_likeness) {
            best = candidate;
            best_likeness = l;
        }
    }
    return best;
}
