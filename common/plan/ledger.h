// SPDX-License-Identifier: MIT
#pragma once
/* ledger: what each worker has told of the iterations of each scenario, beside what it was dealt.
 *
 *   due = started + dropped + cut, of all workers together, when a run is over
 *
 * Of a worker that is lost the difference between what was its own and what it told is not known:
 * that many may have started, or not. They are counted as cut, and as lost. Pure.
 */
#include "common/plan/stripe.h"

#include <stdbool.h>
#include <stddef.h>

enum iterations_number {
    ITERATIONS_DUE,
    ITERATIONS_STARTED,
    ITERATIONS_DROPPED,
    ITERATIONS_CUT,
    ITERATIONS_REPEATED,
    ITERATIONS_INTERRUPTED, /* of those started */
    ITERATIONS_TOLD,        /* so many does a worker tell */
    ITERATIONS_LOST = ITERATIONS_TOLD,
    ITERATIONS_NUMBERS,
};
extern const char *const iterations_metrics[ITERATIONS_NUMBERS]; /* iterations_due … */

struct ledger_piece { /* of a scenario, what a worker had left: so many of its stripe */
    size_t scenario;
    struct stripe stripe;
    uint64_t skipped, count; /* behind the first ones (stripe_nth) */
    bool is_unsure;          /* it was lost: it may have started some */
};

struct ledger_part {      /* of a worker and a scenario */
    struct stripe stripe; /* its share of arrivals just now */
    uint64_t owed;        /* arrivals that were its own before that */
    uint64_t told[ITERATIONS_TOLD];
    uint32_t users, waiting,
        busy;              /* told: its users; arrivals that wait for one; users in an iteration */
    uint32_t most_waiting; /* ... that waited at a time, so far */
    uint32_t most_users;   /* of what it told */
};

struct ledger_worker {
    char *id;                  /* owned */
    struct ledger_part *parts; /* owned, by scenario */
};

struct ledger { /* begins as zeros; ledger_fini */
    size_t scenarios;
    struct ledger_worker *workers; /* owned */
    size_t count;
};

void ledger_begin(struct ledger *l, size_t scenarios); /* a run: nothing is told */
void ledger_fini(struct ledger *l);
/* Those of the worker, by scenario; NULL: it is not known, and make is false. */
struct ledger_part *ledger_of(struct ledger *l, const char *id, bool make);
/* From s.from on its arrivals are those of s; stride 0: none. */
void ledger_deal(struct ledger_part *p, struct stripe s);
/* What the worker is to have started of its share before `until`, and has not told of, is others'
 * from now on, and so is what comes later: fills stripe, skipped and count, and returns that. */
uint64_t ledger_hand_on(struct ledger_part *p, uint64_t until, struct ledger_piece *piece);
/* What is missing of a lost worker that had to have begun so many: *due that it did not tell of,
 * *lost of which nobody knows whether they started. */
void ledger_missing(const struct ledger_part *p, uint64_t owed, uint64_t *due, uint64_t *lost);
/* Its arrivals up to that index. */
uint64_t ledger_owed(const struct ledger_part *p, uint64_t until);
uint64_t ledger_sum(const struct ledger *l, size_t scenario, enum iterations_number n);
