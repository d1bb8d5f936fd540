// SPDX-License-Identifier: MIT
#pragma once
/* options: the command line, environment and configuration files, by Locust's names and precedence
 * (command line > environment > --config file > pyproject.toml > ./locust.conf > ~/.locust.conf).
 *
 * One table (options.def) makes the fields, the parser, --help, --completion, the nearest-name hint
 * and the JSON that workers get. Words that no option of the table explains are kept in `extra`,
 * settings of files in `settings`, for options that the locustfile adds: the host sorts them out
 * and refuses what it does not know either. Where a shortened name could be one of the
 * locustfile's, the parser has to know those first (`is_unclear`, options_are_unclear;
 * custom_options.h asks for them). docs/options.md tells users about all of this.
 */
#include <stdbool.h>
#include <stddef.h>

// clang-format off
#define OPTIONS_TYPE_OPTION_TEXT       char *
#define OPTIONS_TYPE_OPTION_URL        char *
#define OPTIONS_TYPE_OPTION_ADDRESS    char *
#define OPTIONS_TYPE_OPTION_BASE_PATH  char *
#define OPTIONS_TYPE_OPTION_LIST       char ** /* ends with NULL */
#define OPTIONS_TYPE_OPTION_USERS_JSON char ** /* JSON arrays of objects */
#define OPTIONS_TYPE_OPTION_LINES      char ** /* likewise */
#define OPTIONS_TYPE_OPTION_INT        int
#define OPTIONS_TYPE_OPTION_COUNT      int
#define OPTIONS_TYPE_OPTION_WHOLE      double
#define OPTIONS_TYPE_OPTION_RATE       double
#define OPTIONS_TYPE_OPTION_SPAN       double
#define OPTIONS_TYPE_OPTION_DECIMAL    double

#define GROUP(title, note)
#define ACTION(kind, short, name, marks, help)
#define FLAG(field, ...)                            bool field;
#define TEXT(field, s, name, env, dest, kind, ...)   OPTIONS_TYPE_##kind field;
#define NUMBER(field, s, name, env, dest, kind, ...) OPTIONS_TYPE_##kind field;
#define CHOICE(field, ...)                          char *field;
#define LEGACY(name, ...)

/* The fields of the table, which says what they mean, and the rest. */
struct options {
#include "master/options/options.def"
    bool help, version, config_users_given;
    char **user_classes; /* positional; NULL-terminated or NULL = all */
    char **extra;        /* unknown words in order; NULL-terminated or NULL */
    size_t extra_count;
    char **settings; /* unknown settings of files, the strongest first: {"key", "values",
                        "is_list", "is_bare", "place"} as JSON; NULL-terminated or NULL */
    char **argv; /* all words, as they were typed; borrowed */
    int argc;
    bool is_unclear; /* a file has a shortened key */
    bool is_locust;  /* we were called by the name `locust`: its exit codes, its words */
};

#undef GROUP
#undef ACTION
#undef FLAG
#undef TEXT
#undef NUMBER
#undef CHOICE
#undef LEGACY
// clang-format on

struct option_custom { /* an option of the locustfile */
    const char *word;  /* "--tenant", "-q" */
    bool is_flag;      /* takes no value */
};
struct option_customs {
    const struct option_custom *list;
    size_t count;
};

/* Parses everything. 0; or the exit code after one message on stderr. With --help or --version it
 * returns 0 at that word and looks no further, with --completion it looks at nothing but the
 * command line. Call options_fini in any case. */
int options_parse(struct options *o, int argc, char **argv, const struct option_customs *customs);
/* Only what is needed to find the locustfile, from all sources: --locustfile, --config, --worker,
 * --master, --master-host and --master-port. Everything else is left alone. */
int options_parse_first(struct options *o, int argc, char **argv);
/* Whether a word may be a shortened option of ours, or one of the locustfile. */
bool options_are_unclear(int argc, char **argv);
void options_fini(struct options *o);
void options_help(void);                    /* --help to stdout */
void options_completion(const char *shell); /* --completion to stdout */
const char *options_program(void);          /* the name we were called by: "katydid" or "locust" */
char *options_version(void);                /* what --version begins with; malloced */

/* {dest: value} with every option under Locust's dest name, for workers. Malloced. */
char *options_json(const struct options *o);
/* ["--check-rps=10", …]: those of ours that were given, which options_json has not; a locustfile
 * may have options of these names too. */
struct sbuf;
void options_own_words(const struct options *o, struct sbuf *out);

/* "--user-count" -> "--users": the known option nearest to a word, or NULL. more: further names
 * (the locustfile's own, with their dashes), may be NULL. */
const char *options_nearest(const char *word, const char *const *more, size_t more_count);

struct sbuf;
/* The thresholds of a TOML file as a JSON list of tables, each with its place in "source": of
 * [[threshold]] and `threshold = [texts]`, in a project's file of those below tool.katydid. 0, or 2
 * after a message. */
int options_toml_thresholds(const char *path, const char *text, size_t len, bool is_project,
                            struct sbuf *json);
/* A TOML document as JSON, dates as texts; to be freed by json_decref. NULL after a message. */
struct json_t;
struct json_t *options_toml_document(const char *path, const char *text, size_t len);
/* A whole text file of the user's, at most 1 MiB. 0, or 2 after a message; nothing and 0 when it
 * need not exist. */
int options_slurp(const char *path, bool must_exist, struct sbuf *out);

/* How near two words are: 0 (far apart) to 1 (equal), dashes included; the same first letters bring
 * them nearer. */
double options_likeness(const char *a, const char *b);
/* Of count things that have names the name that is most like the word, if it is at least that near;
 * or NULL. */
const char *options_nearest_name(const char *word, double least,
                                 const char *(*name)(const void *of, size_t i), const void *of,
                                 size_t count);

/* "90", "1h30m", "20s": seconds, or -1. Digits with the units h, m, s in this order, as Locust. */
double options_timespan(const char *text);
