// SPDX-License-Identifier: MIT
#pragma once
/* journal_file: the file of a journal. What is put there is written whole or not at all; packed
 * files are blocks one after the other, each of which can be read by itself (members of gzip,
 * frames of zstd). */
#include "common/base/sbuf.h"
#include <stdbool.h>
#include <sys/types.h>

struct journal_file;

/* "-": standard output. is_more: behind what is there. NULL with errno. May wait. */
struct journal_file *journal_file_open(const char *path, bool is_more);
bool journal_file_is_empty(const struct journal_file *f);
bool journal_file_is_packed(const struct journal_file *f);
int journal_file_put(struct journal_file *f, const char *bytes, size_t len); /* errno or 0 */
/* Whether what was put there can still be found. */
enum journal_place_of_file { FILE_IS_THERE, FILE_IS_MOVED, FILE_IS_REMOVED };
enum journal_place_of_file journal_file_look(const struct journal_file *f);
int journal_file_close(struct journal_file *f); /* errno or 0; frees */
