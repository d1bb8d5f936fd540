// SPDX-License-Identifier: MIT
/* dispatch: see dispatch.h.
 *
 * `active` lists every placed user in the order of placing, as (worker, class): the last ones leave
 * first. The stream of classes is a generator in Locust; here it is the small state in struct
 * stream. Locust notices that users of a fixed_count are missing only when its generator gets to
 * look (is_fixed_due), and so does this one.
 */
#include "common/run/dispatch.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/plan/stripe.h"
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct heap_item { /* Locust's tuple (divergence, elements + weight, weight, name) */
    double divergence, x, weight;
    size_t class_index; /* classes are sorted by name: compares as the name does */
};

struct heap {
    struct heap_item *items;
    size_t count;
};

struct user_stream {
    struct heap fixed, weighted;
    unsigned fixed_left; /* users of the running round of fixed ones */
    bool is_fixed_due;   /* look for missing fixed users before the next weighted one */
};

struct placed {
    struct dispatch_worker *worker;
    size_t class_index;
};

#define DISPATCH_TAG 0x64697370u /* "disp" */

struct dispatch {
    uint32_t tag;
    struct dispatch_class *classes;
    char **names;    /* of the classes; owned */
    bool *is_chosen; /* by class: new users may be of it */
    size_t class_count;
    struct dispatch_worker **workers; /* in dealing order; owned */
    size_t worker_count, worker_cap;
    size_t cursor; /* who is next in the round */
    bool is_sorted;
    unsigned weights; /* of all workers, together */
    bool is_weighted; /* not all weigh the same */
    bool is_skewed;   /* workers changed: the round no longer balances by itself */
    struct placed *active;
    size_t active_count, active_cap;
    size_t *orphans; /* classes of users whose worker went, oldest first */
    size_t orphan_count, orphan_cap, orphan_next;
    struct user_stream stream;
    unsigned target;
    double rate;
    bool is_exhausted;  /* the stream has no user to give */
    bool is_resend_due; /* the target is what runs already: one step that only tells everyone */
};

static int heap_compare(const struct heap_item *a, const struct heap_item *b)
{
    const double left[] = {a->divergence, a->x, a->weight};
    const double right[] = {b->divergence, b->x, b->weight};
    for (size_t i = 0; i < 3; i++)
        if (left[i] < right[i] || left[i] > right[i])
            return left[i] < right[i] ? -1 : 1;
    return a->class_index < b->class_index ? -1 : 1;
}

static void heap_sink(struct heap *h, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < h->count; child++)
            if (heap_compare(&h->items[child], &h->items[least]) < 0)
                least = child;
        if (least == at)
            return;
        struct heap_item swap = h->items[at];
        h->items[at] = h->items[least];
        h->items[least] = swap;
        at = least;
    }
}

static void heap_push(struct heap *h, double weight, size_t class_index)
{
    if (!(weight > 0))
        return;
    h->items[h->count++] = (struct heap_item){
        .divergence = weight * log2(weight / (weight + 1.0)),
        .x = weight + 1.0,
        .weight = weight,
        .class_index = class_index,
    };
}

static void heap_order(struct heap *h)
{
    for (size_t i = h->count / 2; i-- > 0;)
        heap_sink(h, i);
}

/* The class that is furthest behind; it counts as taken. */
static size_t heap_take(struct heap *h)
{
    struct heap_item *top = &h->items[0];
    size_t class_index = top->class_index;
    top->divergence = top->weight * log2(top->x / (top->x + 1.0));
    top->x += 1.0;
    heap_sink(h, 0);
    return class_index;
}

static unsigned present_users(const struct dispatch *d, size_t class_index)
{
    unsigned count = dispatch_class_users(d, class_index);
    for (size_t i = d->orphan_next; i < d->orphan_count; i++)
        count += d->orphans[i] == class_index;
    return count;
}

static void stream_begin_fixed(struct dispatch *d)
{
    struct user_stream *s = &d->stream;
    s->is_fixed_due = false;
    s->fixed.count = 0;
    s->fixed_left = 0;
    for (size_t i = 0; i < d->class_count; i++) {
        unsigned wanted = d->is_chosen[i] ? d->classes[i].fixed_count : 0;
        unsigned present = wanted ? present_users(d, i) : 0;
        if (wanted > present) {
            heap_push(&s->fixed, wanted - present, i);
            s->fixed_left += wanted - present;
        }
    }
    heap_order(&s->fixed);
}

