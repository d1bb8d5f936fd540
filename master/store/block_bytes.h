// SPDX-License-Identifier: MIT
#pragma once
/* block_bytes: blocks of the timeline as bytes of a file, and back. Pure.
 *
 *   block   start, span, users, target, cpu (float), lag (float); rows, healths, failures: each the
 *           number of them, then id's gap, length and bytes of each
 *
 * Whole numbers as LEB128. What is read may be a stranger's: everything is checked, histograms
 * too. */
#include "common/base/sbuf.h"
#include "master/data/timeline_block.h"

void block_bytes_put(struct sbuf *out, const struct timeline_block *b);
/* Of a block only the total and these rows, no workers and no failures. */
struct block_rows {
    const bool *is_wanted; /* by the row's number */
    size_t count;
};
/* The next block at *p, with one reference; NULL: malformed. is_ours: these bytes were written by
 * this program and are whole, so that what is in rows need not be looked through. rows NULL: all
 * that it has. */
struct timeline_block *block_bytes_read(const unsigned char **p, const unsigned char *end,
                                        struct timeline_builder *b, bool is_ours,
                                        const struct block_rows *rows);
/* Whether these are the bytes of one good record of a row. */
bool block_bytes_is_record(const unsigned char *bytes, size_t len);
