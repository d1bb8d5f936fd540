// SPDX-License-Identifier: MIT
#pragma once
/* secret: what nobody can guess, from the kernel. Aborts where it has none to give. */
#include <stddef.h>

void secret_bytes(void *bytes, size_t len);
/* So many hexadecimal digits, four bits each, and a NUL. */
void secret_hex(char *out, size_t digits);
