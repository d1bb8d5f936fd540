// SPDX-License-Identifier: MIT
#pragma once
/* hchunk: takes the framing off a chunked body (RFC 9112 7.1), byte ranges in, data spans out. What
 * follows the last chunk, trailers or none and an empty line, is its caller's to read.
 *
 * As tolerant as the clients people know: sizes padded with blanks or led by zeros, a bare line
 * feed wherever a line ends, any extension. Not guessed: a size that is no number, and a chunk that
 * does not end where its size says. Nothing is kept of what was read but numbers.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hchunk {    /* all zero at the start */
    uint64_t left; /* of the chunk's data; while a size is read: its value so far */
    uint8_t state;
    bool has_digits, has_prefix;
    bool is_odd; /* read, though others might read it otherwise */
};

enum hchunk_step {
    HCHUNK_MORE, /* all bytes used */
    HCHUNK_DATA, /* *span is some of the body; go on behind it */
    HCHUNK_END,  /* the line of the last chunk is used, whose size is 0 */
    HCHUNK_BAD,
};

struct hchunk_span {
    const char *bytes;
    size_t len;
};

/* Moves *at on, up to end. */
enum hchunk_step hchunk_next(struct hchunk *c, const char **at, const char *end,
                             struct hchunk_span *span);
/* Is the body whole although the connection ends here? Yes once the last chunk's size was seen. */
bool hchunk_may_end(const struct hchunk *c);
/* What is wrong after HCHUNK_BAD. */
const char *hchunk_what(const struct hchunk *c);
