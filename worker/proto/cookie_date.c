// SPDX-License-Identifier: MIT
/* Dates of cookies: words between delimiters, each of which is taken for the first thing that it
 * can be. The libc's strptime would ask the locale, which belongs to user code. */
#include "worker/proto/cookie_date.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct parts {
    int hour, minute, second, day, month, year; /* day and month from 1; 0 = not yet */
    bool has_time, has_year;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_delimiter(char c)
{
    const unsigned char b = (unsigned char)c;
    return b == '\t' || (b >= 0x20 && b <= 0x2f) || (b >= 0x3b && b <= 0x40) ||
           (b >= 0x5b && b <= 0x60) || (b >= 0x7b && b <= 0x7e);
}

/* The number that the word begins with, of at most that many digits; *used of them, 0 when there
 * are more or none. */
static int number(const char *word, size_t len, size_t max_digits, size_t *used)
{
    int value = 0;
    size_t n = 0;
    while (n < len && n <= max_digits && is_digit(word[n]))
        value = value * 10 + (word[n++] - '0');
    *used = n <= max_digits ? n : 0;
    return value;
}

static bool take_time(struct parts *p, const char *word, size_t len)
{
    int *const fields[] = {&p->hour, &p->minute, &p->second};
    int values[3];
    size_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t used;
        values[i] = number(word + at, len - at, 2, &used);
        at += used;
        if (!used || (i < 2 && (at == len || word[at++] != ':')))
            return false;
    }
    for (size_t i = 0; i < 3; i++)
        *fields[i] = values[i];
    return p->has_time = true;
}

static bool take_month(struct parts *p, const char *word, size_t len)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    for (int i = 0; len >= 3 && i < 12; i++)
        if (!strncasecmp(word, names + 3 * i, 3)) {
            p->month = i + 1;
            return true;
        }
    return false;
}

static bool take_year(struct parts *p, const char *word, size_t len)
{
    size_t used;
    const int year = number(word, len, 4, &used);
    if (used < 2)
        return false;
    p->year = year < 70 ? year + 2000 : year < 100 ? year + 1900 : year;
    return p->has_year = true;
}

static void take_word(struct parts *p, const char *word, size_t len)
{
    size_t used;
    if (!p->has_time && take_time(p, word, len))
        return;
    const int day = number(word, len, 2, &used);
    if (!p->day && used && day) {
        p->day = day;
        return;
    }
    if (!p->month && take_month(p, word, len))
        return;
    if (!p->has_year)
        take_year(p, word, len);
}

double cookie_date(const char *text, size_t len)
{
    struct parts p = {0};
    for (size_t at = 0; at < len;) {
        const size_t start = at;
        while (at < len && !is_delimiter(text[at]))
            at++;
        if (at > start)
            take_word(&p, text + start, at - start);
        else
            at++;
    }
    if (!p.has_time || !p.day || !p.month || !p.has_year || p.day > 31 || p.year < 1601 ||
        p.hour > 23 || p.minute > 59 || p.second > 59)
        return 0;
    struct tm tm = {.tm_sec = p.second,
                    .tm_min = p.minute,
                    .tm_hour = p.hour,
                    .tm_mday = p.day,
                    .tm_mon = p.month - 1,
                    .tm_year = p.year - 1900};
    const time_t at = timegm(&tm);
    return at > 0 ? (double)at : 1;
}
