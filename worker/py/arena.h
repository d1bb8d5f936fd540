// SPDX-License-Identifier: MIT
#pragma once
/* arena: where CPython gets its pages from. */

/* Call once, before there are greenlets. */
void arena_install(void);
