// SPDX-License-Identifier: MIT
/* options_help: --help, and the words of --version.
 *
 * The shape is that of Locust's help: sections, an option's forms at the left, its text from column
 * 24, folded at the width of the terminal (COLUMNS wins, 80 when unknown).
 */
#include "master/options/options_table.h"
#include "common/base/sbuf.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TEXT_COLUMN 24
#define LOCUST_COMPATIBLE "2.47.0" /* the release whose behaviour we follow */

static size_t terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    long n = columns ? strtol(columns, NULL, 10) : 0;
    struct winsize size;
    if (n <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        n = size.ws_col;
    if (n <= 0)
        n = 80;
    return n < 50 ? 48 : n > 120 ? 118 : (size_t)n - 2;
}

static void add_spaces(struct sbuf *b, size_t n)
{
    while (n--)
        sbuf_addc(b, ' ');
}

/* Words of text, each line from column `indent`; the first begins at column `at`. */
static void add_folded(struct sbuf *b, const char *text, size_t at, size_t indent, size_t width)
{
    size_t column = at;
    bool is_first = true;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (!is_first && column + 1 + len > width) {
            sbuf_addc(b, '\n');
            add_spaces(b, indent);
            column = indent;
        } else if (!is_first) {
            sbuf_addc(b, ' ');
            column++;
        }
        sbuf_add(b, text, len);
        column += len;
        text += len;
        text += strspn(text, " ");
        is_first = false;
    }
    sbuf_addc(b, '\n');
}

static void add_option(struct sbuf *b, const struct option_def *d, size_t width)
{
    size_t start = b->len;
    sbuf_adds(b, "  ");
    if (d->short_name)
        sbuf_addf(b, "-%c%s%s, ", d->short_name, d->metavar ? " " : "",
                  d->metavar ? d->metavar : "");
    sbuf_addf(b, "%s%s%s", d->word, d->metavar ? " " : "", d->metavar ? d->metavar : "");
    size_t len = b->len - start;
    if (len + 2 > TEXT_COLUMN) {
        sbuf_addc(b, '\n');
        len = 0;
    }
    add_spaces(b, TEXT_COLUMN - len);
    add_folded(b, d->help, TEXT_COLUMN, TEXT_COLUMN, width);
}

static const char usage[] = "Usage: %s [options] [UserClass ...]\n";
static const char classes[] =
    "words that are not options name the User classes to run (environment: LOCUST_USER_CLASSES). "
    "Default: all of them. --list shows them";
static const char examples[] =
    "Examples:\n\n"
    "  %1$s -f my_test.py -H https://www.example.com\n"
    "  %1$s --headless -u 100 -r 10 -t 20m --processes 4 MyUser AnotherUser\n"
    "  %1$s --headless -u 100 -r 10 -t 50 --html \"report_{u}_{r}_{t}.html\"\n\n";
static const char sources[] =
    "Options can also be set by environment variables and in configuration files: "
    "~/.locust.conf, ./locust.conf, [tool.locust] in ./pyproject.toml and the file of --config, "
    "the later ones winning. The environment wins over files, the command line over everything. "
    "docs/options.md has the names.";

void options_help(void)
{
    struct sbuf b = {0};
    size_t width = terminal_width();
    sbuf_addf(&b, usage, options_program());
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (d->group) {
            sbuf_addf(&b, "\n%s:\n", d->group);
            if (d->note) {
                sbuf_adds(&b, "  ");
                add_folded(&b, d->note, 2, 2, width);
                sbuf_addc(&b, '\n');
            }
        } else if (!(d->marks & OPTION_HIDDEN)) {
            add_option(&b, d, width);
        }
    }
    sbuf_adds(&b, "\nUser classes:\n  UserClass ...         ");
    add_folded(&b, classes, TEXT_COLUMN, TEXT_COLUMN, width);
    sbuf_addc(&b, '\n');
    sbuf_addf(&b, examples, options_program());
    add_folded(&b, sources, 0, 0, width);
    fwrite(b.data, 1, b.len, stdout);
    fflush(stdout);
    sbuf_fini(&b);
}

/* "locust VERSION from FOLDER", as scripts cut it into words; or the same of katydid. */
char *options_version(void)
{
    char path[PATH_MAX];
    struct sbuf b = {0};
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    if (strcmp(options_program(), "locust") == 0)
        sbuf_addf(&b, "locust %s from %s", LOCUST_COMPATIBLE, path);
    else
        sbuf_addf(&b, "katydid %s (Locust %s) from %s", KATYDID_VERSION, LOCUST_COMPATIBLE, path);
    return sbuf_take(&b);
}
