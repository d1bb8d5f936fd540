// SPDX-License-Identifier: MIT
#pragma once
/* ration: so many iterations, over however many workers, each started once at most.
 *
 * A worker that needs more asks, and is granted a piece of what is left: at first as many as it
 * has users, later what it says it can start in a moment, but never more than half of its fair
 * share, so that all are done at about the same time. What a worker holds is a sum that only grows;
 * to say it again changes nothing. What a lost worker held, and was not known to have started, is
 * not granted again: nobody knows. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ration_holder {
    char *worker; /* owned */
    uint64_t granted, started, done;
    bool is_lost;
};

struct ration { /* begins as zeros with `total` set; ration_fini */
    uint64_t total, granted;
    bool is_returned;              /* all were granted, and some came back: nobody asks for these */
    struct ration_holder *holders; /* owned */
    size_t count;
};

/* The worker, one of `workers`, has started and ended so many, and wants as many more. What it
 * holds from now on. */
uint64_t ration_ask(struct ration *q, const char *worker, size_t workers, uint64_t started,
                    uint64_t done, uint64_t wanted);
/* So many for it, as a whole. */
void ration_give(struct ration *q, const char *worker, uint64_t count);
/* The worker left in order, and had started so many: the rest, which it returns, is nobody's. */
uint64_t ration_return(struct ration *q, const char *worker, uint64_t started);
void ration_lost(struct ration *q, const char *worker);
/* All are granted, and done but for those that lost workers held. */
bool ration_is_done(const struct ration *q);
static inline bool ration_is_granted(const struct ration *q)
{
    return q->granted == q->total;
}
void ration_fini(struct ration *q);
