// SPDX-License-Identifier: MIT
/* Lists of headers: those of requests as nghttp2 takes them, those of responses as it gives them.
 *
 * A list that many requests share is made once (fetch_kept): the pseudo-headers and the length are
 * all that is put in for each. What stands in Host goes into :authority; fields that speak of the
 * connection have no place in HTTP/2 (RFC 9113 8.2.2).
 */
#include "worker/http2/h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/http_reason.h"
#include "common/base/mem.h"
#include "worker/http2/http2.h"

enum { METHOD, SCHEME, AUTHORITY, PATH, PSEUDO };

static bool is_named(const struct fetch_header *h, const char *name)
{
    return h->name_len == strlen(name) && !strncasecmp(h->name, name, h->name_len);
}

static bool is_of_connection(const struct fetch_header *h)
{
    static const char *const names[] = {"connection", "keep-alive",     "proxy-connection",
                                        "upgrade",    "http2-settings", "transfer-encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_named(h, names[i]))
            return true;
    return is_named(h, "te") &&
           !(h->value_len == 8 && !strncasecmp(h->value, "trailers", h->value_len));
}

static void set(nghttp2_nv *nv, const char *name, size_t name_len, const char *value,
                size_t value_len)
{
    *nv = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                       .value = (uint8_t *)(uintptr_t)value,
                       .namelen = name_len,
                       .valuelen = value_len,
                       .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static const char *lowered(char **to, const char *name, size_t len)
{
    char *at = *to;
    for (size_t i = 0; i < len; i++)
        at[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    *to += len;
    return at;
}

static const char *copied(char **to, const char *text, size_t len)
{
    char *at = *to;
    mem_copy(at, text, len);
    *to += len;
    return at;
}

/* The list into one piece of memory: nghttp2's array, then texts. length_at: where a length is put
 * in; host_at: 1 when a Host of the caller's own is in :authority. */
static void make(struct sbuf *out, const struct fetch_request *r, struct fetch_kept *k)
{
    size_t len = (PSEUDO + r->header_count) * sizeof(nghttp2_nv);
    for (size_t i = 0; i < r->header_count; i++)
        len += r->headers[i].name_len + r->headers[i].value_len;
    sbuf_clear(out);
    sbuf_reserve(out, len); /* at once: it must not move */
    nghttp2_nv *nv = (nghttp2_nv *)(void *)out->data;
    char *to = out->data + (PSEUDO + r->header_count) * sizeof *nv;
    *k = (struct fetch_kept){.by = &http2, .len = PSEUDO};
    for (size_t i = 0; i < r->header_count; i++) {
        const struct fetch_header *h = &r->headers[i];
        if (is_named(h, "host")) {
            k->host_at = h->value != NULL;
            if (h->value)
                set(&nv[AUTHORITY], ":authority", 10, copied(&to, h->value, h->value_len),
                    h->value_len);
        } else if (!is_of_connection(h)) {
            if (!h->value)
                k->length_at = k->len;
            const char *name = lowered(&to, h->name, h->name_len);
            set(&nv[k->len++], name, h->name_len,
                h->value ? copied(&to, h->value, h->value_len) : "", h->value_len);
        }
    }
    out->len = (size_t)(to - out->data);
}

static void put_in(nghttp2_nv *nv, const struct fetch_kept *k, const struct fetch_request *r,
                   char number[FIELDS_NUMBER])
{
    const bool is_tls = fetch_origin_is_tls(r->origin);
    set(&nv[METHOD], ":method", 7, r->method, r->method_len);
    set(&nv[SCHEME], ":scheme", 7, is_tls ? "https" : "http", is_tls ? 5 : 4);
    set(&nv[PATH], ":path", 5, r->path, r->path_len);
    if (!k->host_at)
        set(&nv[AUTHORITY], ":authority", 10, r->authority,
            fetch_host_len(r->authority, r->authority_len, is_tls));
    if (!k->length_at)
        return;
    nv[k->length_at].value = (uint8_t *)number;
    nv[k->length_at].valuelen = (size_t)snprintf(number, FIELDS_NUMBER, "%zu", r->body_len);
    nv[k->length_at].flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
}

size_t fields_of_request(const struct fetch_request *r, struct sbuf *scratch,
                         char number[FIELDS_NUMBER], nghttp2_nv **nv)
{
    struct fetch_kept own = {0}, *k = r->kept ? r->kept : &own;
    if (r->kept && r->kept->by != &http2) {
        static uint64_t last;
        struct sbuf bytes = {0};
        free(k->bytes);
        make(&bytes, r, k);
        k->bytes = sbuf_take(&bytes);
        k->number = ++last;
    } else if (!r->kept) {
        make(scratch, r, k);
        k->bytes = scratch->data;
    }
    *nv = (nghttp2_nv *)(void *)k->bytes;
    put_in(*nv, k, r, number);
    for (size_t i = 0; !r->kept && i < k->len; i++) /* scratch is written to before they are */
        (*nv)[i].flags = NGHTTP2_NV_FLAG_NONE;
    return k->len;
}

size_t fields_size(const nghttp2_nv *nv, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += nv[i].namelen + nv[i].valuelen;
    return size;
}

/* ---- responses ------------------------------------------------------------------------------ */

void fields_start(struct fields *s, struct fields_block *block)
{
    fields_fini(s);
    *s = (struct fields){.block = block,
                         .headers = block->headers,
                         .text = block->text,
                         .cap = FIELDS_INLINE,
                         .text_cap = sizeof block->text};
}

void fields_fini(struct fields *s)
{
    if (!s->block)
        return;
    if (s->headers != s->block->headers)
        free(s->headers);
    if (s->text != s->block->text)
        free(s->text);
    s->headers = s->block->headers;
    s->text = s->block->text;
}

static void grow_text(struct fields *s, size_t need)
{
    const bool is_inline = s->text == s->block->text;
    char *const old = s->text;
    s->text_cap = (uint32_t)(need * 2);
    char *text = mem_realloc(NULL, s->text_cap);
    mem_copy(text, old, s->text_len);
    for (uint32_t i = 0; i < s->count; i++) {
        s->headers[i].name = text + (s->headers[i].name - old);
        s->headers[i].value = text + (s->headers[i].value - old);
    }
    s->text = text;
    if (!is_inline)
        free(old);
}

static void grow_list(struct fields *s)
{
    const bool is_inline = s->headers == s->block->headers;
    struct fetch_header *list =
        mem_realloc(is_inline ? NULL : s->headers, FETCH_MAX_HEADERS * sizeof *list);
    if (is_inline)
        memcpy(list, s->block->headers, s->count * sizeof *list);
    s->headers = list;
    s->cap = FETCH_MAX_HEADERS;
}

bool fields_add(struct fields *s, const void *name, size_t name_len, const void *value,
                size_t value_len)
{
    const size_t need = s->text_len + name_len + value_len;
    if (need - s->behind > FETCH_MAX_HEAD || s->count == FETCH_MAX_HEADERS)
        return false;
    if (need > s->text_cap)
        grow_text(s, need);
    if (s->count == s->cap)
        grow_list(s);
    char *to = s->text + s->text_len;
    const char *n = copied(&to, name, name_len), *v = copied(&to, value, value_len);
    s->headers[s->count++] = (struct fetch_header){n, v, (uint32_t)name_len, (uint32_t)value_len};
    s->text_len = (uint32_t)need;
    return true;
}

bool fields_add_all(struct fields *s, const char *text, size_t len, const struct fields_part *parts,
                    size_t count)
{
    const bool is_room = len <= s->text_cap - s->text_len && count <= s->cap - s->count &&
                         s->text_len + len - s->behind <= FETCH_MAX_HEAD;
    char *to = s->text + s->text_len;
    if (is_room) {
        mem_copy(to, text, len);
        s->text_len += (uint32_t)len;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t name = parts[i].name_len, value = parts[i].value_len;
        if (is_room)
            s->headers[s->count++] = (struct fetch_header){to, to + name, name, value};
        else if (!fields_add(s, text, name, text + name, value))
            return false;
        to += name + value;
        text += name + value;
    }
    return true;
}

const char *fields_put_behind(struct fields *s, const void *bytes, size_t len)
{
    if (len > s->text_cap - s->text_len)
        return NULL;
    char *to = s->text + s->text_len;
    s->text_len += (uint32_t)len;
    s->behind += (uint32_t)len;
    return copied(&to, bytes, len);
}

bool fields_length(const struct fields *s, uint64_t *length)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct fetch_header *h = &s->headers[i];
        if (!is_named(h, "content-length"))
            continue;
        *length = 0; /* nghttp2 has seen to it that it is a number, and one that fits */
        for (uint32_t d = 0; d < h->value_len; d++)
            *length = *length * 10 + (uint64_t)(h->value[d] - '0');
        return true;
    }
    return false;
}

/* HTTP/2 has none; failures are told, and put together, by their text. */
const char *fields_reason(int status)
{
    const char *reason = http_reason(status);
    return reason ? reason : "";
}
