// SPDX-License-Identifier: MIT
#pragma once
/* What fuzzers have in common: an input as a text, or as a file. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(2, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to the first NUL, in memory that is just as long; to be freed. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
    return strndup((const char *)data, size);
}

/* The name of a file that has these bytes; there is one, which has others the next time. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

/* What is said of what is wrong: there if, and only if, it is. Frees it. */
static inline void fuzz_why(bool is_right, char *why)
{
    MUST(is_right ? !why : why && *why);
    free(why);
}
