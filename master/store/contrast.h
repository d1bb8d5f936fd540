// SPDX-License-Identifier: MIT
#pragma once
/* contrast: runs compared with earlier ones, row by row, by the rules of a gate.
 *
 * Each rule has three answers: worse, not worse, and that it cannot be told, with what would be
 * needed to tell. Runs that are not comparable are refused, with the reason. Of many rows and rules
 * at most a twentieth of what is called worse is chance. Pure: what is compared is given. */
#include "master/data/timeline_levels.h"
#include "master/store/contrast_curve.h"
#include <jansson.h>

struct stats;
struct tally;

struct contrast_run {                     /* borrowed */
    const struct timeline_snap *timeline; /* NULL: only what it came to is known */
    const struct stats *stats;
    const json_t *meta; /* "users", "valid", "plans", "environment" … (docs/history.md) */
};

struct gate_rule {
    enum contrast_figure figure;
    bool is_of_rows; /* of each row that has that share of the time; else of the total */
    double least_share;
    struct margin margin;
};
#define GATE_RULES_MAX 32
struct gate {
    struct gate_rule rules[GATE_RULES_MAX];
    size_t count;
    bool fails_unsure; /* what cannot be told fails too */
    bool retries;      /* ... makes the run longer */
    char baseline[128];
};
extern const struct gate gate_usual;
const char *gate_unsure_name(const struct gate *g); /* as cant_tell says it */
/* From the object of a file ("rules", "baseline", "cant_tell"). 0, or -1 and *why (malloced). */
int gate_read(struct gate *g, const json_t *from, char **why);

/* The same of a file, TOML or JSON; of a project's file its [tool.katydid.gate]. */
int gate_load(struct gate *g, const char *path, char **why);
/* The gate of that file; NULL: of the project's in the working directory, or the usual one.
 * GATE_USUAL or GATE_GIVEN; -1 and *why (malloced). */
enum { GATE_USUAL, GATE_GIVEN };
int gate_given(struct gate *g, const char *path, char **why);

enum contrast_answer { ANSWER_FINE, ANSWER_WORSE, ANSWER_UNSURE, ANSWER_NONE };
const char *contrast_answer_name(enum contrast_answer a); /* "not worse" … */

struct contrast_line { /* a rule and a row */
    const struct gate_rule *rule;
    char *method, *name; /* "" for the total */
    struct change change;
    enum contrast_answer answer;
    double needs;     /* unsure: times as many blocks or runs would tell; NaN */
    double more_s;    /* unsure: so many seconds more of each run would tell, */
    double more_runs; /* or so many more runs of each side; 0: that is not known */
};
struct contrast {
    char *refusal; /* why they are not compared; or NULL */
    char *remarks; /* what to know besides; "" */
    struct contrast_line *lines;
    size_t count, worse, unsure;
    size_t would_tell; /* of the unsure ones: those that a longer run could tell */
    bool is_paired;    /* both runs had one seed: blocks of the same time are drawn together */
    bool is_short;     /* refused: the later run has too few blocks, and a longer one had enough */
    bool fails_unsure; /* as the gate says */
    double distance, at_ms, delta; /* of the totals of the newest run and the earlier ones */
    struct contrast_curve curve;   /* where it is wanted */
};

struct contrast_ask {
    const struct contrast_run *before, *after;
    size_t before_count, after_count;
    const struct gate *gate;
    bool is_forced;   /* what would be refused is compared all the same */
    bool wants_curve; /* for who draws it: it takes longer than the lines of a few rows */
    /* How much equal runs differ in that figure of that row; NULL: it is assumed. */
    struct between (*between)(void *arg, const char *method, const char *name,
                              enum contrast_figure f);
    void *arg;
};
void contrast_make(struct contrast *c, const struct contrast_ask *ask);
void contrast_fini(struct contrast *c);
/* Whether the gate holds it against the later runs. */
bool contrast_fails(const struct contrast *c);
/* What it holds against them, in words: "worse than the baseline" …; NULL: nothing. */
const char *contrast_reason(const struct contrast *c);

/* Whether that rule is of that row of the run; row NULL: of the total. */
bool contrast_judges(const struct gate_rule *rule, const struct tally *row, const struct stats *s);

struct sbuf;
void contrast_add_value(struct sbuf *out, enum contrast_figure f, double value); /* "412 ms" */
/* "about 240 s more of each run would tell"; nothing where that is not known. */
void contrast_add_needs(const struct contrast_line *l, struct sbuf *out);
void contrast_add_basis(const struct contrast *c, struct sbuf *out); /* what intervals are of */
void contrast_markdown(const struct contrast *c, const char *before, const char *after,
                       struct sbuf *out);
json_t *contrast_object(const struct contrast *c);
/* context: an object whose members are added (context.h); or NULL. */
void contrast_json(const struct contrast *c, const json_t *context, struct sbuf *out);
