// SPDX-License-Identifier: MIT
/* Any bytes as the path of a request: what is taken for a path has one reading only, and writing
 * it and reading it again changes nothing. */
#include "master/web/path.h"

#include "common/base/sbuf.h"
#include "common/base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_segments(const char *path)
{
    for (const char *at = path; *at == '/';) {
        const size_t len = strcspn(++at, "/");
        must(len > 0 || at[0] == '\0'); /* nothing is empty but what follows the last slash */
        must(!(len == 1 && at[0] == '.') && !(len == 2 && at[0] == '.' && at[1] == '.'));
        at += len;
    }
}

static void check(const struct sbuf *path)
{
    must(path->len > 0 && path->data[0] == '/' && strlen(path->data) == path->len);
    must(utf8_valid_prefix(path->data, path->len) == path->len);
    for (size_t i = 0; i < path->len; i++) {
        const unsigned char c = (unsigned char)path->data[i];
        must(c >= ' ' && c != 0x7f && c != '\\');
    }
    check_segments(path->data);
    struct sbuf written = {0}, again = {0};
    path_add_encoded(&written, path->data);
    must(path_read(written.data, &again) == PATH_OK && strcmp(again.data, path->data) == 0);
    sbuf_fini(&written);
    sbuf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = strndup((const char *)data, size);
    struct sbuf path = {0};
    if (path_read(raw, &path) == PATH_BAD)
        must(path.len == 0);
    else
        check(&path);
    sbuf_fini(&path);
    free(raw);
    return 0;
}