static void stream_restart(struct dispatch *d)
{
    struct user_stream *s = &d->stream;
    s->weighted.count = 0;
    s->fixed_left = 0;
    for (size_t i = 0; i < d->class_count; i++)
        if (d->is_chosen[i] && d->classes[i].fixed_count == 0)
            heap_push(&s->weighted, d->classes[i].weight, i);
    heap_order(&s->weighted);
}

/* The class of the next user, or SIZE_MAX when no class has one to give. */
static size_t stream_take(struct dispatch *d)
{
    struct user_stream *s = &d->stream;
    if (s->fixed_left == 0 && s->is_fixed_due)
        stream_begin_fixed(d);
    if (s->fixed_left > 0) {
        s->fixed_left--;
        return heap_take(&s->fixed);
    }
    return s->weighted.count > 0 ? heap_take(&s->weighted) : SIZE_MAX;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct dispatch_class *)a)->name,
                  ((const struct dispatch_class *)b)->name);
}

struct dispatch *dispatch_new(const struct dispatch_class *classes, size_t count)
{
    struct dispatch *d = mem_zalloc(sizeof *d);
    HANDLE_MADE(d, DISPATCH_TAG);
    d->class_count = count;
    d->classes = mem_zalloc((count + 1) * sizeof *d->classes);
    d->names = mem_zalloc((count + 1) * sizeof *d->names);
    d->is_chosen = mem_zalloc((count + 1) * sizeof *d->is_chosen);
    d->stream.fixed.items = mem_zalloc((count + 1) * sizeof *d->stream.fixed.items);
    d->stream.weighted.items = mem_zalloc((count + 1) * sizeof *d->stream.weighted.items);
    for (size_t i = 0; i < count; i++) {
        d->classes[i] = classes[i];
        d->is_chosen[i] = true;
    }
    qsort(d->classes, count, sizeof *d->classes, by_name);
    for (size_t i = 0; i < count; i++)
        d->classes[i].name = d->names[i] = mem_strdup(d->classes[i].name);
    d->rate = 1;
    d->stream.is_fixed_due = true;
    stream_restart(d);
    return d;
}

static void worker_free(struct dispatch_worker *w)
{
    free(w->id);
    free(w->counts);
    free(w);
}

void dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    HANDLE_IS(d, DISPATCH_TAG);
    for (size_t i = 0; i < d->worker_count; i++)
        worker_free(d->workers[i]);
    for (size_t i = 0; i < d->class_count; i++)
        free(d->names[i]);
    free(d->names);
    free(d->classes);
    free(d->is_chosen);
    free(d->workers);
    free(d->active);
    free(d->orphans);
    free(d->stream.fixed.items);
    free(d->stream.weighted.items);
    HANDLE_ENDS(d);
    free(d);
}

size_t dispatch_class_count(const struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    return d->class_count;
}

const char *dispatch_class_name(const struct dispatch *d, size_t index)
{
    HANDLE_IS(d, DISPATCH_TAG);
    return d->names[index];
}

const char *const *dispatch_class_names(const struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    return (const char *const *)d->names;
}

size_t dispatch_worker_count(const struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    return d->worker_count;
}

struct dispatch_worker *dispatch_find_worker(struct dispatch *d, const char *id)
{
    HANDLE_IS(d, DISPATCH_TAG);
    for (size_t i = 0; i < d->worker_count; i++)
        if (!strcmp(d->workers[i]->id, id))
            return d->workers[i];
    return NULL;
}

unsigned dispatch_user_count(const struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    return (unsigned)d->active_count;
}

unsigned dispatch_class_users(const struct dispatch *d, size_t class_index)
{
    HANDLE_IS(d, DISPATCH_TAG);
    unsigned count = 0;
    for (size_t i = 0; i < d->worker_count; i++)
        count += d->workers[i]->counts[class_index];
    return count;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct dispatch_worker *const *)a)->id,
                  (*(struct dispatch_worker *const *)b)->id);
}

static int by_host_index(const void *a, const void *b)
{
    const struct dispatch_worker *left = *(struct dispatch_worker *const *)a;
    const struct dispatch_worker *right = *(struct dispatch_worker *const *)b;
    if (left->host_index != right->host_index)
        return left->host_index < right->host_index ? -1 : 1;
    return strcmp(left->id, right->id);
}

/* How many workers of the host of workers[at] (what is before the first "_") sort before it: they
 * all begin alike, so looking back ends at the first one that does not. */
