// SPDX-License-Identifier: MIT
#pragma once
/* courier: what every sink does besides its format: it packs each snapshot into parcels, delivers
 * them, keeps what a receiver does not take now, tries again with growing pauses, drops the oldest
 * when the buffer is full, counts, and flushes at the end within COURIER_END_S.
 *
 * Snapshots are cumulative, and a kind is given the one it packed last, too: what a tick that was
 * left out had is in the next one.
 */
#include "common/base/sbuf.h"
#include "master/sink/sink.h"

#define COURIER_END_S 10.0

struct parcel {
    struct parcel *next;
    struct sbuf body;
    int what;       /* the kind's own */
    uint64_t count; /* what it is counted as */
    double made_at; /* monotonic */
};

struct parcels {
    struct parcel *first, *last;
    size_t count, bytes;
    uint64_t lost;   /* what there was no room for, as counted, */
    const char *why; /* and why; a constant */
};
/* A new one, which counts as 1, at the end, to be filled. */
struct parcel *parcels_add(struct parcels *list, int what);

struct moment { /* what is to be packed */
    const struct snapshot *s;
    const struct snapshot *since;  /* of the same run, packed before; NULL: since its start */
    const struct snapshot *before; /* likewise, also of before its statistics were reset */
    double at;                     /* unix seconds; later than that of since */
    bool is_first, is_end;         /* of this run */
};

enum delivery {
    DELIVERED,
    DELIVERY_LATER,   /* try again */
    DELIVERY_REFUSED, /* never again; all of it, or the part that is told */
    DELIVERY_ANEW     /* what waits is to be packed anew: the kind speaks another way now */
};

struct delivery_trouble {
    struct sbuf why;      /* if it is not DELIVERED */
    double retry_after_s; /* 0: not said */
    uint64_t refused;     /* how many of what the parcel counts as; 0: all */
};

struct courier_kind {
    void (*pack)(void *self, const struct moment *now, struct parcels *out);
    enum delivery (*deliver)(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *trouble);
    /* Whether somebody is there: 0, or -1 and why. NULL: cannot be known. */
    int (*reach)(void *self, double timeout_s, struct sbuf *why);
    void (*close)(void *self);
};

/* Of the output that was made of it. */
void *courier_self(void *output_self);
/* Of one that packs what is in no snapshot: what it counts, in place of pushes, and whether there
 * is some. */
void courier_packs_more(void *output_self, const char *unit, bool (*has_more)(void *self));
/* Takes spec and self. */
struct output courier_output(const struct courier_kind *kind, void *self, struct sink_spec *spec);
