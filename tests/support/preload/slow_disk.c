// SPDX-License-Identifier: MIT
/* A disk that stands still while a test wants it to: preloaded, a write(2) to a file whose path has
 * the text of SLOW_DISK in it waits as long as the file SLOW_DISK_WHILE is there. */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_slow(int fd)
{
    const char *part = getenv("SLOW_DISK");
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = part ? readlink(link, path, sizeof path - 1) : -1;
    path[len < 0 ? 0 : len] = 0;
    return len > 0 && strstr(path, part) != NULL;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    const char *gate = getenv("SLOW_DISK_WHILE");
    while (gate && is_slow(fd) && access(gate, F_OK) == 0)
        usleep(10000);
    return syscall(SYS_write, fd, bytes, len);
}
