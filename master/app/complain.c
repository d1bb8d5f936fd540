// SPDX-License-Identifier: MIT
#include "master/app/complain.h"

#include "common/run/exit_code.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("katydid: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

int complain_failed(char *why)
{
    fprintf(stderr, "katydid: %s\n", why);
    free(why);
    return EXIT_FAILED;
}
