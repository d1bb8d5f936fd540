// SPDX-License-Identifier: MIT
/* grammar_goodput: goodput(ttft<300ms & itl<50ms), the share of answers of language models that
 * keep all of these. It is the rate of a metric with them as its tag, which workers count because
 * a threshold asks for it (gates.c). */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/scan.h"
#include <stdio.h>

static const char *const names[] = {"ttft", "ttfo", "itl", "tpot", "e2e"};
#define NAMES (sizeof names / sizeof *names)

static int read_name(struct scan *s, bool *seen, struct sbuf *out)
{
    char word[32];
    for (size_t i = 0; i < NAMES; i++) {
        if (!scan_is_word(s, names[i]))
            continue;
        if (seen[i])
            return WRONG(s, "%s stands there twice", names[i]);
        seen[i] = true;
        sbuf_adds(out, names[i]);
        s->p += strlen(names[i]);
        return 0;
    }
    const size_t len = scan_word_len(s);
    snprintf(word, sizeof word, "%.*s", (int)(len < 31 ? len : 31), s->p);
    const char *near = threshold_nearest(word, names, NAMES);
    return WRONG(s, "'%s' is no time of an answer%s%s%s", word, near ? ": did you mean " : "",
                 near ? near : ": there are ttft, ttfo, itl, tpot, e2e", near ? "?" : "");
}

/* "ttft < 300ms"; a bare number is ms. */
static int read_condition(struct scan *s, bool *seen, struct sbuf *out)
{
    double seconds = 0;
    scan_blanks(s);
    if (read_name(s, seen, out) != 0)
        return -1;
    scan_blanks(s);
    if (*s->p != '<')
        return WRONG(s, "write what it takes at most, such as ttft<300ms");
    const bool has_equal = s->p[1] == '=';
    s->p += 1 + has_equal;
    scan_blanks(s);
    const char *at = s->p;
    if (scan_seconds(s, &seconds) != 0)
        return -1;
    const bool is_bare = strspn(at, "0123456789.") == (size_t)(s->p - at);
    sbuf_addf(out, "%s%.9gms", has_equal ? "<=" : "<", is_bare ? seconds : seconds * 1000);
    scan_blanks(s);
    return 0;
}

int scan_goodput(struct scan *s, struct threshold *t)
{
    bool seen[NAMES] = {false};
    struct sbuf tag = {0};
    if (*s->p != '(')
        return WRONG(s, "write goodput(ttft<300ms & itl<50ms): what a good answer takes at most");
    sbuf_adds(&tag, THRESHOLD_GOODPUT_TAG ":");
    int rc = 0;
    do {
        s->p += 1 + (s->p[0] == '&' && s->p[1] == '&');
        rc = read_condition(s, seen, &tag);
        if (rc == 0 && *s->p == '&')
            sbuf_adds(&tag, " & ");
    } while (rc == 0 && *s->p == '&');
    if (rc == 0 && *s->p != ')')
        rc = WRONG(s, "'(' has no ')': conditions are joined by &");
    if (rc == 0) {
        s->p++;
        t->metric = mem_strdup(THRESHOLD_GOODPUT);
        t->scope = SCOPE_METRIC;
        rc = threshold_take_tags(t, tag.data, tag.len, s->e);
    }
    sbuf_fini(&tag);
    return rc;
}

const char *threshold_goodput(const struct threshold *t)
{
    if (t->scope != SCOPE_METRIC || strcmp(t->metric, THRESHOLD_GOODPUT) != 0)
        return NULL;
    for (size_t i = 0; i < t->tag_count; i++)
        if (strcmp(t->tags[i].key, THRESHOLD_GOODPUT_TAG) == 0)
            return t->tags[i].value;
    return NULL;
}
