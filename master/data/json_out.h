// SPDX-License-Identifier: MIT
#pragma once
/* json_out: JSON as Locust's web routes write it: two spaces of indentation, one member a line, a
 * line end behind the document. The caller gives the keys in alphabetical order, as Locust has
 * them.
 */
#include "common/base/sbuf.h"
#include <stdbool.h>

struct json_out {
    struct sbuf *out; /* borrowed */
    unsigned depth;
    bool is_empty; /* nothing yet in the innermost object or array */
};

void json_out_init(struct json_out *j, struct sbuf *out);
/* key NULL: an element of an array, or the document. */
void json_out_open(struct json_out *j, const char *key, char bracket); /* '{' or '[' */
void json_out_close(struct json_out *j, char bracket);                 /* '}' or ']' */
void json_out_text(struct json_out *j, const char *key, const char *text);
void json_out_count(struct json_out *j, const char *key, unsigned long long number);
void json_out_float(struct json_out *j, const char *key, double number); /* not finite: null */
/* Whole milliseconds; not finite: null. */
void json_out_whole(struct json_out *j, const char *key, double number);
void json_out_bool(struct json_out *j, const char *key, bool is_true);
