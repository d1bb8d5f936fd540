// SPDX-License-Identifier: MIT
#pragma once
/* header: a list of headers as clients give and get it, and what a protocol makes of one. */
#include <stdint.h>

/* Name and value; slices without a NUL. Of a request: a value of NULL stands for what the protocol
 * says there itself, in Host and in Content-Length. */
struct fetch_header {
    const char *name, *value;
    uint32_t name_len, value_len;
};

/* What a protocol made of a list of headers, for the next request with the same list. Whoever keeps
 * it beside the list zeroes it first and frees bytes at the end; the rest is the protocol's. */
struct fetch_kept {
    const void *by; /* the protocol that made it */
    char *bytes;
    uint64_t number;                  /* of no other list; 0 = it has none */
    uint32_t len, host_at, length_at; /* where a value is put in; 0 = nowhere */
};
