// SPDX-License-Identifier: MIT
#pragma once
/* journal_place: what requests have in common, kept once (by who records), and read again (by who
 * writes). */
#include "common/base/map.h"
#include "common/base/sbuf.h"
#include "worker/journal/journal.h"

#define PLACE_NO_NUMBER 0 /* of those that are too many: told with each request */

struct journal_place {
    uint32_t number;
    uint32_t known_to; /* a bit for each journal */
    unsigned class;    /* index in the list of classes */
    size_t len;
    char texts[]; /* as journal_pack wrote them */
};

struct journal_places {
    struct map by_texts;
    uint32_t count;
    struct journal_place *odd; /* the last of those that are too many */
};

struct journal_place *places_get(struct journal_places *all, const struct sbuf *texts,
                                 bool *is_new);
void places_fini(struct journal_places *all);

struct journal_seen { /* a place, as the writer knows it */
    struct journal_text part[JOURNAL_PARTS];
    struct journal_text key[JOURNAL_TAGS_MOST], value[JOURNAL_TAGS_MOST];
    size_t tag_count;
    char *texts;        /* owned: what all of these point into */
    struct sbuf ready;  /* the format's own: a piece of its lines */
    uint64_t ready_for; /* ... of what; 0: nothing yet */
};
struct journal_seen_metric {
    struct journal_metric metric; /* name NULL: not seen */
    char *texts;                  /* owned: what these point into */
    struct sbuf before;           /* the format's own: of each of its lines; empty: none yet */
};
/* Takes a copy of the texts. */
void seen_read(struct journal_seen *s, const char *texts, size_t len);
void seen_fini(struct journal_seen *s);
/* name, type and contains, each with its NUL, one after the other. */
void seen_metric_read(struct journal_seen_metric *m, const char *texts, size_t len);
void seen_metric_fini(struct journal_seen_metric *m);
/* The first text of these. */
struct journal_text texts_next(const char **at, const char *end);
