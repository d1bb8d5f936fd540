// SPDX-License-Identifier: MIT
#pragma once
/* py_span: the parts of a span as protobuf (opentelemetry.proto.trace.v1.Span, with the key that it
 * has in ScopeSpans). What may hold secrets is masked, texts are made UTF-8, and an attribute that
 * has no text is left out. Times are unix, in nanoseconds. After Python.h; with the GIL. */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "worker/py/py_trace.h"

#define SPAN_TEXT_MOST 1024
#define SPAN_URL_MOST 2048

enum span_kind { SPAN_INTERNAL = 1, SPAN_CLIENT = 3 };

/* With the ids of its mark; for span_close. */
size_t span_open(struct sbuf *b, const struct trace_mark *mark, enum span_kind kind);
void span_close(struct sbuf *b, size_t at);
void span_name(struct sbuf *b, const char *name, size_t len);
void span_times(struct sbuf *b, uint64_t start_ns, uint64_t end_ns);
void span_text(struct sbuf *b, const char *key, const char *text, size_t len);
void span_word(struct sbuf *b, const char *key, const char *word);
void span_number(struct sbuf *b, const char *key, uint64_t number);
/* url.full, of at most SPAN_URL_MOST bytes. */
void span_url(struct sbuf *b, const char *url, size_t len);
/* server.address and server.port; authority: without user and password. */
void span_server(struct sbuf *b, const char *authority, size_t len, bool is_tls);
void span_event(struct sbuf *b, const char *name, uint64_t at_ns);
void span_link(struct sbuf *b, const struct trace_mark *to);
/* Its status: an error. */
void span_failure(struct sbuf *b, const char *failure, size_t len);
/* A str as text, borrowed; "" of anything else. Leaves no exception. */
const char *span_text_of(PyObject *o, size_t *len);
