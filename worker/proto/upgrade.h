// SPDX-License-Identifier: MIT
#pragma once
/* upgrade: an exchange whose answer is 101 leaves its connection to its owner.
 *
 * The request has an Upgrade header, and goes to a target that speaks HTTP/1.1. The exchange ends
 * as any other; its connection is no longer the client's. What came behind the head is the
 * response's body, collected and not decoded.
 */
#include <stdbool.h>

struct fetch;
struct stream;

/* Moves the stream to *s, once. False: there is none. The exchange's origin must outlive it. */
bool fetch_take_stream(struct fetch *f, struct stream *s);
