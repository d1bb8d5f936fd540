// SPDX-License-Identifier: MIT
/* Growth doubles, so appending is amortised O(1); one byte is always kept for the NUL. */
#include "common/base/sbuf.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/base/varint.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sbuf_fini(struct sbuf *b)
{
    free(b->data);
    *b = (struct sbuf){0};
}

void sbuf_clear(struct sbuf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = 0;
}

bool sbuf_try_reserve(struct sbuf *b, size_t more)
{
    if (more < b->cap && b->len < b->cap - more)
        return true;
    if (more > SIZE_MAX / 2 - b->len - 1)
        return false;
    size_t need = b->len + more + 1;
    size_t cap = b->cap ? b->cap * 2 : 64;
    if (cap < need)
        cap = need;
    char *data = mem_try_realloc(b->data, cap);
    if (!data)
        return false;
    b->data = data;
    b->cap = cap;
    return true;
}

void sbuf_reserve(struct sbuf *b, size_t more)
{
    if (!sbuf_try_reserve(b, more))
        mem_refused("room for a text");
}

void sbuf_add(struct sbuf *b, const void *bytes, size_t len)
{
    sbuf_reserve(b, len);
    if (len)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = 0;
}

void sbuf_adds(struct sbuf *b, const char *text)
{
    sbuf_add(b, text, strlen(text));
}

void sbuf_addc(struct sbuf *b, char c)
{
    sbuf_reserve(b, 1);
    b->data[b->len++] = c;
    b->data[b->len] = 0;
}

void sbuf_addv(struct sbuf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    sbuf_reserve(b, 128);
    int n = vsnprintf(b->data + b->len, b->cap - b->len, format, args);
    if (n < 0)
        mem_refused("a formatted text"); /* nothing else can be wrong with our own formats */
    if ((size_t)n >= b->cap - b->len) {
        sbuf_reserve(b, (size_t)n);
        vsnprintf(b->data + b->len, b->cap - b->len, format, again);
    }
    b->len += (size_t)n;
    va_end(again);
}

void sbuf_addf(struct sbuf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sbuf_addv(b, format, args);
    va_end(args);
}

char *sbuf_words(const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    return sbuf_take(&text);
}

bool sbuf_refuse(char **why, const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    *why = sbuf_take(&text);
    return false;
}

/* Writes the digits that end at `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t number)
{
    do
        *--end = (char)('0' + number % 10);
    while (number /= 10);
    return end;
}

void sbuf_add_u64(struct sbuf *b, uint64_t number)
{
    char text[24], *end = text + sizeof text;
    char *start = digits_before(end, number);
    sbuf_add(b, start, (size_t)(end - start));
}

void sbuf_add_decimal(struct sbuf *b, double number)
{
    char text[32], *end = text + sizeof text;
    double size = number < 0 ? -number : number;
    if (!(size < 1e15)) {
        sbuf_add(b, "null", 4);
        return;
    }
    uint64_t thousandths = (uint64_t)(size * 1000 + 0.5);
    uint64_t part = thousandths % 1000, whole = thousandths / 1000;
    char *start = end;
    if (part > 0) {
        char *last = end;
        start = digits_before(end, part + 1000);
        *start = '.'; /* the 1 that kept the zeros */
        while (last[-1] == '0')
            last--;
        end = last;
    }
    start = digits_before(start, whole);
    if (number < 0 && thousandths > 0)
        *--start = '-';
    sbuf_add(b, start, (size_t)(end - start));
}

char *sbuf_take(struct sbuf *b)
{
    sbuf_add(b, "", 0);
    char *text = b->data;
    *b = (struct sbuf){0};
    return text;
}

/* Bytes that may stand in a JSON string as they are. */
static size_t plain_prefix(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
            break;
        size_t n = c < 0x80 ? 1 : utf8_next(text + i, len - i, NULL);
        if (!n)
            break;
        i += n;
    }
    return i;
}

static void add_json_escape(struct sbuf *b, unsigned char c)
{
    switch (c) {
    case '"':
        sbuf_adds(b, "\\\"");
        break;
    case '\\':
        sbuf_adds(b, "\\\\");
        break;
    case '\n':
        sbuf_adds(b, "\\n");
        break;
    case '\r':
        sbuf_adds(b, "\\r");
        break;
    case '\t':
        sbuf_adds(b, "\\t");
        break;
    default:
        if (c < 0x80)
            sbuf_addf(b, "\\u%04x", c);
        else
            sbuf_adds(b, "\\ufffd");
    }
}

void sbuf_add_json(struct sbuf *b, const char *text, size_t len)
{
    sbuf_addc(b, '"');
    while (len) {
        size_t n = plain_prefix(text, len);
        sbuf_add(b, text, n);
        if (n < len)
            add_json_escape(b, (unsigned char)text[n++]);
        text += n;
        len -= n;
    }
    sbuf_addc(b, '"');
}

void sbuf_add_json_member(struct sbuf *b, const char *key, const char *text)
{
    sbuf_adds(b, ",\"");
    sbuf_adds(b, key);
    sbuf_adds(b, "\":");
    if (text)
        sbuf_add_json(b, text, strlen(text));
    else
        sbuf_adds(b, "null");
}

/* The field begins with `before`. */
static void add_csv(struct sbuf *b, const char *before, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        sbuf_addf(b, "%s%s", before, text);
        return;
    }
    sbuf_addf(b, "\"%s", before);
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            sbuf_addc(b, '"');
        sbuf_addc(b, *p);
    }
    sbuf_addc(b, '"');
}

void sbuf_add_csv(struct sbuf *b, const char *text)
{
    add_csv(b, "", text);
}

void sbuf_add_csv_no_formula(struct sbuf *b, const char *text)
{
    const bool is_formula = *text && strchr("=+-@\t\r", *text);
    add_csv(b, is_formula ? "'" : "", text);
}

void sbuf_add_varint(struct sbuf *b, uint64_t number)
{
    unsigned char bytes[VARINT_MAX];
    const unsigned char *end = varint_put(bytes, number);
    sbuf_add(b, bytes, (size_t)(end - bytes));
}
