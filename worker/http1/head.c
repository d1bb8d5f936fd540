// SPDX-License-Identifier: MIT
/* A request's head as text. The caller says which headers there are, in which order and spelling;
 * what stands in the request line, in Host and in Content-Length is written here. Nothing is
 * checked: no slice holds a line end, which is the caller's to see to. */
#include "worker/http1/head.h"

#include <stdlib.h>
#include <string.h>

#include "worker/http1/http1.h"

#define VERSION " HTTP/1.1\r\n"
#define LENGTH_MAX 20 /* digits */

static char *put(char *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

static char *put_number(char *to, size_t number)
{
    char digits[LENGTH_MAX];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n)
        *to++ = digits[--n];
    return to;
}

static char *put_host(char *to, const struct fetch_request *r)
{
    return put(to, r->authority,
               fetch_host_len(r->authority, r->authority_len, fetch_origin_is_tls(r->origin)));
}

static char *put_own_value(char *to, const struct fetch_header *h, const struct fetch_request *r)
{
    return h->name_len == sizeof "Host" - 1 ? put_host(to, r) : put_number(to, r->body_len);
}

/* The lines of a list once and for all: only what differs from request to request is left out. */
static void make_kept(struct fetch_kept *kept, const struct fetch_request *r)
{
    struct sbuf lines = {0};
    *kept = (struct fetch_kept){.by = &http1};
    for (size_t i = 0; i < r->header_count; i++) {
        const struct fetch_header *h = &r->headers[i];
        sbuf_add(&lines, h->name, h->name_len);
        sbuf_adds(&lines, ": ");
        if (h->value)
            sbuf_add(&lines, h->value, h->value_len);
        else if (h->name_len == sizeof "Host" - 1)
            kept->host_at = (uint32_t)lines.len;
        else
            kept->length_at = (uint32_t)lines.len;
        sbuf_adds(&lines, "\r\n");
    }
    sbuf_adds(&lines, "\r\n");
    kept->len = (uint32_t)lines.len;
    kept->bytes = sbuf_take(&lines);
}

/* The lines up to the first value that is put in, between the two, behind both. */
static char *put_kept(char *to, const struct fetch_kept *kept, const struct fetch_request *r)
{
    const bool is_host_first = !kept->length_at || kept->host_at < kept->length_at;
    const uint32_t places[] = {is_host_first ? kept->host_at : kept->length_at,
                               is_host_first ? kept->length_at : kept->host_at};
    uint32_t at = 0;
    for (size_t i = 0; i < 2; i++) {
        if (!places[i])
            continue;
        to = put(to, kept->bytes + at, places[i] - at);
        at = places[i];
        to = at == kept->host_at ? put_host(to, r) : put_number(to, r->body_len);
    }
    return put(to, kept->bytes + at, kept->len - at);
}

static char *put_request_line(char *to, const struct fetch_request *r)
{
    to = put(to, r->method, r->method_len);
    *to++ = ' ';
    if (r->is_forwarded) {
        to = put(to, "http://", 7);
        to = put(to, r->authority, r->authority_len);
    }
    to = put(to, r->path, r->path_len);
    return put(to, VERSION, sizeof VERSION - 1);
}

static size_t most(const struct fetch_request *r)
{
    size_t len = r->method_len + 1 + 7 + r->authority_len + r->path_len + sizeof VERSION + 2;
    if (r->kept)
        return len + r->kept->len + LENGTH_MAX + r->authority_len;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct fetch_header *h = &r->headers[i];
        len += h->name_len + 4 + (h->value ? h->value_len : LENGTH_MAX + r->authority_len);
    }
    return len;
}

static char *put_lines(char *to, const struct fetch_request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        const struct fetch_header *h = &r->headers[i];
        to = put(to, h->name, h->name_len);
        to = put(to, ": ", 2);
        to = h->value ? put(to, h->value, h->value_len) : put_own_value(to, h, r);
        to = put(to, "\r\n", 2);
    }
    return put(to, "\r\n", 2);
}

void head_write(struct sbuf *out, const struct fetch_request *r)
{
    if (r->kept && r->kept->by != &http1) {
        free(r->kept->bytes);
        make_kept(r->kept, r);
    }
    sbuf_reserve(out, most(r));
    char *to = put_request_line(out->data + out->len, r);
    to = r->kept ? put_kept(to, r->kept, r) : put_lines(to, r);
    *to = 0;
    out->len = (size_t)(to - out->data);
}
