// SPDX-License-Identifier: MIT
#pragma once
/* options_table: private to the options_*.c files. The table made of options.def, and the two steps
 * that every source of options shares: find the option, give it a text.
 */
#include "master/options/options.h"
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,       /* bool */
    OPTION_TEXT,       /* char *, any text */
    OPTION_URL,        /* char *, base URL */
    OPTION_ADDRESS,    /* char *, name or address without a port */
    OPTION_BASE_PATH,  /* char *, "" or "/path" */
    OPTION_CHOICE,     /* char *, one of a few words */
    OPTION_LIST,       /* char **, any number of words */
    OPTION_USERS_JSON, /* char **, any number of JSON texts */
    OPTION_LINES,      /* char **, a text each time it is given; of a variable each line is one */
    OPTION_WHOLE,      /* double, whole number in [min, max] */
    OPTION_INT,        /* int in [min, max] */
    OPTION_COUNT,      /* the same, from 1 up, which Locust checks too */
    OPTION_RATE,       /* double above 0 */
    OPTION_DECIMAL,    /* double in [min, max] */
    OPTION_SPAN,       /* double, seconds */
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_LEGACY, /* rejected with a hint */
};

enum option_mark {
    OPTION_NULL = 1, /* null in JSON while it has its initial number */
    OPTION_EMPTY =
        2, /* "" in JSON while not given, and in Python's parser even if we have an initial text */
    OPTION_HIDDEN = 4,      /* not in --help */
    OPTION_ANY = 8,         /* an address may be "*" or empty: every one */
    OPTION_FIRST = 16,      /* needed to find the locustfile */
    OPTION_FILES = 32,      /* names files: shells complete them */
    OPTION_LONG_FIRST = 64, /* Locust names the long form first */
    OPTION_VALUE = 128,     /* a legacy one that takes a value */
    OPTION_FALSE = 256,     /* false in JSON, not null */
    OPTION_APART = 1024,    /* the whole name, before a word with '=': else the name is another's */
    OPTION_BARE = 2048,     /* may stand without a value: that is its first choice */
    OPTION_SECRET = 4096,   /* its value is for nobody else, but for the name of a file after @ */
    OPTION_TYPED = 512,     /* on the command line only, in no file */
};

struct option_def {
    enum option_kind kind;
    char short_name;         /* 0 = none */
    const char *word, *name; /* "--users", "users" */
    const char *env;         /* NULL = none */
    const char *dest;        /* NULL: not in JSON */
    const char *metavar, *expects, *help;
    const char *choices; /* with blanks between; NULL: anything */
    const char *initial_text;
    double initial, min, max;
    size_t offset; /* in struct options */
    unsigned marks;
    const char *group, *note; /* set where a group begins, and then there is no name */
};

#define OPTIONS_WORD_MAX 96

extern const struct option_def option_table[];
extern const size_t option_count;

#define OPTION_FIELD(o, def, type) ((type *)(void *)((char *)(o) + (def)->offset))
#define OPTION_FIELD_CONST(o, def, type)                                                           \
    ((type const *)(const void *)((const char *)(o) + (def)->offset))

static inline bool option_takes_list(const struct option_def *d)
{
    return d->kind == OPTION_LIST || d->kind == OPTION_USERS_JSON;
}

static inline bool option_has_list(const struct option_def *d)
{
    return option_takes_list(d) || d->kind == OPTION_LINES;
}

static inline bool option_takes_value(const struct option_def *d)
{
    return d->kind != OPTION_FLAG && d->kind != OPTION_HELP && d->kind != OPTION_VERSION &&
           d->kind != OPTION_LEGACY;
}

/* The option of exactly that long name, or else the only one that it is a prefix of, among those
 * that have all of these marks. NULL when there is none, or several: *hits (may be NULL) is how
 * many fit. */
const struct option_def *option_find(const char *name, size_t len, unsigned marks, size_t *hits);
const struct option_def *option_find_short(char name);
/* An option that is OPTION_APART, if word names it and its value, glued on or next, has a "=". */
const struct option_def *option_find_apart(const char *word, const char *next);

/* Writes "katydid: error: …" (or "locust: …") to stderr. Always returns 2. */
int option_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* In Locust's words by the name locust (options_words.c), else with how to mend it behind them.
 * Returns the code. */
int option_refuse(int code, const char *words, const char *mend);
/* What Locust says of a value that it would refuse too; NULL by another name, or where it would
 * take it. To be freed. */
char *option_locusts_words(const struct option_def *d, const char *text);
bool options_is_locust(void);
/* "argument -u/--users", in Locust's order. */
void option_label(char *label, size_t size, const struct option_def *d);

/* Text that is not UTF-8 is refused: JSON, page and workers could only get something else. Returns
 * 0, or 2 after a message. label names the place. */
int option_check_text(const char *label, const char *text);
/* Gives an option its text. label names the place for people: "argument -u/--users". Returns 0,
 * or 2 after a message. Lists are appended to. */
int option_set(struct options *o, const struct option_def *d, const char *label, const char *text);
/* The choice that is meant, whatever its case: its beginning among all of them; NULL: none is. */
const char *option_choice(const struct option_def *d, const char *text);
/* A list that was named is there, even without a word. Forgets what it had. */
void option_start_list(struct options *o, const struct option_def *d);
void option_add_word(char ***list, const char *word); /* NULL-terminated list of copies */
size_t option_list_len(char *const *list);

/* Configuration files. A setting is a key with one text, or with a list. */
struct option_setting {
    const char *key;
    char *const *values; /* count of them */
    size_t count;
    bool is_list, is_bare; /* bare: the key alone, which means true */
    unsigned line;
};
/* 0 to go on; anything else ends the reading and is returned by it. */
typedef int option_setting_cb(void *arg, const char *path, const struct option_setting *s);

#define OPTIONS_FILE_MAX (1u << 20)
/* Read text of a .conf or the table [tool.locust] of a TOML file. Returns what the callback
 * returned, 0 at the end, or 2 after a message about the syntax. text ends with a NUL. */
int options_conf_read(const char *path, const char *text, size_t len, option_setting_cb *cb,
                      void *arg);
int options_toml_read(const char *path, const char *text, size_t len, option_setting_cb *cb,
                      void *arg);
/* The same for a file, by its name. must_exist: 2 and a message when there is none. */
int options_file_read(const char *path, bool must_exist, option_setting_cb *cb, void *arg);
/* Splits "[a, b]" (JSON or bare words) into a NULL-terminated list; NULL when text is no list. */
char **options_split_list(const char *text);
void options_free_list(char **list);
