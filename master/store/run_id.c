// SPDX-License-Identifier: MIT
#include "master/store/run_id.h"
#include <stdint.h>
#include <string.h>

static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void run_id_make(char id[static RUN_ID_SIZE], double unix_time,
                 const unsigned char random[static RUN_ID_RANDOM])
{
    uint64_t ms = unix_time > 0 ? (uint64_t)(unix_time * 1000) : 0;
    for (int i = 9; i >= 0; i--, ms >>= 5)
        id[i] = letters[ms & 31];
    for (int i = 0; i < 16; i++) { /* 5 bits each */
        const int bit = i * 5, byte = bit / 8, shift = bit % 8;
        const unsigned two = (unsigned)random[byte] << 8 |
                             (byte + 1 < RUN_ID_RANDOM ? (unsigned)random[byte + 1] : 0);
        id[10 + i] = letters[two >> (11 - shift) & 31];
    }
    id[RUN_ID_SIZE - 1] = '\0';
}

bool run_id_is(const char *text)
{
    return strlen(text) == RUN_ID_SIZE - 1 && strspn(text, letters) == RUN_ID_SIZE - 1 &&
           text[0] < '8';
}
