// SPDX-License-Identifier: MIT
#pragma once
/* losses: what the people who read a run's figures must know about workers that were lost or away
 * in it, and about a master that stood still: from when to when, and what is missing. Pure.
 *
 * A number is only told when it is known: how long the requests that are missing can have gone on,
 * at most, follows from our own workers' holding their users back when nobody answers; a stock
 * worker goes on, so there is no bound. Nothing is missing as soon as all of it has come.
 */
#include "common/base/sbuf.h"
#include <stdbool.h>
#include <stddef.h>

#define LOSSES_MAX 100 /* a run's; of more only the number is told */

struct loss {
    char *worker;      /* NULL: the master itself stood still */
    double since;      /* unix seconds: until then everything was reported */
    double at;         /* when it was noticed; of the master: when it went on */
    double back_at;    /* 0: the worker did not come back */
    double bound_s;    /* requests of so many seconds are missing at most; 0: unknown */
    bool is_settled;   /* everything that was measured has arrived */
    bool is_unstopped; /* it was heard all the time, and did not say that it stopped */
    bool has_held;     /* of the master: workers were there that held their users back */
    bool
        is_unknown; /* of the master: a stock worker was there, which does not number its reports */
    struct loss *next;
};

struct losses {
    struct loss *first, **end; /* in the order they were noticed; end NULL: none yet */
    size_t count, left_out;
};

void losses_clear(struct losses *l);
/* The worker (NULL: the master) was not heard after `since`; noticed at `at`. NULL: one too many.
 */
struct loss *losses_add(struct losses *l, const char *worker, double since, double at,
                        double bound_s);
/* The worker is heard again: the newest of its losses that was open, or NULL. */
struct loss *losses_back(struct losses *l, const char *worker, double at);
/* Everything of the worker (NULL: of all workers, for the master) has arrived. The newest of the
 * losses that this settles, or NULL. */
struct loss *losses_settle(struct losses *l, const char *worker);
/* Whether something that the worker measured never came. */
bool losses_misses(const struct losses *l, const char *worker);
/* Until when nothing is known of a worker, or of a master that stood still: what it reported after;
 * or when it was noticed, if all of it came later. */
double losses_end(const struct loss *loss);
/* A sentence or two, in local time. Final: below the tables, when nothing more is to come. */
void losses_write(const struct loss *loss, bool is_final, struct sbuf *out);
