// SPDX-License-Identifier: MIT
#include "common/plan/ration.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct ration_holder *holder_of(struct ration *q, const char *worker)
{
    for (size_t i = 0; i < q->count; i++)
        if (!strcmp(q->holders[i].worker, worker))
            return &q->holders[i];
    q->holders = mem_realloc(q->holders, (q->count + 1) * sizeof *q->holders);
    q->holders[q->count] = (struct ration_holder){.worker = mem_strdup(worker)};
    return &q->holders[q->count++];
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t ration_ask(struct ration *q, const char *worker, size_t workers, uint64_t started,
                    uint64_t done, uint64_t wanted)
{
    struct ration_holder *h = holder_of(q, worker);
    const uint64_t left = q->total - q->granted, shares = 2 * (workers ? workers : 1);
    const uint64_t most = (left + shares - 1) / shares;
    h->is_lost = false;
    if (started > h->started) /* words may overtake one another */
        h->started = least(started, h->granted);
    if (done > h->done)
        h->done = least(done, h->granted);
    const uint64_t open = h->granted - h->started;
    const uint64_t more = wanted > open ? least(wanted - open, most) : 0;
    h->granted += more;
    q->granted += more;
    return h->granted;
}

void ration_give(struct ration *q, const char *worker, uint64_t count)
{
    struct ration_holder *h = holder_of(q, worker);
    count = least(count, q->total - q->granted);
    h->granted += count;
    q->granted += count;
    q->is_returned = q->is_returned && !ration_is_granted(q);
}

uint64_t ration_return(struct ration *q, const char *worker, uint64_t started)
{
    struct ration_holder *h = holder_of(q, worker);
    if (started > h->started)
        h->started = least(started, h->granted);
    const uint64_t rest = h->granted - h->started;
    q->is_returned = q->is_returned || (rest && ration_is_granted(q));
    h->granted -= rest;
    q->granted -= rest;
    h->is_lost = true;
    return rest;
}

void ration_lost(struct ration *q, const char *worker)
{
    for (size_t i = 0; i < q->count; i++)
        if (!strcmp(q->holders[i].worker, worker))
            q->holders[i].is_lost = true;
}

bool ration_is_done(const struct ration *q)
{
    if (!ration_is_granted(q))
        return false;
    for (size_t i = 0; i < q->count; i++)
        if (!q->holders[i].is_lost && q->holders[i].done < q->holders[i].granted)
            return false;
    return true;
}

void ration_fini(struct ration *q)
{
    for (size_t i = 0; i < q->count; i++)
        free(q->holders[i].worker);
    free(q->holders);
    *q = (struct ration){.total = 0};
}
