// SPDX-License-Identifier: MIT
#pragma once
/* dispatch: which worker runs how many users of which class, second by second.
 *
 * While workers stay, this is Locust's UsersDispatcher step for step: classes by name, users of a
 * fixed_count first, then a weighted stream that always picks the class whose share is furthest
 * behind (by Kullback-Leibler divergence), round robin over the workers sorted by their index
 * within their host, batches of max(1, floor(rate)), the most recently placed users leave first.
 *
 * When the workers change it differs on purpose. Locust then deals all users anew, at once. Here
 * the users of a worker that went are "orphans", placed again at the spawn rate, on the workers
 * that have the fewest users; a worker that came takes its share from those that have too many,
 * and nobody else notices. (Of classes that are even, each worker has its share of each at any
 * time.) Where workers are of unequal weight, who has the fewest users for its weight is next.
 * Locust's way is there as well (dispatch_spread): the library's
 * UsersDispatcher has it.
 *
 * Pure: no clock. The caller waits between the steps.
 */
#include <stdbool.h>
#include <stddef.h>

struct dispatch_class {
    const char *name;
    double weight;
    unsigned fixed_count; /* not 0: exactly so many, whatever the weight */
    bool is_even;         /* each worker has its share of it (stripe_deal), not of all users */
};

struct dispatch_worker {
    char *id;
    unsigned *counts;    /* users to run, by class index */
    unsigned load;       /* their sum */
    unsigned host_index; /* workers before this one on its host */
    unsigned weight;     /* its share of users, beside those of the others; 1 at first */
    bool is_changed;     /* not told yet; whoever tells the worker clears it */
};

struct dispatch;

/* Classes are copied and sorted by name: the class index is the one in this order. */
struct dispatch *dispatch_new(const struct dispatch_class *classes, size_t count);
void dispatch_free(struct dispatch *d);

size_t dispatch_class_count(const struct dispatch *d);
const char *dispatch_class_name(const struct dispatch *d, size_t index);
const char *const *dispatch_class_names(const struct dispatch *d); /* all, by class index */

/* A worker that is already known is left as it is. */
void dispatch_add_worker(struct dispatch *d, const char *id);
/* ... which gets so many times as many users as one of weight 1. */
void dispatch_add_weighed(struct dispatch *d, const char *id, unsigned weight);
void dispatch_remove_worker(struct dispatch *d, const char *id);
/* It weighs something else, for users that are placed from now on; of classes that are even, for
 * all. A worker that is not there is ignored. */
void dispatch_weigh(struct dispatch *d, const char *id, unsigned weight);
size_t dispatch_worker_count(const struct dispatch *d);
struct dispatch_worker *dispatch_worker(struct dispatch *d, size_t index); /* in dealing order */
struct dispatch_worker *dispatch_find_worker(struct dispatch *d, const char *id);

/* Begins a ramp to `users` at `rate` users per second (rate > 0). classes: the names new users
 * are taken from, or NULL to leave that as it is; unknown names are ignored. Every worker counts
 * as changed, so that the first step reaches all of them. */
void dispatch_aim(struct dispatch *d, unsigned users, double rate, const char *const *classes);

/* The next batch. Returns the seconds to wait before the next one, or -1 when this was the last. */
double dispatch_step(struct dispatch *d);
/* Nothing left to do: the target is reached, or all users of fixed_count run and no other class
 * exists, or there is no worker. */
bool dispatch_is_done(const struct dispatch *d);

/* Locust's way with workers that changed: as if as many users as were dealt were dealt now, from
 * none. No orphans are left. */
void dispatch_spread(struct dispatch *d);

/* For whoever chooses the classes himself. lift: nobody is placed any more, returns how many were
 * dealt; take: the class that the stream gives next, or NULL; place: a user of that class on the
 * worker whose turn it is (false: there is no such class, or no worker). */
unsigned dispatch_lift(struct dispatch *d);
const char *dispatch_take_class(struct dispatch *d);
bool dispatch_place(struct dispatch *d, const char *class_name);

unsigned dispatch_user_count(const struct dispatch *d); /* placed on workers now */
unsigned dispatch_class_users(const struct dispatch *d, size_t class_index);
