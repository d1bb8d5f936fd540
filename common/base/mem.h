// SPDX-License-Identifier: MIT
#pragma once
/* mem: memory that is there or the program is not. For sizes a peer chooses, check first. */
#include <stddef.h>

void *mem_zalloc(size_t size); /* zeroed */
void *mem_realloc(void *p, size_t size);
void *mem_dup(const void *bytes, size_t len); /* a NUL follows the copy */
char *mem_strdup(const char *text);
