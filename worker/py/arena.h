// SPDX-License-Identifier: MIT
#pragma once
/* arena: where CPython gets its pages from. */

#include <stddef.h>

enum { ARENA_SMALL = 1536 }; /* bytes */

/* Call once, before there are greenlets. */
void arena_install(void);

/* ARENA_SMALL bytes, which the arena allocator takes back; NULL where there is no memory, or where
 * nothing was installed. */
void *arena_small_chunk(void);
