// SPDX-License-Identifier: MIT
/* options_words: refusals in the words that Locust has for them, for those who call us by its name:
 * scripts and wrappers look for these. What Locust would take and we refuse has our words only.
 */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options_table.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int option_refuse(int code, const char *words, const char *mend)
{
    if (options_is_locust())
        fprintf(stderr, "%s\n", words);
    else
        option_error("%s%s", words, mend);
    return code;
}

void option_label(char *label, size_t size, const struct option_def *d)
{
    if (d->short_name && d->marks & OPTION_LONG_FIRST && options_is_locust())
        snprintf(label, size, "argument %s/-%c", d->word, d->short_name);
    else if (d->short_name)
        snprintf(label, size, "argument -%c/%s", d->short_name, d->word);
    else
        snprintf(label, size, "argument %s", d->word);
}

static bool is_whole(const char *text)
{
    char *end;
    text += strspn(text, " \t\r\n");
    if (*text == '-' || *text == '+')
        text++;
    if (!isdigit((unsigned char)*text))
        return false;
    strtol(text, &end, 10);
    return !end[strspn(end, " \t\r\n")];
}

static void of_rate(struct sbuf *out, const char *text)
{
    char *end;
    double n = strtod(text, &end);
    if (end == text || end[strspn(end, " \t\r\n")])
        sbuf_addf(out, "invalid checker value: '%.200s'", text);
    else
        sbuf_adds(out, isfinite(n) ? "must be > 0" : "must be a finite number");
}

static void of_whole(struct sbuf *out, const struct option_def *d, const char *text)
{
    if (!is_whole(text))
        sbuf_addf(out, "invalid int value: '%.200s'", text);
    else if (d->kind == OPTION_COUNT)
        sbuf_addf(out, "Invalid %s argument (%ld), must be a positive number", d->word,
                  strtol(text, NULL, 10));
}

static void of_choice(struct sbuf *out, const struct option_def *d, const char *text)
{
    sbuf_addf(out, "invalid choice: '%.200s' (choose from ", text);
    const char *between = "";
    for (const char *c = d->choices; *c; c += strspn(c, " ")) {
        size_t len = strcspn(c, " ");
        sbuf_addf(out, "%s'%.*s'", between, (int)len, c);
        between = ", ";
        c += len;
    }
    sbuf_addc(out, ')');
}

char *option_locusts_words(const struct option_def *d, const char *text)
{
    struct sbuf out = {0};
    if (!options_is_locust())
        return NULL;
    if (d->kind == OPTION_RATE)
        of_rate(&out, text);
    else if (d->kind == OPTION_INT || d->kind == OPTION_COUNT || d->kind == OPTION_WHOLE)
        of_whole(&out, d, text);
    else if (d->kind == OPTION_SPAN)
        sbuf_adds(&out, "Invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, "
                        "3h30m10s, etc.");
    else if (d->kind == OPTION_CHOICE)
        of_choice(&out, d, text);
    return out.len ? sbuf_take(&out) : NULL;
}
