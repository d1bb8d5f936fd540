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
    double made_at; /* monotonic */
};

struct parcels {
    struct parcel *first, *last;
    size_t count, bytes;
};
/* A new one at the end, to be filled. */
struct parcel *parcels_add(struct parcels *list, int what);

struct moment { /* what is to be packed */
    const struct snapshot *s;
    const struct snapshot *since; /* of the same run, packed before; NULL: since its start */
    double at;                    /* unix seconds; later than that of since */
    bool is_first, is_end;        /* of this run */
};

enum delivery {
    DELIVERED,
    DELIVERY_LATER,   /* try again */
    DELIVERY_REFUSED, /* never again */
    DELIVERY_ANEW     /* what waits is to be packed anew: the kind speaks another way now */
};

struct delivery_trouble {
    struct sbuf why;      /* if it is not DELIVERED */
    double retry_after_s; /* 0: not said */
};

struct courier_kind {
    void (*pack)(void *self, const struct moment *now, struct parcels *out);
    enum delivery (*deliver)(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *trouble);
    /* Whether somebody is there: 0, or -1 and why. NULL: cannot be known. */
    int (*reach)(void *self, double timeout_s, struct sbuf *why);
    void (*close)(void *self);
};

/* Takes spec and self. */
struct output courier_output(const struct courier_kind *kind, void *self, struct sink_spec *spec);
