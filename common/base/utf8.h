// SPDX-License-Identifier: MIT
#pragma once
/* utf8: tells text from noise. Strict: no surrogates, no overlong forms, nothing above U+10FFFF. */
#include <stddef.h>
#include <stdint.h>

struct sbuf;

/* Length in bytes (1..4) of the valid sequence at the start of text, with its code point in *cp
 * when cp is not NULL; 0 when text starts with something that is not UTF-8, or len is 0. */
size_t utf8_next(const char *text, size_t len, uint32_t *cp);

/* How many bytes from the start are valid; len when all are. */
size_t utf8_valid_prefix(const char *text, size_t len);

/* The longest prefix of valid text with at most max bytes that does not split a character. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* Appends text with each invalid byte replaced by U+FFFD. */
void utf8_add_clean(struct sbuf *b, const char *text, size_t len);
