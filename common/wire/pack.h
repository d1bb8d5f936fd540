// SPDX-License-Identifier: MIT
#pragma once
/* pack: msgpack values appended to a buffer, for who writes a few of them and knows no msgpack. */
#include <stddef.h>
#include <stdint.h>

struct sbuf;

void pack_map(struct sbuf *out, size_t pairs); /* these follow: key, value, key, value … */
void pack_array(struct sbuf *out, size_t values);
void pack_text(struct sbuf *out, const char *text);              /* NULL: nil */
void pack_chars(struct sbuf *out, const char *text, size_t len); /* text of any bytes */
void pack_number(struct sbuf *out, double number);
void pack_whole(struct sbuf *out, uint64_t number);
void pack_nil(struct sbuf *out);
