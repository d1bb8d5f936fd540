// SPDX-License-Identifier: MIT
#pragma once
/* A test's own folder. */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

/* With the files in it; it holds no folders. 0, or -1. */
static inline int remove_with_files(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d)
        return -1;
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    closedir(d);
    return rmdir(folder);
}
