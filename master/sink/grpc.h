// SPDX-License-Identifier: MIT
#pragma once
/* grpc: one call with one answer (unary) over an http_post that speaks HTTP/2: a message with five
 * bytes before it, and a status in the trailers. */
#include "master/sink/http_post.h"

/* Puts those bytes before a message. */
void grpc_frame(struct sbuf *message, bool is_gzip);
/* Headers of all calls. */
void grpc_prepare(struct http_post *h, bool is_gzip);
/* path: /PACKAGE.SERVICE/METHOD. answer: the message that came back, of the body of a; or empty.
 * Which trouble is worth another try is as OpenTelemetry has it: a resource that is exhausted only
 * if the receiver says when to come again. */
enum delivery grpc_call(struct http_post *h, const char *path, const struct sbuf *framed,
                        double timeout_s, struct http_answer *a, struct sbuf *answer,
                        struct delivery_trouble *t);
