// SPDX-License-Identifier: MIT
#pragma once
/* handle: how a module knows what it has made. The first member of the struct is a tag of the
 * module's own, HANDLE_MADE with _new and taken away with _free; each function that is given one
 * begins with HANDLE_IS. What is not there, was freed, or is another module's thus ends the program
 * at the door, and not somewhere behind it.
 */
#include <assert.h>
#include <stdint.h>

#define HANDLE_MADE(h, a_tag) ((h)->tag = (a_tag))
#define HANDLE_IS(h, a_tag) assert((h) && (h)->tag == (a_tag))
/* Of what its owner holds by value, and which begins as zeros: known from the first use on. */
#define HANDLE_USED(h, a_tag)                                                                      \
    do {                                                                                           \
        assert((h) && ((h)->tag == 0 || (h)->tag == (a_tag)));                                     \
        HANDLE_MADE(h, a_tag);                                                                     \
    } while (0)
/* volatile: a compiler leaves out what is written to memory that is freed next */
#define HANDLE_ENDS(h) (*(volatile uint32_t *)&(h)->tag = 0)
