// SPDX-License-Identifier: MIT
/* path: see path.h. */
#include "master/web/path.h"

#include "common/base/hex.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* The byte at *at, decoded, and *at behind it; -1 when it may not be in a path. */
static int next_byte(const char **at)
{
    const char *in = *at;
    const bool is_escape = *in == '%';
    int byte = (unsigned char)*in;
    if (is_escape) {
        int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
        if (low < 0)
            return -1;
        byte = high * 16 + low;
    }
    *at = in + (is_escape ? 3 : 1);
    if (byte < ' ' || byte == 0x7f || byte == '\\')
        return -1;
    return byte == (is_escape ? '/' : '#') ? -1 : byte;
}

/* "." and "..", also with parameters behind them, which some cut off. */
static bool is_dots(const char *segment, size_t len)
{
    const char *parameters = memchr(segment, ';', len);
    if (parameters != NULL)
        len = (size_t)(parameters - segment);
    return (len == 1 || len == 2) && strncmp(segment, "..", len) == 0;
}

static bool has_dots(const char *path)
{
    for (const char *at = path; *at != '\0';) {
        at++; /* the slash */
        size_t len = strcspn(at, "/");
        if (is_dots(at, len))
            return true;
        at += len;
    }
    return false;
}

static bool decode(const char *raw, struct sbuf *out, bool *is_doubled)
{
    bool was_slash = false;
    while (*raw != '\0') {
        int byte = next_byte(&raw);
        if (byte < 0)
            return false;
        bool is_slash = byte == '/';
        if (is_slash && was_slash)
            *is_doubled = true;
        else
            sbuf_addc(out, (char)byte);
        was_slash = is_slash;
    }
    return true;
}

enum path_verdict path_read(const char *raw, struct sbuf *out)
{
    struct sbuf path = {0};
    bool is_doubled = false;
    bool is_ok = raw[0] == '/' && decode(raw, &path, &is_doubled) &&
                 utf8_valid_prefix(path.data, path.len) == path.len && !has_dots(path.data);
    if (is_ok)
        sbuf_adds(out, path.data);
    sbuf_fini(&path);
    if (!is_ok)
        return PATH_BAD;
    return is_doubled ? PATH_DOUBLED : PATH_OK;
}

void path_add_encoded(struct sbuf *out, const char *path)
{
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if (isalnum(c) || strchr("-._~/!$&'()*+,;=:@", c) != NULL)
            sbuf_addc(out, *path);
        else
            sbuf_addf(out, "%%%02X", c);
    }
}

bool path_fits(const char *pattern, const char *path, char *piece, size_t size)
{
    const char *open = strchr(pattern, '{');
    piece[0] = '\0';
    if (open == NULL)
        return strcmp(pattern, path) == 0;
    const size_t before = (size_t)(open - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    const size_t len = strcspn(path + before, "/");
    if (len == 0 || len >= size || strcmp(path + before + len, strchr(open, '}') + 1) != 0)
        return false;
    memcpy(piece, path + before, len);
    piece[len] = '\0';
    return true;
}
