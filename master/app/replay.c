// SPDX-License-Identifier: MIT
#include "master/app/replay.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/plan/profile.h"
#include "common/plan/ramp.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP "replay("
#define SPEED ".speed("
#define SINCE_1970_S 1e9 /* offsets are less, dates more */
#define LINE_BYTES 65536
#define FARTHEST_S (RAMP_MOST_NS / 1e9)

struct times {
    double *s; /* owned */
    size_t count;
};

/* Its time. False: the line has none; *is_wrong: but something else. */
static bool read_line(const char *line, double *s, bool *is_wrong)
{
    const char *p = line + strspn(line, " \t\r\n\xef\xbb\xbf\"");
    char *end;
    if (*p == '{') {
        p = strstr(p, "\"t\"");
        p = p ? strchr(p + 3, ':') : NULL;
        p = p ? p + 1 : "";
    } else if (!*p || !strchr("0123456789.-+", *p)) {
        *is_wrong = false; /* a head, or a remark */
        return false;
    }
    *s = strtod(p, &end);
    *is_wrong = end == p || !isfinite(*s) || *s < 0 || !strchr(" \t\r\n,;\"}", *end);
    return !*is_wrong;
}

/* fgets filled the line, whose last byte was none before, and found no end. */
static bool is_too_long(const char *line, size_t size)
{
    return line[size - 1] == '\0' && line[size - 2] != '\n';
}

static bool read_times(const char *path, struct times *t, char **why)
{
    static char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    size_t number = 0;
    if (!file) {
        *why = sbuf_words("replay: %s: %s", path, strerror(errno));
        return false;
    }
    while (!*why && (line[sizeof line - 1] = 1, fgets(line, sizeof line, file))) {
        bool is_wrong;
        double s;
        number++;
        if (is_too_long(line, sizeof line)) {
            *why = sbuf_words("replay: %s:%zu: the line is longer than %zu bytes", path, number,
                              sizeof line - 2);
        } else if (read_line(line, &s, &is_wrong)) {
            if ((t->count & (t->count - 1)) == 0)
                t->s = mem_realloc(t->s, (t->count ? 2 * t->count : 1) * sizeof *t->s);
            t->s[t->count++] = s;
        } else if (is_wrong) {
            *why = sbuf_words("replay: %s:%zu: no time, in seconds, at its begin", path, number);
        }
        if (t->count > PROFILE_MOST_TIMES)
            *why = sbuf_words("replay: %s: there are more than %d times", path, PROFILE_MOST_TIMES);
    }
    if (!*why && ferror(file))
        *why = sbuf_words("replay: %s: %s", path, strerror(errno));
    fclose(file);
    if (!*why && !t->count)
        *why = sbuf_words("replay: %s: there is no time in it", path);
    return !*why;
}

static int by_time(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool put_times(struct sbuf *out, const char *path, double speed, char **why)
{
    struct times t = {0};
    int64_t before = 0;
    if (!read_times(path, &t, why)) {
        free(t.s);
        return false;
    }
    qsort(t.s, t.count, sizeof *t.s, by_time);
    const double first = t.s[0] >= SINCE_1970_S ? t.s[0] : 0;
    if ((t.s[t.count - 1] - first) / speed > FARTHEST_S) {
        *why = sbuf_words("replay: %s: %g s is too late: give times since the begin, or since 1970",
                          path, t.s[t.count - 1]);
        free(t.s);
        return false;
    }
    sbuf_adds(out, PROFILE_TIMES "(");
    for (size_t i = 0; i < t.count; i++) {
        const int64_t us = llround((t.s[i] - first) / speed * 1e6);
        sbuf_addf(out, "%s%" PRId64, i ? " " : "", us - before);
        before = us;
    }
    sbuf_addc(out, ')');
    free(t.s);
    return true;
}

/* FILE).speed(2): behind it; NULL: *why. */
static const char *put_step(struct sbuf *out, const char *rest, char **why)
{
    const char *close = strchr(rest, ')');
    double speed = 1;
    char *end;
    if (!close || close == rest) {
        *why = mem_strdup("replay: write replay(FILE), or replay(FILE).speed(2)");
        return NULL;
    }
    const char *next = close + 1;
    if (!strncmp(next, SPEED, strlen(SPEED))) {
        speed = strtod(next + strlen(SPEED), &end);
        if (*end != ')' || !isfinite(speed) || speed < 1e-6 || speed > 1e6) {
            *why = mem_strdup("replay: speed takes a number above 0");
            return NULL;
        }
        next = end + 1;
    }
    struct sbuf path = {0};
    sbuf_add(&path, rest, (size_t)(close - rest));
    const bool is_good = put_times(out, path.data, speed, why);
    sbuf_fini(&path);
    return is_good ? next : NULL;
}

char *replay_resolved(const char *text, char **why)
{
    struct sbuf out = {0};
    const char *at;
    *why = NULL;
    while ((at = strstr(text, STEP))) {
        sbuf_add(&out, text, (size_t)(at - text));
        text = put_step(&out, at + strlen(STEP), why);
        if (!text) {
            sbuf_fini(&out);
            return NULL;
        }
    }
    sbuf_adds(&out, text);
    return sbuf_take(&out);
}
