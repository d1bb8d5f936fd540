// SPDX-License-Identifier: MIT
#pragma once
/* gauge_said: which worker said what of each gauge last. The value of a gauge is the latest of all
 * workers; this is whose it is, and what the others have.
 *
 * Bounded: SAID_MOST values in all; what finds no place is counted. A worker is known by its name;
 * its index, which it has for itself while it is there, only makes finding it fast. Main thread. */
#include <stddef.h>
#include <stdint.h>

#define SAID_MOST 20000

struct said {
    uint32_t worker;  /* its place among the names */
    double value, at; /* at: unix seconds */
};

struct gauge_said {
    struct said_of {       /* by the id of the series less 1 */
        struct said *list; /* owned; in the order in which they spoke first */
        uint32_t count;
    } * series;          /* owned */
    size_t series_count; /* that there is room for */
    char **names;        /* owned, as each is */
    uint32_t name_count;
    uint32_t *by_index; /* owned; place among the names plus 1, of the worker with that index */
    size_t index_count;
    size_t count; /* of all values */
    uint64_t left_out;
};

void gauge_said_fini(struct gauge_said *g); /* empty afterwards, and of use again */
void gauge_said_note(struct gauge_said *g, uint32_t series_id, unsigned index, const char *worker,
                     double value, double at);
/* Borrowed until the next note. */
const struct said *gauge_said_list(const struct gauge_said *g, uint32_t series_id, size_t *count);
