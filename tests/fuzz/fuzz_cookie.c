// SPDX-License-Identifier: MIT
/* Any bytes as lines of Set-Cookie (the first line is the path that was asked for), and as dates:
 * what is sent back is made of what came, on one line, and never goes to another site. */
#include "common/base/sbuf.h"
#include "tests/fuzz/fuzz.h"
#include "worker/proto/cookie_date.h"
#include "worker/py/py_client_jar.h"

static const double NOW = 1700000000;

static struct jar_place place_of(const char *host, const char *path, size_t len)
{
    struct jar_place p = {.path = path, .path_len = len, .is_tls = true};
    jar_place_host(&p, host, strlen(host));
    return p;
}

static void take(struct jar *jar, const char *line, size_t len, const struct jar_place *place)
{
    char *copy = malloc(len ? len : 1); /* what is read beyond its end is seen */
    struct cookie c;
    memcpy(copy, line, len);
    if (jar_parse(&c, copy, len, place, NOW)) {
        MUST(c.value_at < c.domain_at && c.domain_at < c.path_at && c.text[0]);
        MUST(strlen(c.text) < c.value_at && c.text[c.path_at] == '/');
        MUST(c.expires == 0 || c.expires >= 1);
        jar_put(jar, c);
    }
    const double date = cookie_date(copy, len);
    MUST(date == 0 || (date >= 1 && date < 1e12));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = (const char *)data, *end = line + size;
    const char *stop = size ? memchr(line, '\n', size) : NULL;
    if (!stop || *line != '/')
        return 0;
    const struct jar_place here = place_of("shop.example.test:8080", line, (size_t)(stop - line)),
                           other = place_of("example.com", "/", 1);
    struct jar jar = {0};
    struct sbuf out = {0};
    for (line = stop + 1; line < end; line = stop + 1) {
        stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        take(&jar, line, (size_t)(stop - line), &here);
    }
    jar_header(&out, &jar, &here, NOW);
    MUST(out.len <= 2 * size && !(out.len && memchr(out.data, '\n', out.len)));
    sbuf_clear(&out);
    jar_header(&out, &jar, &other, NOW);
    MUST(out.len == 0);
    sbuf_fini(&out);
    jar_fini(&jar);
    return 0;
}
