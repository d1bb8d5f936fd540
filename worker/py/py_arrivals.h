// SPDX-License-Identifier: MIT
#pragma once
/* py_arrivals: _katydid.Arrivals, in three files: py_arrivals.c is its life, py_arrivals_counts.c
 * its numbers, py_arrivals_said.c what it says of its scenario. Include after Python.h; loop thread
 * only. */
#include "common/plan/ledger.h"
#include "common/plan/scenario.h"
#include "common/plan/stripe.h"
#include "worker/py/hub.h"

struct due { /* an arrival whose time came */
    uint64_t at_ns, index;
    bool has_waited; /* for a free user, or for word that it is ours: late, but not by us */
};

struct counted { /* one of the numbers */
    uint64_t all, told;
    uint64_t recent; /* of all: in that second, and not in the series yet */
    int64_t second;
    struct series *series;
};

struct taker { /* a user that waits for an arrival; on the heap while it does */
    struct park park;
    struct taker *below, *above; /* in the stack of those who wait */
    struct due due;              /* what it was handed; at_ns 0: nothing yet */
};

struct arriving {
    PyObject_HEAD struct scenario scenario;
    struct stripes stripes;
    uint64_t away_from; /* was_away: from there on, until the next share, ours were others' */
    bool was_away;
    struct arrivals walk, before; /* before: without the arrival that is awaited */
    uint64_t begin_ns;            /* monotonic: the scenario's start; 0: it is not running */
    uint64_t next_ns;             /* monotonic; 0: none is awaited */
    uint64_t next_index;
    struct arriving *next; /* of those that run */
    struct taker *top;
    unsigned idle, pool, most, most_queued;
    unsigned made_before;    /* users, where each is there for one arrival: so many are to wait */
    unsigned made_ahead;     /* ... of any: so many may be needed before one more can be made */
    bool is_alone;           /* all users here are of scenarios with arrivals */
    unsigned entered;        /* users that may take arrivals: those who do not wait are busy */
    struct due *queue;       /* a ring; room for most_queued */
    unsigned long long turn; /* of the loop, in which at_once iterations followed one another */
    unsigned at_once;
    uint64_t turn_ns; /* when the first of them began */
    unsigned queue_first, queued;
    unsigned most_waiting; /* ... of them, at any time so far */
    struct park grower;
    struct counted numbers[ITERATIONS_TOLD];
    double steady_s;             /* steady time less the monotonic clock */
    struct series *delay, *time; /* time: of iterations; or NULL */
};

static inline struct arriving *arriving_of(PyObject *self)
{
    return (struct arriving *)self;
}

extern PyGetSetDef arrivals_attributes[];

/* So many more, of an arrival that was due then (monotonic). */
void arrivals_count(struct arriving *a, enum iterations_number n, uint64_t more, uint64_t at_ns);
void arrivals_began(double late_s); /* one for which a user was free, so much later */
double arrivals_late(void);         /* percent of those by more than 100 ms; since the last call */
void arrivals_read_clocks(struct arriving *a); /* setting the clocks right may move steady time */
void arrivals_tell(struct arriving *a);       /* what was counted until now is in the next report */
int arrivals_make_series(struct arriving *a); /* -1: with an exception */
PyObject *arrivals_numbers(PyObject *self, PyObject *unused);
PyObject *arrivals_count_more(PyObject *self, PyObject *args); /* (word, n) */
