// SPDX-License-Identifier: MIT
#pragma once
/* sink: where a run's figures go while it is on: the stores and monitors of other people. Each kind
 * is one of these, in a file of its own with a line in sinks.def; a sink becomes an output
 * (master/out/output.h), so it has a thread, and the run never waits for it.
 *
 * What people write is KIND[=TARGET][,KEY=VALUE…], or a table of a TOML file. A secret is never a
 * value there, for ps and logs show those: it is @FILE, or in an environment variable.
 */
#include "master/out/output.h"
#include <jansson.h>

enum sink_value {
    SINK_TEXT,
    SINK_SECRET, /* allowed: the variables that may have it, by spaces */
    SINK_NUMBER, /* allowed: the least and the most */
    SINK_SPAN,   /* seconds: 200ms, 5s, 1m; allowed likewise, in seconds */
    SINK_FLAG,   /* yes or no; without a value: yes */
    SINK_CHOICE, /* allowed: the words, by spaces */
    SINK_WORDS,  /* some of these, by spaces or slashes */
    SINK_BOUNDS  /* numbers above 0 that rise, by spaces or slashes; at most SINK_BOUNDS_MOST */
};

struct sink_key {
    const char *name;
    enum sink_value value;
    const char *initial; /* as it is written; NULL: not given */
    const char *allowed;
    const char *help;
};

struct sink_kind;

struct sink_spec { /* one that was asked for */
    const struct sink_kind *kind;
    char *name;   /* in log lines: the kind's, and a number if there are several */
    char *target; /* NULL: not given */
    char **given; /* by the kind's keys; NULL: not given. Secrets as they are */
    /* What all series have, in the order of coming; NULL-terminated "key=value". Borrowed. */
    char *const *tags;
    const char *test_id; /* NULL: that of the run. Borrowed */
    bool is_required;    /* it must be there at the start */
    bool is_alone;       /* there is one worker, of this program's own */
    bool is_far;         /* workers are on other machines */
};

struct sink_kind {
    const char *name, *summary;
    const char *target; /* what it is, for --out help */
    const struct sink_key *keys;
    size_t key_count;
    /* An output of it; takes the spec, also if it fails: -1 and *why (malloced). Main thread; opens
     * no connection. */
    int (*make)(struct sink_spec *spec, struct output *out, char **why);
};

#define SINK(kind) extern const struct sink_kind sink_##kind;
#include "master/sink/sinks.def"
#undef SINK

#define SINK_NAMES_MOST "200"
/* Keys of all kinds that push, and of those that send rows. */
#define SINK_PUSH_KEYS(interval)                                                                   \
    {"interval", SINK_SPAN, interval, "0.1 3600", "time between two pushes"},                      \
        {"timeout", SINK_SPAN, "5s", "0.1 10", "for one push"},                                    \
    {                                                                                              \
        "buffer", SINK_SPAN, "60s", "1 3600",                                                      \
            "what is kept for a receiver that does not take it; then the oldest is dropped"        \
    }
#define SINK_KEYS(interval)                                                                        \
    SINK_PUSH_KEYS(interval),                                                                      \
    {                                                                                              \
        "names", SINK_NUMBER, SINK_NAMES_MOST, "1 100000",                                         \
            "rows with a name of their own; the others are sent as one, (other)"                   \
    }

/* What tells requests apart besides method and name. Bits, in the order of these names. */
#define SINK_LABEL_NAMES "scenario", "user_class", "group"
enum {
    SINK_SCENARIO = 1,
    SINK_CLASS = 2,
    SINK_GROUP = 4,
    SINK_LABELS_ALL = 7,
    SINK_LABELS_AUTO = 8
};
#define SINK_LABELS_KEY                                                                            \
    {                                                                                              \
        "labels", SINK_WORDS, "auto", "scenario user_class group auto none",                       \
            "what tells requests apart besides method and name, by slashes; auto: scenario and "   \
            "user_class where the test has several, and group"                                     \
    }

/* The list of the semantic conventions of HTTP; without +Inf. */
#define SINK_CLASSIC_KEY                                                                           \
    {                                                                                              \
        "buckets", SINK_BOUNDS, "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10",    \
            NULL,                                                                                  \
            "bounds of classic histograms in seconds, by spaces or slashes; or --metrics-buckets"  \
    }

/* What was asked for, as the name and the text of one that is. NULL, and *why. */
struct sink_spec *sink_spec_text(const char *text, char **why);
/* A table {kind, target, key: value}, or a text as above. source: where it stands, for *why. */
struct sink_spec *sink_spec_json(const json_t *one, const char *source, char **why);
void sink_spec_free(struct sink_spec *spec); /* NULL is fine */
/* What others say of a key, where the one who asked says nothing. NULL and "" are nothing. False,
 * and *why: it is no value of that key. */
bool sink_set_missing(struct sink_spec *spec, const char *key, const char *value, char **why);

const char *sink_get(const struct sink_spec *spec, const char *key); /* NULL: not given */
double sink_number(const struct sink_spec *spec, const char *key);   /* spans: seconds */
#define SINK_BOUNDS_MOST 50
size_t sink_bounds(const struct sink_spec *spec, const char *key,
                   double bounds[static SINK_BOUNDS_MOST]);
bool sink_is(const struct sink_spec *spec, const char *key); /* a flag; or a choice's word */
/* Which labels are asked for; auto: all, and SINK_LABELS_AUTO. A kind without the key: none. */
unsigned sink_labels(const struct sink_spec *spec);
bool sink_is_word(const struct sink_spec *spec, const char *key, const char *word);

/* Adds the tags that all series have: testid, which is the run's own id where no other was given,
 * and those of the options. */
void sink_add_tags(const struct sink_spec *spec, const char *run_id,
                   void (*add)(struct sbuf *out, const char *key, const char *value),
                   struct sbuf *out);

void sink_help(struct sbuf *out); /* --out help */
/* "--out influxdb: …" */
char *sink_words(const struct sink_spec *spec, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
