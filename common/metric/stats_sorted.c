// SPDX-License-Identifier: MIT
/* The order in which every table shows its rows. */
#include "common/metric/stats.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct tally *x = *(const struct tally *const *)a, *y = *(const struct tally *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->method, y->method);
}

size_t stats_sorted(const struct stats *s, const struct tally ***out)
{
    const struct tally **rows = mem_zalloc((s->row_count + 1) * sizeof *rows);
    size_t n = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        if (!tally_is_hidden(t))
            rows[n++] = t;
    qsort(rows, n, sizeof *rows, by_name);
    *out = rows;
    return n;
}