static unsigned host_index(const struct dispatch *d, size_t at)
{
    const char *id = d->workers[at]->id;
    size_t host_len = strcspn(id, "_");
    for (size_t i = at; i-- > 0 && !strncmp(d->workers[i]->id, id, host_len);)
        if (strcspn(d->workers[i]->id, "_") == host_len)
            return d->workers[i]->host_index + 1;
    return 0;
}

static void sort_workers(struct dispatch *d)
{
    if (d->is_sorted)
        return;
    d->is_sorted = true;
    if (!d->worker_count) /* the list may be NULL, which qsort must not have */
        return;
    qsort(d->workers, d->worker_count, sizeof *d->workers, by_id);
    for (size_t i = 0; i < d->worker_count; i++)
        d->workers[i]->host_index = host_index(d, i);
    qsort(d->workers, d->worker_count, sizeof *d->workers, by_host_index);
}

static void weigh_all(struct dispatch *d)
{
    d->weights = 0;
    d->is_weighted = false;
    for (size_t i = 0; i < d->worker_count; i++) {
        d->weights += d->workers[i]->weight;
        d->is_weighted = d->is_weighted || d->workers[i]->weight != d->workers[0]->weight;
    }
}

static void on_workers_changed(struct dispatch *d)
{
    weigh_all(d);
    d->cursor = 0;
    d->is_skewed = d->active_count > 0 || d->orphan_next < d->orphan_count;
}

struct dispatch_worker *dispatch_worker(struct dispatch *d, size_t index)
{
    HANDLE_IS(d, DISPATCH_TAG);
    sort_workers(d);
    return d->workers[index];
}

/* What of n users the workers have, by their weights: freed by the caller. */
static struct stripe *deal_shares(const struct dispatch *d)
{
    unsigned *weights = mem_zalloc((d->worker_count + 1) * sizeof *weights);
    struct stripe *shares = mem_zalloc((d->worker_count + 1) * sizeof *shares);
    for (size_t i = 0; i < d->worker_count; i++)
        weights[i] = d->workers[i]->weight;
    stripe_deal(shares, weights, d->worker_count, 0, 0);
    free(weights);
    return shares;
}

static size_t owner_of(const struct dispatch *d, const struct stripe *shares, size_t index)
{
    for (size_t i = 0; shares && i < d->worker_count; i++)
        if (stripe_next(&shares[i], index) == index)
            return i;
    return index % d->worker_count;
}

static void move_user(struct placed *p, struct dispatch_worker *to)
{
    p->worker->counts[p->class_index]--;
    p->worker->load--;
    p->worker->is_changed = true;
    to->counts[p->class_index]++;
    to->load++;
    to->is_changed = true;
    p->worker = to;
}

static unsigned share_of(const struct dispatch *d, const struct dispatch_worker *w)
{
    return (unsigned)((uint64_t)d->active_count * w->weight / d->weights);
}

/* Gives a new worker its share: the users placed last, from whoever has more than the share. */
static void fill_worker(struct dispatch *d, struct dispatch_worker *w)
{
    const unsigned share = share_of(d, w);
    for (unsigned more = 2; more-- > 0;)
        for (size_t i = d->active_count; i-- > 0 && w->load < share;)
            if (d->active[i].worker != w &&
                d->active[i].worker->load > share_of(d, d->active[i].worker) + more)
                move_user(&d->active[i], w);
}

/* Users of even classes: as if they were dealt now. */
static void even_out(struct dispatch *d)
{
    size_t *dealt = mem_zalloc((d->class_count + 1) * sizeof *dealt);
    sort_workers(d);
    struct stripe *shares = d->is_weighted ? deal_shares(d) : NULL;
    for (size_t i = 0; i < d->active_count; i++) {
        struct placed *p = &d->active[i];
        if (!d->classes[p->class_index].is_even)
            continue;
        struct dispatch_worker *to = d->workers[owner_of(d, shares, dealt[p->class_index]++)];
        if (to != p->worker)
            move_user(p, to);
    }
    free(shares);
    free(dealt);
}

void dispatch_add_worker(struct dispatch *d, const char *id)
{
    dispatch_add_weighed(d, id, 1);
}

