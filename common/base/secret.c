// SPDX-License-Identifier: MIT
#include "common/base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define AT_ONCE 256 /* more may come in pieces */

void secret_bytes(void *bytes, size_t len)
{
    for (char *to = bytes; len > 0;) {
        const size_t part = len < AT_ONCE ? len : AT_ONCE;
        if (getrandom(to, part, 0) != (ssize_t)part) {
            perror("getrandom");
            abort();
        }
        to += part;
        len -= part;
    }
}

void secret_hex(char *out, size_t digits)
{
    unsigned char byte = 0;
    for (size_t i = 0; i < digits; i++) {
        if (i % 2 == 0)
            secret_bytes(&byte, 1);
        out[i] = "0123456789abcdef"[i % 2 ? byte & 15 : byte >> 4];
    }
    out[digits] = '\0';
}
