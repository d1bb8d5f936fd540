// SPDX-License-Identifier: MIT
#pragma once
/* side: the runs of one side of a comparison, read from their files.
 *
 * Of runs that are longer than 20 minutes what there is in blocks of 10 s is enough to compare, and
 * of all of them the seconds of those rows that the gate judges. What is read has no view. */
#include "master/store/history_words.h"

#define SIDE_MOST 16 /* runs; more are left out */

struct side {
    struct stored *list[SIDE_MOST];
    struct contrast_run runs[SIDE_MOST];
    size_t count;
};

/* Whose seconds are read: rows that a rule of the gate is of in `like`, which is the newest of the
 * later runs; NULL: the first run of the side is that. Borrowed. */
struct side_ask {
    const struct gate *gate;
    const struct stats *like;
};
/* What is known of a run of this history; false and *why. */
bool side_add(struct side *s, struct history *h, const json_t *run, const struct side_ask *ask,
              char **why);
/* All that a spec means (history_find), of several those that can be read; or a file: of a run
 * (.kdrun), of --summary (.json) or a report (.html), which have no timeline; h: NULL for files.
 * false and *why. side_close in any case. */
bool side_open(struct side *s, struct history *h, const char *spec, const struct side_ask *ask,
               char **why);
bool side_is_file(const char *spec);
void side_close(struct side *s);
/* What stands above it in a table: the name of its run, or the spec and how many runs it means.
 * Malloced. */
char *side_name(const struct side *s, const char *spec);

/* For contrast_ask: how much runs like that one differ. */
struct side_alike {
    struct history *history;
    json_t *ids;
};
struct side_alike side_alike(struct history *h, const json_t *like);
void side_alike_fini(struct side_alike *a);
struct between side_between(void *alike, const char *method, const char *name,
                            enum contrast_figure f);