void dispatch_add_weighed(struct dispatch *d, const char *id, unsigned weight)
{
    HANDLE_IS(d, DISPATCH_TAG);
    assert(weight > 0 && weight <= STRIPE_MOST_WEIGHT);
    if (dispatch_find_worker(d, id))
        return;
    if (d->worker_count == d->worker_cap) {
        d->worker_cap = d->worker_cap ? 2 * d->worker_cap : 8;
        d->workers = mem_realloc(d->workers, d->worker_cap * sizeof(struct dispatch_worker *));
    }
    struct dispatch_worker *w = mem_zalloc(sizeof *w);
    w->id = mem_strdup(id);
    w->counts = mem_zalloc((d->class_count + 1) * sizeof *w->counts);
    w->is_changed = true;
    w->weight = weight;
    d->workers[d->worker_count++] = w;
    d->is_sorted = false;
    on_workers_changed(d);
    fill_worker(d, w);
    even_out(d);
}

static void orphan_add(struct dispatch *d, size_t class_index)
{
    if (d->orphan_count == d->orphan_cap) {
        d->orphan_cap = d->orphan_cap ? 2 * d->orphan_cap : 64;
        d->orphans = mem_realloc(d->orphans, d->orphan_cap * sizeof *d->orphans);
    }
    d->orphans[d->orphan_count++] = class_index;
}

static void orphans_clear(struct dispatch *d)
{
    d->orphan_count = d->orphan_next = 0;
}

void dispatch_remove_worker(struct dispatch *d, const char *id)
{
    HANDLE_IS(d, DISPATCH_TAG);
    struct dispatch_worker *w = dispatch_find_worker(d, id);
    if (!w)
        return;
    sort_workers(d); /* the others stay in their order, as in Locust */
    size_t kept = 0;
    for (size_t i = 0; i < d->active_count; i++) {
        if (d->active[i].worker == w)
            orphan_add(d, d->active[i].class_index);
        else
            d->active[kept++] = d->active[i];
    }
    d->active_count = kept;
    kept = 0;
    for (size_t i = 0; i < d->worker_count; i++)
        if (d->workers[i] != w)
            d->workers[kept++] = d->workers[i];
    d->worker_count = kept;
    worker_free(w);
    d->is_exhausted = false;
    on_workers_changed(d);
}

void dispatch_weigh(struct dispatch *d, const char *id, unsigned weight)
{
    struct dispatch_worker *w = dispatch_find_worker(d, id);
    assert(weight > 0 && weight <= STRIPE_MOST_WEIGHT);
    if (!w || w->weight == weight)
        return;
    w->weight = weight;
    weigh_all(d);
    even_out(d);
}

static void choose_classes(struct dispatch *d, const char *const *names)
{
    bool is_other = false;
    for (size_t i = 0; i < d->class_count; i++) {
        bool is_chosen = false;
        for (size_t n = 0; names[n] && !is_chosen; n++)
            is_chosen = !strcmp(names[n], d->classes[i].name);
        is_other |= is_chosen != d->is_chosen[i];
        d->is_chosen[i] = is_chosen;
    }
    if (is_other)
        stream_restart(d);
}

void dispatch_aim(struct dispatch *d, unsigned users, double rate, const char *const *classes)
{
    HANDLE_IS(d, DISPATCH_TAG);
    assert(rate > 0);
    if (classes)
        choose_classes(d, classes);
    d->target = users;
    d->rate = rate;
    d->is_exhausted = false;
    d->is_resend_due = d->active_count == users;
    for (size_t i = 0; i < d->worker_count; i++)
        d->workers[i]->is_changed = true;
}

/* For its weight, with one more user each. */
static bool has_fewer(const struct dispatch_worker *a, const struct dispatch_worker *b)
{
    return (a->load + UINT64_C(1)) * b->weight < (b->load + UINT64_C(1)) * a->weight;
}

static struct dispatch_worker *next_worker(struct dispatch *d)
{
    size_t chosen = d->cursor;
    for (size_t i = 1; (d->is_skewed || d->is_weighted) && i < d->worker_count; i++) {
        size_t candidate = (d->cursor + i) % d->worker_count;
        if (has_fewer(d->workers[candidate], d->workers[chosen]))
            chosen = candidate;
    }
    d->cursor = (chosen + 1) % d->worker_count;
    return d->workers[chosen];
}

static struct dispatch_worker *with_fewest(const struct dispatch *d, size_t class_index)
{
    struct dispatch_worker *found = d->workers[0];
    for (size_t i = 1; i < d->worker_count; i++)
        if (d->workers[i]->counts[class_index] < found->counts[class_index])
            found = d->workers[i];
    return found;
}

