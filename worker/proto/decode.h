// SPDX-License-Identifier: MIT
#pragma once
/* decode: Content-Encoding undone, piece by piece: gzip, deflate (zlib or raw), br, zstd, chains.
 *
 * Output is bounded by the caller at every step, whatever the input claims. Bytes behind the end of
 * a compressed stream are ignored, as browsers do; a stream that ends early is an error.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/base/sbuf.h"

#define DECODE_MAX_CODINGS 5

struct decode;

enum decode_step {
    DECODE_OK,   /* all input taken, all output there is was given */
    DECODE_FULL, /* out has reached max: go on with the rest of the input, which may be empty */
    DECODE_BAD,
    DECODE_NO_MEMORY, /* for the output */
};

/* Adds one Content-Encoding value (a list, in the order of encoding); *d is made on first use.
 * False when a coding is not known, or too many: then the body cannot be decoded. *d is NULL as
 * long as no coding was known. */
bool decode_add(struct decode **d, const char *codings, size_t len);
void decode_free(struct decode *d);

/* Appends to out while it is shorter than max; *bytes and *len move behind what was taken. */
enum decode_step decode_write(struct decode *d, const char **bytes, size_t *len, struct sbuf *out,
                              size_t max);
/* No more input: is it complete? Nothing at all counts as complete. */
bool decode_is_complete(const struct decode *d);
