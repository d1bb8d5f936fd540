// SPDX-License-Identifier: MIT
#pragma once
/* sbuf: a growing byte string. Always NUL-terminated once written. Where memory is refused the
 * program ends (mem.h); who appends what a peer sends asks sbuf_try_reserve first. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbuf {
    char *data; /* owned; NULL while empty */
    size_t len, cap;
};

void sbuf_fini(struct sbuf *b);
void sbuf_clear(struct sbuf *b);                    /* keeps the memory */
void sbuf_reserve(struct sbuf *b, size_t more);     /* room for that many bytes and a NUL */
bool sbuf_try_reserve(struct sbuf *b, size_t more); /* false: refused, and b is as it was */
void sbuf_add(struct sbuf *b, const void *bytes, size_t len);
void sbuf_adds(struct sbuf *b, const char *text);
void sbuf_addc(struct sbuf *b, char c);
void sbuf_addf(struct sbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sbuf_addv(struct sbuf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* A number with at most three decimals and no trailing zeros; "null" when it is none, or of more
 * than 15 digits. Much faster than a format. */
void sbuf_add_decimal(struct sbuf *b, double number);
void sbuf_add_u64(struct sbuf *b, uint64_t number);
void sbuf_add_varint(struct sbuf *b, uint64_t number); /* varint.h */
/* A text alone; malloced. */
char *sbuf_words(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same as why something is refused: false. */
bool sbuf_refuse(char **why, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *sbuf_take(struct sbuf *b); /* malloced, NUL-terminated; b is empty afterwards */
/* text (any bytes) as a JSON string with quotes: controls and invalid UTF-8 become escapes. */
void sbuf_add_json(struct sbuf *b, const char *text, size_t len);
/* ,"key":"text" of an object that has members already; null for NULL. key needs no escapes. */
void sbuf_add_json_member(struct sbuf *b, const char *key, const char *text);
/* text as one field of a CSV file, quoted when it must be. */
void sbuf_add_csv(struct sbuf *b, const char *text);
/* The same; what a spreadsheet would run as a formula gets an apostrophe in front. */
void sbuf_add_csv_no_formula(struct sbuf *b, const char *text);
