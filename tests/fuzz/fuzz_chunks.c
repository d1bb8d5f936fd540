// SPDX-License-Identifier: MIT
/* Any bytes as a chunked body: cut into pieces they say the same as in one, and a body that is
 * framed as RFC 9112 says comes out as it went in. The first byte is the length of pieces. */
#include "worker/http1/hchunk.h"

#include "common/base/sbuf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    enum hchunk_step step;
    size_t used;
    bool may_end, is_odd;
    struct sbuf body;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Each piece has memory of its own, so that the sanitizer sees what is read beyond it. */
static void hear_piece(struct hchunk *c, struct heard *h, const char *bytes, size_t len)
{
    char *copy = malloc(len);
    memcpy(copy, bytes, len);
    const char *at = copy;
    do {
        struct hchunk_span span = {0};
        const char *before = at;
        h->step = hchunk_next(c, &at, copy + len, &span);
        must(at >= before && at <= copy + len);
        if (h->step == HCHUNK_DATA) {
            must(span.len > 0 && span.bytes + span.len == at);
            sbuf_add(&h->body, span.bytes, span.len);
        }
    } while (h->step == HCHUNK_DATA);
    must(h->step != HCHUNK_MORE || at == copy + len);
    h->used += (size_t)(at - copy);
    free(copy);
}

static void hear(struct heard *h, const char *bytes, size_t len, size_t piece)
{
    struct hchunk c = {0};
    *h = (struct heard){.step = HCHUNK_MORE};
    for (size_t n; len > 0 && h->step == HCHUNK_MORE; bytes += n, len -= n) {
        n = len < piece ? len : piece;
        hear_piece(&c, h, bytes, n);
    }
    must(h->step != HCHUNK_BAD || hchunk_what(&c)[0] != '\0');
    h->may_end = h->step == HCHUNK_MORE && hchunk_may_end(&c);
    h->is_odd = c.is_odd;
}

static void compare(const char *bytes, size_t len, size_t piece)
{
    struct heard whole, split;
    hear(&whole, bytes, len, SIZE_MAX);
    hear(&split, bytes, len, piece);
    must(whole.step == split.step && whole.used == split.used);
    must(whole.may_end == split.may_end && whole.is_odd == split.is_odd);
    must(whole.body.len == split.body.len && whole.body.len <= len);
    must(whole.body.len == 0 || memcmp(whole.body.data, split.body.data, whole.body.len) == 0);
    sbuf_fini(&whole.body);
    sbuf_fini(&split.body);
}

static void go_and_return(const char *bytes, size_t len, size_t piece)
{
    struct sbuf framed = {0};
    for (size_t at = 0, n; at < len; at += n) {
        n = len - at < piece ? len - at : piece;
        sbuf_addf(&framed, "%zx\r\n", n);
        sbuf_add(&framed, bytes + at, n);
        sbuf_adds(&framed, "\r\n");
    }
    sbuf_adds(&framed, "0\r\n");
    struct heard h;
    hear(&h, framed.data, framed.len, piece + 1);
    must(h.step == HCHUNK_END && h.used == framed.len && !h.is_odd);
    must(h.body.len == len && (len == 0 || memcmp(h.body.data, bytes, len) == 0));
    sbuf_fini(&h.body);
    sbuf_fini(&framed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t piece = 1u + data[0];
    compare((const char *)data + 1, size - 1, piece);
    go_and_return((const char *)data + 1, size - 1, piece);
    return 0;
}
