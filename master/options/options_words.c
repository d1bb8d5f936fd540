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

bool options_is_locust(void)
{
    return strcmp(options_program(), "locust") == 0;
}

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
    const bool is_long_first = options_is_locust() && d->short_name && strchr("LP", d->short_name);
    if (is_long_first)
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
    else if (strcmp(d->name, "expect-workers") == 0)
        sbuf_addf(out, "Invalid --expect-workers argument (%ld), must be a positive number",
                  strtol(text, NULL, 10));
}

char *option_locusts_words(const struct option_def *d, const char *text)
{
    struct sbuf out = {0};
    if (!options_is_locust())
        return NULL;
    if (d->kind == OPTION_RATE)
        of_rate(&out, text);
    else if (d->kind == OPTION_INT || d->kind == OPTION_WHOLE)
        of_whole(&out, d, text);
    else if (d->kind == OPTION_SPAN)
        sbuf_adds(&out, "Invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, "
                        "3h30m10s, etc.");
    else if (d->kind == OPTION_LEVEL)
        sbuf_addf(&out,
                  "invalid choice: '%.200s' (choose from 'DEBUG', 'INFO', 'WARNING', 'ERROR', "
                  "'CRITICAL')",
                  text);
    return out.len ? sbuf_take(&out) : NULL;
}
