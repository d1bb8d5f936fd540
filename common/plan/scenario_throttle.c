// SPDX-License-Identifier: MIT
/* scenario_throttle: so many requests a second at most, as a rate, or as stages of that, or in the
 * words that Gatling has for them. While nothing is limited there is a slot for whoever comes. */
#include "common/plan/profile.h"
#include "common/plan/scenario_int.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD 64 /* a number with its unit, and its end */
#define ANY "10000000/s"
_Static_assert(RAMP_MOST_PER_S == 10000000, "as many as there can be");

struct words { /* that are being read */
    struct sbuf out;
    char level[WORD]; /* where the last one ended; "": there is none yet */
    bool was_any;     /* nothing was limited: the next one begins where it says, and not there */
};

/* A stage, by itself. */
static void put(struct words *w, const char *length, const char *level)
{
    if (w->was_any)
        sbuf_addf(&w->out, ",0:%s", level);
    sbuf_addf(&w->out, "%s%s:%s", w->out.len ? "," : "", length, level);
    w->was_any = false;
    if (level != w->level)
        snprintf(w->level, sizeof w->level, "%s", level);
}

static bool is_whole(const char *piece, int end)
{
    return end > 0 && !piece[end];
}

static bool put_span(struct words *w, const char *length, const char *level)
{
    char text[WORD];
    int64_t ns;
    if (!*level || !profile_span(length, &ns))
        return false;
    snprintf(text, sizeof text, "%" PRId64 "ns", ns);
    put(w, text, level);
    return true;
}

/* reachRps(100).in(30s), jumpToRps(50), holdFor(1m); Kotlin has during for in. */
static bool put_gatlings(struct words *w, const char *piece)
{
    char x[WORD], length[WORD], word[WORD];
    int end = 0;
    if (sscanf(piece, "reachRps(%63[^)]).%63[a-z](%63[^)])%n", x, word, length, &end) == 3 &&
        is_whole(piece, end) && (!strcmp(word, "in") || !strcmp(word, "during")))
        return put_span(w, length, x);
    if (sscanf(piece, "jumpToRps(%63[^)])%n", x, &end) == 1 && is_whole(piece, end))
        return put_span(w, "0", x);
    return sscanf(piece, "holdFor(%63[^)])%n", length, &end) == 1 && is_whole(piece, end) &&
           put_span(w, length, w->level);
}

static void put_piece(struct words *w, const char *piece)
{
    char length[WORD], level[WORD];
    int end = 0;
    if (put_gatlings(w, piece))
        return;
    const bool is_stage =
        sscanf(piece, "%63[^:(]:%63s%n", length, level, &end) == 2 && is_whole(piece, end);
    if (is_stage && !strcmp(level, "none")) {
        sbuf_addf(&w->out, "%s0:" ANY ",%s:" ANY, w->out.len ? "," : "", length);
        w->was_any = true;
    } else if (is_stage) {
        put(w, length, level);
    } else { /* a rate, or a step by its name: whoever reads it says what is wrong with it */
        sbuf_addf(&w->out, "%s%s", w->out.len ? "," : "", piece);
        w->was_any = false;
    }
}

void scenario_throttle_text(const char *rates, struct sbuf *out)
{
    struct words w = {.was_any = false};
    char *rest = NULL, *pieces = mem_strdup(rates);
    for (char *piece = strtok_r(pieces, ",", &rest); piece; piece = strtok_r(NULL, ",", &rest))
        put_piece(&w, piece + strspn(piece, " "));
    free(pieces);
    sbuf_adds(out, w.out.data ? w.out.data : "");
    sbuf_fini(&w.out);
}
