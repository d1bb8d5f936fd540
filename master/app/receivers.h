// SPDX-License-Identifier: MIT
#pragma once
/* receivers: where figures are sent (master/sink), as the options and the project's file say. */
#include "master/proto/proto_journal.h"
#include <stdbool.h>
#include <stddef.h>

struct master;
struct options;
struct sbuf;
struct scrape;
struct sink_spec;
struct told_journals;
struct worker;

#define RECEIVERS_JOURNALS 8

#define RECEIVERS_MOST 32

struct receivers { /* what was asked for, until it becomes outputs */
    struct sink_spec **specs;
    size_t count;
    struct sink_spec *timescale; /* that of --timescale, among these; borrowed; NULL: none is */
    bool writes_timescale;       /* ... and it became an output */
    bool sends;                  /* figures, to somebody else's store */
    unsigned labels;             /* that outputs name (sink_labels), */
    bool has_labels;             /* ... and some take what there is */
    char *keys[4];               /* tags that workers are asked for: constants; ends with NULL */
    struct sink_spec *scrape;    /* of the page's route /metrics */
    struct journal_order journals[RECEIVERS_JOURNALS]; /* what workers write, and */
    void *journal_outputs[RECEIVERS_JOURNALS];         /* the outputs that they are; borrowed */
    size_t journal_count;
    char *journal_metrics; /* what they tell of metrics, in this run; owned */
};

bool receivers_are_asked(const struct options *o); /* --out help */
void receivers_help(void);                         /* to standard output */
int receivers_open(struct master *m);              /* 0 or an exit code after a message */
int receivers_add(struct master *m); /* makes outputs of them; 0 or an exit code likewise */
/* A run begins: what its workers are to write is in the nodes. */
void receivers_begin(struct master *m);
void receivers_told(struct master *m, const struct worker *w, const struct told_journals *told);
/* For struct scrape of the bridge, whose arg is the receivers. Any thread. */
const char *receivers_scrape(const struct scrape *s, const char *accept, struct sbuf *out);
void receivers_fini(struct master *m);
