// SPDX-License-Identifier: MIT
#pragma once
/* list: thresholds from all the places that people write them in, as one list.
 *
 * A value is a text of ours, a table of fields, k6's {key: [expression, {threshold, abortOnFail,
 * delayAbortEval}]}, or a list of these. What is wrong comes as one sentence that names the place.
 * Pure: files are read by others. */
#include "master/verdict/threshold.h"
#include <jansson.h>

struct threshold_list {
    struct threshold *items; /* owned */
    size_t count;
};

#define THRESHOLDS_MAX 1000

void threshold_list_fini(struct threshold_list *l);
/* dst += src */
void threshold_list_add_all(struct threshold_list *dst, const struct threshold_list *src);

/* Each 0, or -1 and *why (malloced); the list is then as far as it came. source: where it stands,
 * "--threshold" or "gates.json"; a table may name a place of its own in "source". */
int threshold_list_text(struct threshold_list *l, const char *text, const char *source, char **why);
int threshold_list_json(struct threshold_list *l, const json_t *value, const char *source,
                        char **why);
/* JSON that can be read, with lines: "#field" beside each field, and a text of a list as a table of
 * one field, so that what is wrong is told with its line. Malloced. */
char *threshold_list_mark(const char *json);
/* The resolved list for people: a line each, and what is odd about it. Malloced. */
char *threshold_list_print(const struct threshold_list *l);
