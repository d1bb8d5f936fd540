// SPDX-License-Identifier: MIT
/* options_error: under which name it is said what is wrong. */
#include "master/options/options_table.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Texts of strangers reach the terminal: control characters and noise become "?". */
static void print_clean(const char *text)
{
    for (size_t n; *text; text += n) {
        bool is_control = ((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f;
        n = is_control ? 0 : utf8_next(text, strnlen(text, 4), NULL);
        if (n > 0) {
            fwrite(text, 1, n, stderr);
        } else {
            fputc('?', stderr);
            n = 1;
        }
    }
}

const char *options_program(void)
{
    return strcmp(program_invocation_short_name, "locust") == 0 ? "locust" : "katydid";
}

int option_error(const char *format, ...)
{
    struct sbuf b = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&b, format, args);
    va_end(args);
    fprintf(stderr, "%s: error: ", options_program());
    print_clean(b.data ? b.data : "");
    fputc('\n', stderr);
    sbuf_fini(&b);
    return 2;
}

bool options_is_locust(void)
{
    return strcmp(options_program(), "locust") == 0;
}
