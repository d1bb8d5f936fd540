// SPDX-License-Identifier: MIT
/* Any bytes as two files of requests that are to be one (what is behind the first NUL is the
 * second): it ends, with a code. */
#include "master/app/merge_command.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    stderr = fopen("/dev/null", "we"); /* the fuzzer writes to the descriptor */
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char second[64], output[] = "/dev/null";
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    const size_t first_len = nul ? (size_t)(nul - data) : size;
    const size_t rest = nul ? size - first_len - 1 : 0;
    if (fd < 0)
        fd = memfd_create("second", MFD_CLOEXEC);
    MUST(ftruncate(fd, 0) == 0 && pwrite(fd, data + size - rest, rest, 0) == (ssize_t)rest);
    snprintf(second, sizeof second, "/proc/self/fd/%d", fd);
    char first[64], name[] = "katydid", word[] = "merge", option[] = "--output";
    snprintf(first, sizeof first, "%s", fuzz_file(data, first_len));
    char *argv[] = {name, word, option, output, first, second, NULL};
    const int code = merge_command(6, argv);
    MUST(code >= 0 && code < 256);
    return 0;
}
