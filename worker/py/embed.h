// SPDX-License-Identifier: MIT
#pragma once
/* embed: starts CPython inside this program, runs katydid_boot, ends it again. */

enum embed_mode {
    EMBED_WORKER, /* argument: the configuration file of docs/wire.md */
    EMBED_SCRIPT, /* arguments: a Python script and its own arguments */
};

/* Runs to the end; returns the exit code. Standard output is flushed. */
int embed_run(enum embed_mode mode, int argc, char **argv);
/* "NAME (Python 3.11.2)" to standard output. */
void embed_print_version(const char *name);
