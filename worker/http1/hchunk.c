// SPDX-License-Identifier: MIT
/* One state for each place in the grammar; only data is taken in ranges, the rest byte by byte: it
 * is short, and its length is limited by the caller. */
#include "worker/http1/hchunk.h"

enum state {
    SIZE_START, /* blanks before a size */
    SIZE_DIGITS,
    SIZE_PADDED, /* blanks behind it */
    SIZE_EXTENSION,
    DATA,
    DATA_CR, /* behind the data: CR LF, or LF */
    DATA_LF, /* CR was read */
    OVER,
    BAD_SIZE,
    BAD_DATA,
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static enum state end_size(struct hchunk *c)
{
    if (!c->has_digits)
        return BAD_SIZE;
    return c->left ? DATA : OVER;
}

static enum state take_digit(struct hchunk *c, int digit)
{
    if (c->left >> 60)
        return BAD_SIZE;
    c->left = c->left * 16 + (unsigned)digit;
    c->has_digits = true;
    return SIZE_DIGITS;
}

/* "+5" and "0x5" are what int(text, 16) takes too. */
static bool is_prefix(struct hchunk *c, char byte)
{
    if (c->has_prefix || c->left)
        return false;
    const bool is_sign = c->state == SIZE_START && byte == '+';
    const bool is_x = c->state == SIZE_DIGITS && (byte | 0x20) == 'x';
    if (!is_sign && !is_x)
        return false;
    c->has_prefix = c->is_odd = true;
    c->has_digits = false;
    return true;
}

static enum state size_byte(struct hchunk *c, char byte)
{
    if (byte == '\n')
        return end_size(c);
    if (c->state == SIZE_EXTENSION)
        return SIZE_EXTENSION;
    const int digit = digit_of(byte);
    if (digit >= 0)
        return c->state == SIZE_PADDED ? BAD_SIZE : take_digit(c, digit);
    if (is_prefix(c, byte))
        return SIZE_DIGITS;
    if (c->state == SIZE_START && is_blank(byte))
        return SIZE_START;
    if (!c->has_digits)
        return BAD_SIZE;
    if (is_blank(byte))
        return SIZE_PADDED;
    return byte == ';' ? SIZE_EXTENSION : BAD_SIZE;
}

static void start_size(struct hchunk *c)
{
    c->left = 0;
    c->has_digits = c->has_prefix = false;
    c->state = SIZE_START;
}

static void data_end_byte(struct hchunk *c, char byte)
{
    if (byte == '\n')
        start_size(c);
    else
        c->state = c->state == DATA_CR && byte == '\r' ? DATA_LF : BAD_DATA;
}

static void step(struct hchunk *c, char byte)
{
    if (c->state > DATA)
        data_end_byte(c, byte);
    else
        c->state = (uint8_t)size_byte(c, byte);
}

enum hchunk_step hchunk_next(struct hchunk *c, const char **at, const char *end,
                             struct hchunk_span *span)
{
    while (*at < end) {
        if (c->state == DATA) {
            const size_t there = (size_t)(end - *at);
            *span = (struct hchunk_span){*at, c->left < there ? (size_t)c->left : there};
            *at += span->len;
            c->left -= span->len;
            if (!c->left)
                c->state = DATA_CR;
            return HCHUNK_DATA;
        }
        step(c, *(*at)++);
        if (c->state >= OVER)
            return c->state == OVER ? HCHUNK_END : HCHUNK_BAD;
    }
    return HCHUNK_MORE;
}

bool hchunk_may_end(const struct hchunk *c)
{
    return c->state == OVER || (c->state < DATA && c->has_digits && !c->left);
}

const char *hchunk_what(const struct hchunk *c)
{
    return c->state == BAD_SIZE ? "chunk size is no number" : "chunk longer than its size";
}
