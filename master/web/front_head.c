// SPDX-License-Identifier: MIT
/* front_head: see front_head.h. */
#include "master/web/front_head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Behind the empty line, or 0. A line may end with a bare line feed. */
static size_t head_end(const char *bytes, size_t len)
{
    const char *end = bytes + len;
    for (const char *at = bytes; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        if (end - at > 1 && at[1] == '\n')
            return (size_t)(at - bytes) + 2;
        if (end - at > 2 && at[1] == '\r' && at[2] == '\n')
            return (size_t)(at - bytes) + 3;
    }
    return 0;
}

/* The value of a line when it is of this header, or NULL. */
static const char *value_of(const char *line, const char *end, const char *name)
{
    size_t len = strlen(name);
    if ((size_t)(end - line) <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
        return NULL;
    const char *value = line + len + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    return value;
}

/* Digits up to anything else; too many for any body are more than any. */
static long long number(const char *text, const char *end)
{
    long long n = 0;
    for (; text < end && isdigit((unsigned char)*text) && n < (1LL << 50); text++)
        n = n * 10 + (*text - '0');
    return n;
}

static void read_line(struct front_head *h, const char *line, const char *end)
{
    const char *value;
    if ((value = value_of(line, end, "Content-Length")) != NULL)
        h->body_len = number(value, end);
    else if (value_of(line, end, "Expect") != NULL)
        h->expects = true;
    else if (value_of(line, end, "Upgrade") != NULL)
        h->is_upgrade = true;
    else if (value_of(line, end, "Transfer-Encoding") != NULL)
        h->is_chunked = true;
}

bool front_head_read(const char *bytes, size_t len, struct front_head *h)
{
    *h = (struct front_head){.head_len = head_end(bytes, len)};
    if (h->head_len == 0)
        return false;
    const char *end = bytes + h->head_len;
    for (const char *line = bytes; line < end;) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        if (line == bytes)
            h->line_len = (size_t)(next - bytes);
        else
            read_line(h, line, next);
        line = next;
    }
    return true;
}
