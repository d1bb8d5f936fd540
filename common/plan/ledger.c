// SPDX-License-Identifier: MIT
#include "common/plan/ledger.h"
#include "common/base/mem.h"
#include "common/base/sat.h"

#include <stdlib.h>
#include <string.h>

const char *const iterations_metrics[ITERATIONS_NUMBERS] = {
    "iterations_due",      "iterations_started",     "iterations_dropped", "iterations_cut",
    "iterations_repeated", "iterations_interrupted", "iterations_lost"};

void ledger_fini(struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->workers[i].id);
        free(l->workers[i].parts);
    }
    free(l->workers);
    *l = (struct ledger){.count = 0};
}

void ledger_begin(struct ledger *l, size_t scenarios)
{
    ledger_fini(l);
    l->scenarios = scenarios;
}

struct ledger_part *ledger_of(struct ledger *l, const char *id, bool make)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->workers[i].id, id))
            return l->workers[i].parts;
    if (!make)
        return NULL;
    l->workers = mem_realloc(l->workers, (l->count + 1) * sizeof *l->workers);
    l->workers[l->count] = (struct ledger_worker){
        mem_strdup(id), mem_zalloc((l->scenarios + 1) * sizeof(struct ledger_part))};
    return l->workers[l->count++].parts;
}

uint64_t ledger_owed(const struct ledger_part *p, uint64_t until)
{
    const struct stripe *s = &p->stripe;
    if (!s->stride || until <= s->from)
        return p->owed;
    return p->owed + stripe_below(s, until) - stripe_below(s, s->from);
}

void ledger_deal(struct ledger_part *p, struct stripe s)
{
    p->owed = ledger_owed(p, s.from);
    p->stripe = s;
}

static uint64_t settled_of(const struct ledger_part *p)
{
    return p->told[ITERATIONS_STARTED] + p->told[ITERATIONS_DROPPED] + p->told[ITERATIONS_CUT];
}

uint64_t ledger_hand_on(struct ledger_part *p, uint64_t until, struct ledger_piece *piece)
{
    const struct stripe s = p->stripe;
    const uint64_t before = p->owed, settled = settled_of(p);
    const uint64_t done = sat_sub(settled, before);
    ledger_deal(p, (struct stripe){.from = until});
    const uint64_t own = p->owed - before;
    piece->count = sat_sub(own, done);
    piece->stripe = s;
    piece->skipped = stripe_below(&s, s.from) + done;
    p->owed -= piece->count;
    return piece->count;
}

void ledger_missing(const struct ledger_part *p, uint64_t owed, uint64_t *due, uint64_t *lost)
{
    const uint64_t *told = p->told, settled = settled_of(p);
    *due = owed > told[ITERATIONS_DUE] ? owed - told[ITERATIONS_DUE] : 0;
    const uint64_t known = told[ITERATIONS_DUE] + *due;
    *lost = sat_sub(known, settled);
}

uint64_t ledger_sum(const struct ledger *l, size_t scenario, enum iterations_number n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < l->count; i++)
        sum += l->workers[i].parts[scenario].told[n];
    return sum;
}
