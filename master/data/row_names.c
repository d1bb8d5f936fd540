// SPDX-License-Identifier: MIT
#include "master/data/row_names.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grow(struct row_names *r, size_t slot)
{
    const size_t count = slot + slot / 2 + 8;
    r->slots = mem_realloc(r->slots, count * sizeof *r->slots);
    memset(r->slots + r->count, 0, (count - r->count) * sizeof *r->slots);
    r->count = count;
}

static void forget(struct row_names_slot *s)
{
    report_names_fini(&s->names);
    series_ids_fini(&s->series);
    s->epoch[0] = 0;
}

void row_names_forget(struct row_names *r, size_t slot)
{
    if (slot < r->count)
        forget(&r->slots[slot]);
}

struct row_names_slot *row_names_of(struct row_names *r, size_t slot, const char *epoch)
{
    if (slot >= r->count)
        grow(r, slot);
    struct row_names_slot *s = &r->slots[slot];
    if (strcmp(s->epoch, epoch) != 0) {
        forget(s);
        snprintf(s->epoch, sizeof s->epoch, "%s", epoch);
    }
    return s;
}

void row_names_clear(struct row_names *r)
{
    for (size_t i = 0; i < r->count; i++)
        forget(&r->slots[i]);
    free(r->slots);
    *r = (struct row_names){0};
}
