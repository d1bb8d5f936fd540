// SPDX-License-Identifier: MIT
#pragma once
/* arena: where CPython gets its pages from. */

/* Call once, between pre-initialisation and initialisation of Python. */
void arena_install(void);
