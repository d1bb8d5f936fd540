// SPDX-License-Identifier: MIT
#pragma once
/* document: a file that is written once, at the end, from the last snapshot: JUnit, summaries,
 * OpenMetrics. Each is a function that appends its text; documents.def is the list of them. */
#include "common/base/sbuf.h"
#include "master/out/output.h"
#include <jansson.h>

typedef void document_write(const struct snapshot *last, struct sbuf *out);

#define DOCUMENT(option, field, write) document_write write;
#include "master/out/documents.def"
#undef DOCUMENT
/* For a job's page on GitHub, as Markdown, the lines that become annotations, and KEY=VALUE for
 * later steps. */
document_write github_summary_write, github_annotations_write, github_values_write;

/* The verdict of the last snapshot (docs/api.md); json_decref it. Never NULL. */
json_t *document_verdict(const struct snapshot *last);
/* A text member, or "". */
const char *document_text(const json_t *object, const char *key);
double document_number(const json_t *object, const char *key); /* NaN: none */
bool document_bool(const json_t *object, const char *key);
/* The sentence behind a state: "412.3ms (n=18231)", or why there is none. */
void document_add_value(const json_t *threshold, struct sbuf *out);
/* "worker W, from 12:03:44 to 12:03:50 (cpu)": seconds that are not valid, in local time. */
void document_add_span(const json_t *span, struct sbuf *out);
/* -1, and *why (malloced): that file cannot be written. */
int document_fail(char **why, const char *path, int error);
