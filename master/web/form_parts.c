// SPDX-License-Identifier: MIT
/* form_parts: multipart/form-data, see form.h.
 *
 * A body is "--B" CRLF part CRLF "--B" CRLF part … CRLF "--B--"; a part is header lines, an empty
 * line, the value. Names and values are copied behind one another into one buffer, which the body
 * itself bounds. */
#include "master/web/form.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70 /* RFC 2046 */

struct span {
    const char *at, *end;
};

static const char *find(struct span in, const char *what, size_t len)
{
    return memmem(in.at, (size_t)(in.end - in.at), what, len);
}

/* A parameter of a header's value: ; name=value or ; name="value". */
static bool parameter(struct span in, const char *name, struct span *out)
{
    size_t len = strlen(name);
    bool is_quoted = false;
    for (const char *p = in.at; p < in.end; p++) {
        if (*p == '"')
            is_quoted = !is_quoted;
        if (*p == '\\' && is_quoted)
            p++;
        if (is_quoted || p >= in.end || *p != ';')
            continue;
        const char *key = p + 1;
        while (key < in.end && (*key == ' ' || *key == '\t'))
            key++;
        if ((size_t)(in.end - key) <= len || strncasecmp(key, name, len) != 0 || key[len] != '=')
            continue;
        const char *value = key + len + 1;
        bool has_quotes = value < in.end && *value == '"';
        const char *end = value += has_quotes;
        while (end < in.end && (has_quotes ? *end != '"' : strchr("; \t", *end) == NULL))
            end += has_quotes && *end == '\\' && end + 1 < in.end ? 2 : 1;
        *out = (struct span){value, end};
        return !has_quotes || end < in.end;
    }
    return false;
}

/* "--" and the boundary, of at most BOUNDARY_MAX characters. */
static bool read_boundary(const char *content_type, char delimiter[BOUNDARY_MAX + 3])
{
    struct span all = {content_type, content_type + strlen(content_type)}, found;
    if (!parameter(all, "boundary", &found))
        return false;
    size_t len = (size_t)(found.end - found.at);
    if (len == 0 || len > BOUNDARY_MAX)
        return false;
    memcpy(delimiter, "--", 2);
    memcpy(delimiter + 2, found.at, len);
    delimiter[len + 2] = '\0';
    return true;
}

/* The value of the Content-Disposition line. */
static bool disposition(struct span head, struct span *out)
{
    static const char name[] = "content-disposition:";
    for (const char *line = head.at; line < head.end;) {
        const char *end = find((struct span){line, head.end}, "\r\n", 2);
        end = end != NULL ? end : head.end;
        if ((size_t)(end - line) >= sizeof name - 1 &&
            strncasecmp(line, name, sizeof name - 1) == 0) {
            *out = (struct span){line + sizeof name - 1, end};
            return true;
        }
        line = end + 2;
    }
    return false;
}

/* A quote or line end in a name comes as %22, %0D or %0A, or behind a backslash. */
static char *copy_name(char *to, struct span name)
{
    for (const char *p = name.at; p < name.end; p++) {
        size_t left = (size_t)(name.end - p);
        if (*p == '\\' && left > 1) {
            *to++ = *++p;
        } else if (left >= 3 && strncmp(p, "%22", 3) == 0) {
            *to++ = '"';
            p += 2;
        } else if (left >= 3 && strncasecmp(p, "%0D", 3) == 0) {
            *to++ = '\r';
            p += 2;
        } else if (left >= 3 && strncasecmp(p, "%0A", 3) == 0) {
            *to++ = '\n';
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to++ = '\0';
    return to;
}

/* One part into the form; false when it is not well formed or there are too many. */
static bool take_part(struct form *f, struct span part, char **room)
{
    struct span told, name, file;
    const char *head_end = find(part, "\r\n\r\n", 4);
    if (head_end == NULL || !disposition((struct span){part.at, head_end}, &told) ||
        !parameter(told, "name", &name))
        return false;
    if (parameter(told, "filename", &file))
        return true;
    if (f->count == FORM_FIELDS_MAX)
        return false;
    char *value = copy_name(*room, name);
    size_t len = (size_t)(part.end - (head_end + 4));
    memcpy(value, head_end + 4, len);
    value[len] = '\0';
    f->fields[f->count].name = *room;
    f->fields[f->count].value = value;
    f->count++;
    *room = value + len + 1;
    return true;
}

static bool take_parts(struct form *f, struct span in, const char *delimiter)
{
    char *room = f->text, line[BOUNDARY_MAX + 5];
    size_t len = strlen(delimiter);
    memcpy(line, "\r\n", 2);
    memcpy(line + 2, delimiter, len + 1);
    if ((size_t)(in.end - in.at) < len || memcmp(in.at, delimiter, len) != 0)
        return false;
    for (in.at += len;;) {
        size_t left = (size_t)(in.end - in.at);
        if (left >= 2 && memcmp(in.at, "--", 2) == 0)
            return true;
        if (left < 2 || memcmp(in.at, "\r\n", 2) != 0)
            return false;
        in.at += 2;
        const char *next = find(in, line, len + 2);
        if (next == NULL || !take_part(f, (struct span){in.at, next}, &room))
            return false;
        in.at = next + len + 2;
    }
}

bool form_parse_parts(struct form *f, const char *content_type, const char *bytes, size_t len)
{
    char delimiter[BOUNDARY_MAX + 3];
    memset(f, 0, sizeof *f);
    if (content_type == NULL || !read_boundary(content_type, delimiter))
        return false;
    if (len > 0 && memchr(bytes, '\0', len) != NULL)
        return false;
    f->text = mem_zalloc(len + 2); /* the text of a part is longer than its name and value */
    return take_parts(f, (struct span){bytes, bytes + len}, delimiter);
}
