// SPDX-License-Identifier: MIT
#pragma once
/* gates: the thresholds of the run, wherever they came from (gates.c), and what follows from what
 * the figures say of them: a stop, an exit code, words (judging.c). On the main thread. */
#include "master/verdict/verdict.h"

struct master;
struct sbuf;

struct gates { /* gates.c: thresholds by where they came from */
    struct threshold_list given, of_script, asked;
    char *script_json, **series_tags; /* what of_script was made of; what keeps requests apart */
    char *by_metric;                  /* all of them (by_metric.h); or NULL */
    char **goodputs;                  /* what workers count as good answers; ends with NULL */
    size_t warned;
    json_t *metrics; /* {name: kind} of those that the script creates; or NULL */
};

struct judging { /* judging.c */
    struct verdict *verdict;
    int64_t since, until;         /* seconds that were told; since -1: a run has just begun */
    const struct tally *last_row; /* that was told */
    uint64_t clears;              /* of the statistics, when it was */
    double stopped_at;            /* when the run ceased to be active; 0: it is */
    bool was_active, is_over, checks_are_told;
    bool wants_stop; /* a threshold says that the test has to */
    size_t checks_failed;
    struct baseline *baseline; /* baseline.h; NULL: nothing is compared */
    struct repeat *repeat;     /* repeat.h; NULL: this run is the only one */
    struct retry *retry;       /* retry.h; NULL: no run began yet */
};

/* gates.c: thresholds. open, script_came: 0 or an exit code after a message. */
int gates_open(struct master *m);
int gates_script_came(struct master *m);
int gates_take_script(struct master *m, char **why); /* 0, or -1: they stay as they were */
void gates_follow(struct master *m);                 /* the script was told again */
bool gates_check(const char *json, char *why, size_t size);
void gates_ask(struct master *m, const char *json); /* of the run that begins; or NULL */
void gates_settle(struct master *m);                /* one list of all of them */
void gates_print(struct master *m);
/* The script creates a metric of that name, or a counter: where nothing was counted in that it is
 * 0.
 */
bool gates_has_metric(const struct master *m, const char *metric);
bool gates_has_counter(const struct master *m, const char *metric);
void gates_fini(struct master *m);

/* judging.c */
void judging_begin(struct master *m);           /* a run */
void judging_state(struct master *m);           /* the run's state may have changed */
void judging_advance(struct master *m);         /* what is complete by now */
bool judging_was_valid(const struct master *m); /* the measurement, so far */
void judging_end(struct master *m);             /* nothing more comes */
int judging_code(struct master *m, int failed); /* failed: what the code is without it */
bool judging_says(struct master *m, int code);  /* ... that user code set, by itself too */
bool judging_forgives_failures(const struct master *m);
char *judging_reasons(const struct master *m);                /* malloced; NULL: nothing to say */
void judging_write(const struct master *m, struct sbuf *out); /* as GET api/v1/verdict */
void judging_lines(const struct master *m, struct sbuf *out);
