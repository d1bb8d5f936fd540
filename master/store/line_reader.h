// SPDX-License-Identifier: MIT
#pragma once
/* line_reader: the lines of a file, be it plain, of gzip or of zstd (one member or frame behind the
 * other, too), which is told by its first bytes. */
#include <stddef.h>

#define LINE_MOST (1u << 20)

struct line_reader;
struct line_reader *line_reader_open(const char *path, char **why); /* NULL, and *why (malloced) */
/* The next line, without its end; valid until the next call. NULL: there is no more, or *why. */
const char *line_reader_next(struct line_reader *r, size_t *len, char **why);
void line_reader_close(struct line_reader *r); /* NULL is fine */
