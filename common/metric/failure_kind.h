// SPDX-License-Identifier: MIT
#pragma once
/* failure_kind: what a failure's text has in common with others of its kind. Numbers, ids, tokens
 * and addresses become "#"; a status such as 404 stays, for it says what failed. The kind of a kind
 * is itself, and never longer than the text. Pure. */
struct sbuf;

void failure_kind_add(struct sbuf *out, const char *text);
