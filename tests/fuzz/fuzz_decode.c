// SPDX-License-Identifier: MIT
/* Any bytes as a compressed body: in pieces they say the same as in one, and never more than may be
 * at once. The first byte says which codings, the second how long the pieces are. */
#include "common/base/sbuf.h"
#include "tests/fuzz/fuzz.h"
#include "worker/proto/decode.h"

enum { BODY_MAX = 1 << 16 };
static const char *const CODINGS[] = {"gzip",     "deflate",       "br",      "zstd",
                                      "gzip, br", "deflate, gzip", "identity"};

struct heard {
    struct sbuf out;
    bool is_bad, is_whole;
};

static void hear(struct heard *h, const char *codings, const uint8_t *bytes, size_t len,
                 size_t piece)
{
    struct decode *d = NULL;
    enum decode_step step = DECODE_OK;
    MUST(decode_add(&d, codings, strlen(codings)));
    while (d && len && step == DECODE_OK) {
        const size_t n = len < piece ? len : piece;
        char *copy = malloc(n);
        memcpy(copy, bytes, n);
        const char *at = copy;
        size_t left = n;
        step = decode_write(d, &at, &left, &h->out, BODY_MAX);
        MUST((!left || step == DECODE_BAD || at + left == copy + n) && h->out.len <= BODY_MAX);
        MUST(step != DECODE_OK || left == 0);
        free(copy);
        bytes += n;
        len -= n;
    }
    h->is_bad = step == DECODE_BAD;
    h->is_whole = d && step == DECODE_OK && decode_is_complete(d);
    decode_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *codings = CODINGS[data[0] % (sizeof CODINGS / sizeof *CODINGS)];
    struct heard whole = {0}, split = {0};
    hear(&whole, codings, data + 2, size - 2, SIZE_MAX);
    hear(&split, codings, data + 2, size - 2, 1u + data[1]);
    const size_t least = whole.out.len < split.out.len ? whole.out.len : split.out.len;
    MUST(!least || !memcmp(whole.out.data, split.out.data, least));
    if (whole.out.len < BODY_MAX && split.out.len < BODY_MAX) { /* a full one is not read on */
        MUST(whole.is_bad == split.is_bad && whole.is_whole == split.is_whole);
        MUST(whole.is_bad || whole.out.len == split.out.len);
    }
    sbuf_fini(&whole.out);
    sbuf_fini(&split.out);
    return 0;
}
