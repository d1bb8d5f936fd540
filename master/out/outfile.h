// SPDX-License-Identifier: MIT
#pragma once
/* outfile: the files that a run leaves behind. Their folders are made, and whether they can be
 * written is known before the test, not after it. */
#include <stdbool.h>

/* The folders that path lies in, as mkdir -p. 0, or -1 with errno set. */
int outfile_make_folders(const char *path);

/* Makes the folders and tries to write, without changing a file that is there and without leaving
 * one that is not. 0, or -1 and *why (malloced): a message that names the option. */
int outfile_check(const char *option, const char *path, char **why);

/* The same, and the file is that owner's from now on: another one is refused it, by whatever
 * spelling or link, for two that write one file spoil it. What is no ordinary file may have
 * several. path: NULL is standard output. Any thread. */
int outfile_claim(const void *owner, const char *option, const char *path, char **why);
/* Of files whose names get more put into them, and may be made elsewhere: nothing is tried, and
 * only others of these are refused the name. */
int outfile_claim_stem(const void *owner, const char *option, const char *path, char **why);
/* Whatever that owner claimed is free again: it writes no more. */
void outfile_release(const void *owner);
/* Whether standard output is somebody's. */
bool outfile_has_stdout(void);

/* Makes the file anew with that text. 0, or an errno. */
struct sbuf;
int outfile_write(const char *path, const struct sbuf *text);