/* Who lacks most of its share, of one user more than there are. */
static struct dispatch_worker *furthest_behind(const struct dispatch *d, size_t class_index)
{
    const unsigned users = dispatch_class_users(d, class_index) + 1;
    struct stripe *shares = deal_shares(d);
    int64_t most = INT64_MIN;
    struct dispatch_worker *found = d->workers[0];
    for (size_t i = 0; i < d->worker_count; i++) {
        const int64_t lacks =
            (int64_t)stripe_below(&shares[i], users) - d->workers[i]->counts[class_index];
        if (lacks > most) {
            most = lacks;
            found = d->workers[i];
        }
    }
    free(shares);
    return found;
}

static void place_user(struct dispatch *d, size_t class_index)
{
    if (d->active_count == d->active_cap) {
        d->active_cap = d->active_cap ? 2 * d->active_cap : 64;
        d->active = mem_realloc(d->active, d->active_cap * sizeof *d->active);
    }
    const bool is_even = d->classes[class_index].is_even;
    struct dispatch_worker *w = !is_even         ? next_worker(d)
                                : d->is_weighted ? furthest_behind(d, class_index)
                                                 : with_fewest(d, class_index);
    w->counts[class_index]++;
    w->load++;
    w->is_changed = true;
    d->active[d->active_count++] = (struct placed){w, class_index};
}

static void add_users(struct dispatch *d, size_t limit)
{
    while (d->active_count < limit) {
        bool is_orphan = d->orphan_next < d->orphan_count;
        size_t class_index = is_orphan ? d->orphans[d->orphan_next++] : stream_take(d);
        if (class_index == SIZE_MAX) {
            d->is_exhausted = true;
            return;
        }
        place_user(d, class_index);
    }
}

static void remove_users(struct dispatch *d, size_t limit)
{
    while (d->active_count > limit) {
        struct placed *p = &d->active[--d->active_count];
        p->worker->counts[p->class_index]--;
        p->worker->load--;
        p->worker->is_changed = true;
        d->stream.is_fixed_due = true;
    }
    if (d->active_count == 0)
        d->is_skewed = false;
}

bool dispatch_is_done(const struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    if (d->worker_count == 0)
        return true;
    bool is_there = d->active_count == d->target;
    return !d->is_resend_due && (is_there || (d->is_exhausted && d->active_count < d->target));
}

double dispatch_step(struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    if (d->worker_count == 0)
        return -1;
    sort_workers(d);
    d->is_resend_due = false;
    double batch = d->rate < 1 ? 1 : floor(d->rate);
    if (d->active_count < d->target) {
        double limit = (double)d->active_count + batch;
        add_users(d, limit < d->target ? (size_t)limit : d->target);
    } else if (d->active_count > d->target) {
        double limit = (double)d->active_count - batch;
        remove_users(d, limit > d->target ? (size_t)limit : d->target);
    }
    if (d->active_count >= d->target)
        orphans_clear(d);
    return dispatch_is_done(d) ? -1 : batch / d->rate;
}

unsigned dispatch_lift(struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    const size_t users = d->active_count + d->orphan_count - d->orphan_next;
    sort_workers(d);
    orphans_clear(d);
    d->active_count = 0;
    d->cursor = 0;
    d->is_skewed = d->is_exhausted = false;
    for (size_t i = 0; i < d->worker_count; i++) {
        struct dispatch_worker *w = d->workers[i];
        memset(w->counts, 0, d->class_count * sizeof *w->counts);
        w->load = 0;
        w->is_changed = true;
    }
    d->stream.is_fixed_due = true;
    stream_restart(d);
    return (unsigned)users;
}

void dispatch_spread(struct dispatch *d)
{
    const unsigned users = dispatch_lift(d);
    if (d->worker_count > 0)
        add_users(d, users);
    d->is_exhausted = false;
}

const char *dispatch_take_class(struct dispatch *d)
{
    HANDLE_IS(d, DISPATCH_TAG);
    const size_t class_index = stream_take(d);
    d->is_exhausted = class_index == SIZE_MAX;
    return d->is_exhausted ? NULL : d->names[class_index];
}

bool dispatch_place(struct dispatch *d, const char *class_name)
{
    HANDLE_IS(d, DISPATCH_TAG);
    sort_workers(d);
    for (size_t i = 0; i < d->class_count && d->worker_count > 0; i++)
        if (!strcmp(d->names[i], class_name)) {
            place_user(d, i);
            return true;
        }
    return false;
}
