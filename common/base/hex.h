// SPDX-License-Identifier: MIT
#pragma once
/* hex: the value of one hexadecimal digit, of either case, and of a byte that is escaped by two.
 * Pure. */
#include <stddef.h>

/* 0 to 15; -1 for any other character. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that %20 and the like stand for; -1: there is none within so many bytes. */
static inline int hex_escaped(const char *at, size_t left)
{
    if (left < 3 || *at != '%')
        return -1;
    const int high = hex_digit(at[1]), low = hex_digit(at[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}
