// SPDX-License-Identifier: MIT
/* llhttp does the grammar, strictly; this file keeps its spans and adds limits.
 *
 * The parser runs on the copy of the head (text), piece by piece, and stops itself (HPE_PAUSED) at
 * the end of the head and of the message: only so the exact positions are known. When text must
 * grow, the header table is moved along.
 */
#include "worker/http/hresp.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

/* Chunk framing and trailers may take this much, plus this many bytes for each byte of body. */
#define FRAMING_SLACK (64u * 1024)
#define FRAMING_RATIO 16u
#define TEXT_GROWTH 4u

static struct hresp *of(llhttp_t *http)
{
    return http->data;
}

static int fail(struct hresp *r, enum fetch_error error, const char *what)
{
    r->error = error;
    r->what = what;
    return HPE_USER;
}

static int on_status(llhttp_t *http, const char *at, size_t len)
{
    struct hresp *r = of(http);
    if (!r->reason)
        r->reason = at;
    r->reason_len = (uint32_t)(at + len - r->reason);
    return 0;
}

static int more_headers(struct hresp *r)
{
    if (r->header_count == FETCH_MAX_HEADERS)
        return fail(r, FETCH_HEAD_TOO_LARGE, "too many header lines");
    const bool is_inline = r->headers == r->block->headers;
    const uint32_t cap = r->header_cap * 2;
    struct fetch_header *table = mem_realloc(is_inline ? NULL : r->headers, cap * sizeof *table);
    if (is_inline)
        memcpy(table, r->headers, r->header_count * sizeof *table);
    r->headers = table;
    r->header_cap = cap;
    return 0;
}

static int on_header_field(llhttp_t *http, const char *at, size_t len)
{
    struct hresp *r = of(http);
    if (r->in_body)
        return 0; /* a trailer */
    if (r->in_value || !r->header_count) {
        if (r->header_count == r->header_cap || r->header_count == FETCH_MAX_HEADERS) {
            if (more_headers(r) != 0)
                return HPE_USER;
        }
        r->headers[r->header_count++] = (struct fetch_header){.name = at, .value = at + len};
        r->in_value = false;
    }
    struct fetch_header *h = &r->headers[r->header_count - 1];
    h->name_len = (uint32_t)(at + len - h->name);
    return 0;
}

static int on_header_value(llhttp_t *http, const char *at, size_t len)
{
    struct hresp *r = of(http);
    if (r->in_body)
        return 0;
    struct fetch_header *h = r->header_count ? &r->headers[r->header_count - 1] : NULL;
    if (!h || !h->name_len)
        return fail(r, FETCH_PROTOCOL, "header line without a name");
    if (!r->in_value || !h->value_len)
        h->value = at;
    r->in_value = true;
    h->value_len = (uint32_t)(at + len - h->value);
    return 0;
}

static int on_headers_complete(llhttp_t *http)
{
    (void)http;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *http, const char *at, size_t len)
{
    struct hresp *r = of(http);
    r->payload += len;
    return r->on_body(r->arg, at, len) ? 0 : HPE_USER;
}

