// SPDX-License-Identifier: MIT
#pragma once
/* weights: how much of the load each worker has (--worker-weights): "big-*=4,small-*=1", first
 * come first served. A name is a worker's, or its host's, or its index; * and ? stand for anything.
 * Who has no name there weighs 1. With "auto" it is measured. Pure.
 */
#include <stdbool.h>
#include <stddef.h>

#define WEIGHTS_MEAN 16 /* of a worker, where they are measured */

struct weights { /* begins as zeros; weights_fini */
    struct weights_rule {
        char *name; /* owned */
        unsigned weight;
    } * rules; /* owned */
    size_t count;
    bool is_auto;
};

/* False: *why (to be freed), and there are none. NULL: none, which is right. */
bool weights_read(struct weights *w, const char *text, char **why);
void weights_fini(struct weights *w);
/* Of the worker "host_0123abcd", which is the index-th that joined; from 1 to STRIPE_MOST_WEIGHT.
 */
unsigned weights_of(const struct weights *w, const char *id, unsigned index);

struct weighed {       /* a worker, while it is measured; begins as zeros */
    double busy, done; /* processor time, and what was done with it; older ones count less */
    unsigned seconds;
};
/* A second in which the worker was busy with so much of a processor, and did so much. */
void weighed_second(struct weighed *w, double busy, double done);
/* What it could do in a second with so much of a processor; 0: nobody knows yet. */
double weighed_capacity(const struct weighed *w, double processor);
/* capacities → weights, where each is known. False: they are those that there are, about. */
bool weighed_weigh(const double *capacities, unsigned *weights, size_t count);
