// SPDX-License-Identifier: MIT
#pragma once
/* utf8: whether bytes that come in pieces are UTF-8 (RFC 3629). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8_check {    /* zero-initialise */
    uint8_t wanted;    /* bytes that the character begun still needs */
    uint8_t low, high; /* between which the next one is */
};

/* False: they are none, at the first byte that shows it. */
bool utf8_check_more(struct utf8_check *c, const void *bytes, size_t len);
static inline bool utf8_check_is_whole(const struct utf8_check *c)
{
    return c->wanted == 0;
}
