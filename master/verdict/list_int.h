// SPDX-License-Identifier: MIT
#pragma once
/* list_int: private to the list*.c files. Each int is 0, or -1 and *why (malloced). */
#include "master/verdict/list.h"

/* "source: what: column N: text"; what: NULL, none. Always -1. */
int list_fail(char **why, const char *source, const char *what, const struct threshold_error *e);
int list_fail_words(char **why, const char *source, const char *what, const char *words);
/* Takes t. */
int list_take(struct threshold_list *l, struct threshold *t, const char *source, char **why);
int list_add_k6(struct threshold_list *l, const char *key, const char *expression,
                const char *source, char **why);

/* A table of fields; it may name a place of its own in "source", and lines in "#field". */
int list_add_table(struct threshold_list *l, const json_t *object, const char *source, char **why);
bool list_is_field(const char *key);
/* Of a field: "#field" beside it, from a file whose lines are known; 0: unknown. */
long list_line_of(const json_t *object, const char *key);
