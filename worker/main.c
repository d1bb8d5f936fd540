// SPDX-License-Identifier: MIT
/* katydid-worker: generates load by running the user's Python. People type `katydid`, which starts
 * this program; --python is for trying things in a worker's environment.
 */
#include "worker/py/embed.h"
#include "common/base/mem.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "katydid-worker " KATYDID_VERSION " - the load generator of katydid\n"
    "\n"
    "  katydid-worker --config FILE          run as katydid told in FILE (see docs/wire.md)\n"
    "  katydid-worker --python FILE [ARG …]  run a Python script on the worker's loop\n"
    "  katydid-worker --version | --help\n"
    "\n"
    "To start a worker for a master on another machine: katydid --worker --master-host HOST\n";

#ifdef KATYDID_SANITIZE
/* gevent's and CPython's own leftovers at the end hide ours; the unit tests look for leaks. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

/* A hundred thousand users are spread over a gigabyte, and every wake-up touches a dozen places of
 * it: with 4 KiB pages the address look-ups cost more than the work. glibc asks for huge pages
 * only when told at program start: by a master that starts us (children.c), else the program
 * starts itself once more. */
static void use_huge_pages(char **argv)
{
#ifndef KATYDID_SANITIZE
    const char *tunables = getenv(MEM_HUGE_PAGES_NAME);
    if (tunables && strcmp(tunables, MEM_HUGE_PAGES_VALUE) == 0) {
        unsetenv(MEM_HUGE_PAGES_NAME); /* not for what the user's code starts */
    } else if (!tunables && setenv(MEM_HUGE_PAGES_NAME, MEM_HUGE_PAGES_VALUE, 1) == 0) {
        char self[PATH_MAX];
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        self[len > 0 ? len : 0] = '\0';
        execv(self, argv);
        unsetenv(MEM_HUGE_PAGES_NAME);
    }
#else
    (void)argv;
#endif
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    use_huge_pages(argv);
    if (strcmp(word, "--config") == 0 && argc == 3)
        return embed_run(EMBED_WORKER, 1, argv + 2);
    if (strcmp(word, "--python") == 0 && argc > 2)
        return embed_run(EMBED_SCRIPT, argc - 2, argv + 2);
    if (strcmp(word, "--version") == 0 && argc <= 3) { /* `katydid --version` gives its own words */
        embed_print_version(argc == 3 ? argv[2] : "katydid-worker " KATYDID_VERSION);
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return fputs(usage, stdout) < 0;
    fputs(usage, stderr);
    return 2;
}
