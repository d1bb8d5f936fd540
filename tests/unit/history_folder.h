// SPDX-License-Identifier: MIT
#pragma once
/* history_folder: a folder of its own with a history in it, for each test anew. */
#include "master/store/history.h"
#include "tests/unit/folder.h"
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/katydid-test-XXXXXX";
static struct history *h;

/* 0, or -1. */
static inline int open_history_folder(void)
{
    char *why = NULL;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) && (h = history_open(folder, true, &why)) ? 0 : -1;
}

static inline int close_history_folder(void)
{
    history_close(h);
    return remove_with_files(folder);
}