static int on_message_complete(llhttp_t *http)
{
    of(http)->has_ended = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_status = on_status,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void restart(struct hresp *r)
{
    llhttp_init(&r->http, HTTP_RESPONSE, &settings);
    r->http.data = r;
    r->header_count = 0;
    r->reason = NULL;
    r->reason_len = 0;
    r->in_value = false;
}

void hresp_init(struct hresp *r, struct hresp_block *block, enum hresp_kind kind)
{
    *r = (struct hresp){
        .block = block,
        .headers = block->headers,
        .header_cap = HRESP_INLINE_HEADERS,
        .text = block->text,
        .text_cap = sizeof block->text,
        .is_head_only = kind == HRESP_HEAD_ONLY,
    };
    restart(r);
}

void hresp_fini(struct hresp *r)
{
    if (!r->block)
        return;
    if (r->headers != r->block->headers)
        free(r->headers);
    if (r->text != r->block->text)
        free(r->text);
    r->block = NULL;
    r->headers = NULL;
    r->text = NULL;
}

/* Room for more text: moves what points into it. */
static void grow(struct hresp *r)
{
    char *old = r->text;
    const uint32_t cap = r->text_cap * TEXT_GROWTH;
    char *text = mem_realloc(NULL, cap);
    memcpy(text, old, r->text_len);
    for (uint32_t i = 0; i < r->header_count; i++) {
        struct fetch_header *h = &r->headers[i];
        h->name = text + (h->name - old);
        h->value = text + (h->value - old);
    }
    if (r->reason)
        r->reason = text + (r->reason - old);
    if (old != r->block->text)
        free(old);
    r->text = text;
    r->text_cap = cap;
}

static enum hresp_step bad(struct hresp *r)
{
    if (r->error == FETCH_OK) {
        const char *reason = llhttp_get_error_reason(&r->http);
        fail(r, FETCH_PROTOCOL, reason && *reason ? reason : "not an HTTP response");
    }
    return HRESP_BAD;
}

/* Strips trailing blanks of the values; folded lines (RFC 9112 5.2) become one line. */
static void trim_values(struct hresp *r)
{
    for (uint32_t i = 0; i < r->header_count; i++) {
        struct fetch_header *h = &r->headers[i];
        uint32_t len = h->value_len;
        while (len && (unsigned char)h->value[len - 1] <= ' ')
            len--;
        h->value_len = len;
        char *value = r->text + (h->value - r->text);
        char *fold = len ? memchr(value, '\n', len) : NULL;
        for (; fold; fold = memchr(fold, '\n', len - (size_t)(fold - value))) {
            *fold = ' ';
            if (fold > value && fold[-1] == '\r')
                fold[-1] = ' ';
        }
    }
}

static bool has_no_body(const struct hresp *r)
{
    const int status = r->http.status_code;
    return r->is_head_only || status == 101 || status == 204 || status == 304;
}

/* The head ends at that position of text. Interim responses start over behind it. */
static enum hresp_step end_head(struct hresp *r, const char *end)
{
    const int status = r->http.status_code;
    llhttp_resume(&r->http);
    if (r->http.http_major != 1 || status < 100) {
        fail(r, FETCH_PROTOCOL, "unknown HTTP version or status");
        return HRESP_BAD;
    }
    if (status < 200 && status != 101) {
        r->head_start = (uint32_t)(end - r->text);
        restart(r);
        return HRESP_MORE;
    }
    if (has_no_body(r))
        r->http.flags |= F_SKIPBODY;
    r->http.upgrade = 0;
    r->head = r->text + r->head_start;
    r->head_len = (uint32_t)(end - r->head);
    r->stable_left = r->text_len - (uint32_t)(end - r->text);
    r->in_body = true;
    trim_values(r);
    return HRESP_HEAD;
}

/* Parses the bytes of text from that position on; *end is where the final head ended. */
static enum hresp_step parse_head(struct hresp *r, const char *from, const char **end)
{
    const char *const limit = r->text + r->text_len;
    while (from < limit) {
        const llhttp_errno_t e = llhttp_execute(&r->http, from, (size_t)(limit - from));
        if (e == HPE_OK)
            return HRESP_MORE;
        if (e != HPE_PAUSED)
            return bad(r);
        from = llhttp_get_error_pos(&r->http);
        const enum hresp_step step = end_head(r, from);
        if (step != HRESP_MORE) {
            *end = from;
            return step;
        }
    }
    return HRESP_MORE;
}

static enum hresp_step feed_head(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    while (*used < len) {
        if (r->text_len >= FETCH_MAX_HEAD) {
            fail(r, FETCH_HEAD_TOO_LARGE, "response head too large");
            return HRESP_BAD;
        }
        if (r->text_len == r->text_cap)
            grow(r);
        const size_t cap = r->text_cap < FETCH_MAX_HEAD ? r->text_cap : FETCH_MAX_HEAD;
        const size_t room = cap - r->text_len;
        const size_t part = len - *used < room ? len - *used : room;
        char *const start = r->text + r->text_len;
        memcpy(start, bytes + *used, part);
        r->text_len += (uint32_t)part;
        const char *end = start + part;
        const enum hresp_step step = parse_head(r, start, &end);
        *used += (size_t)(end - start);
        if (step != HRESP_MORE)
            return step;
    }
    return HRESP_MORE;
}

static enum hresp_step parse_body(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    const llhttp_errno_t e = llhttp_execute(&r->http, bytes, len);
    if (e != HPE_OK && !r->has_ended)
        return bad(r);
    const size_t eaten = r->has_ended ? (size_t)(llhttp_get_error_pos(&r->http) - bytes) : len;
    *used += eaten;
    r->wire += eaten;
    if (r->wire > FRAMING_SLACK + r->payload * (FRAMING_RATIO + 1)) {
        fail(r, FETCH_PROTOCOL, "chunk framing without end");
        return HRESP_BAD;
    }
    return r->has_ended ? HRESP_END : HRESP_MORE;
}

enum hresp_step hresp_feed(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    *used = 0;
    if (!r->in_body)
        return feed_head(r, bytes, len, used);
    if (r->stable_left) {
        const char *from = r->text + r->text_len - r->stable_left;
        const size_t part = r->stable_left;
        r->stable_left = 0;
        r->is_stable = true;
        const enum hresp_step step = parse_body(r, from, part, used);
        r->is_stable = false;
        if (step != HRESP_MORE || part == len)
            return step;
    }
    return parse_body(r, bytes + *used, len - *used, used);
}

enum fetch_error hresp_eof(struct hresp *r)
{
    if (!r->text_len)
        return FETCH_CLOSED;
    if (!r->in_body) {
        fail(r, FETCH_INCOMPLETE, "connection closed within the response head");
        return FETCH_INCOMPLETE;
    }
    llhttp_finish(&r->http);
    return r->has_ended ? FETCH_OK : FETCH_INCOMPLETE;
}

int hresp_status(const struct hresp *r)
{
    return r->http.status_code;
}

unsigned hresp_minor(const struct hresp *r)
{
    return r->http.http_minor;
}

bool hresp_length(const struct hresp *r, uint64_t *len)
{
    if (!(r->http.flags & F_CONTENT_LENGTH) || r->http.flags & (F_SKIPBODY | F_CHUNKED))
        return false;
    *len = r->http.content_length;
    return true;
}

bool hresp_keeps_alive(const struct hresp *r)
{
    return r->http.status_code != 101 && llhttp_should_keep_alive(&r->http);
}

const struct fetch_header *hresp_find(const struct hresp *r, const char *name, uint32_t *at)
{
    const size_t len = strlen(name);
    for (uint32_t i = *at; i < r->header_count; i++) {
        const struct fetch_header *h = &r->headers[i];
        if (h->name_len == len && strncasecmp(h->name, name, len) == 0) {
            *at = i + 1;
            return h;
        }
    }
    return NULL;
}
