// SPDX-License-Identifier: MIT
#pragma once
/* options_toml: what reads lines of TOML has in common. Nothing looks behind the end of the text;
 * what can fail says why, with file and line, and returns 2. */
#include <stdbool.h>
#include <stddef.h>

struct sbuf;

#define TOML_PARTS 16

struct toml {
    const char *path; /* of the file */
    const char *p, *end;
    unsigned line;
    char *table[TOML_PARTS]; /* the current table's name */
    size_t table_parts;
    char *key[TOML_PARTS]; /* the current key */
    size_t key_parts;
    bool is_array; /* the table is one of an array: never an option's */
};

struct toml toml_begin(const char *path, const char *text, size_t len);
int toml_fail(const struct toml *t, const char *what);
bool toml_is_at(const struct toml *t, const char *text);
void toml_skip_spaces(struct toml *t);
void toml_skip_lines(struct toml *t); /* spaces, comments and line ends */
int toml_end_line(struct toml *t);
int toml_read_key(struct toml *t, char **parts, size_t *count); /* dotted; toml_forget it */
int toml_read_header(struct toml *t);                /* "[table]", which is the current one then */
int toml_read_one(struct toml *t, struct sbuf *out); /* a text, number, boolean or date */
void toml_forget(char **parts, size_t *count);
