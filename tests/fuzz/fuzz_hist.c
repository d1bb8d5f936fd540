// SPDX-License-Identifier: MIT
/* Any bytes as a packed histogram, of both kinds: a refused one changes nothing, an accepted one
 * counts as many as it said and is the same when it is packed and read again. */
#include "common/base/sbuf.h"
#include "common/metric/hist.h"
#include "tests/fuzz/fuzz.h"

static void same(const struct hist *a, const struct hist *b)
{
    struct sbuf x = {0}, y = {0};
    hist_pack(a, &x);
    hist_pack(b, &y);
    MUST(x.len == y.len && (!x.len || !memcmp(x.data, y.data, x.len)));
    sbuf_fini(&x);
    sbuf_fini(&y);
}

static void take(const void *bytes, size_t len)
{
    struct hist h, again;
    struct sbuf packed = {0}, pairs = {0}, of_pairs = {0};
    uint64_t count = 0;
    hist_init(&h);
    hist_init(&again);
    const int checked = hist_packed_check(bytes, len, &count);
    if (hist_unpack_add(&h, bytes, len) != 0) {
        MUST(checked != 0 && h.count == 0);
    } else {
        MUST(checked == 0 && h.count == count);
        hist_pack(&h, &packed);
        MUST(hist_unpack_add(&again, packed.data, packed.len) == 0);
        same(&h, &again);
        hist_pack_pairs(&h, &pairs);
        MUST(hist_pack_of_pairs(pairs.data, pairs.len, &of_pairs) == 0);
        MUST(of_pairs.len == packed.len);
        MUST(!packed.len || !memcmp(of_pairs.data, packed.data, packed.len));
        MUST(hist_quantile_us(&h, 0.5) <= hist_quantile_us(&h, 1));
        MUST(hist_count_upto(&h, HIST_MAX_US) == h.count);
    }
    sbuf_fini(&packed);
    sbuf_fini(&pairs);
    sbuf_fini(&of_pairs);
    hist_fini(&h);
    hist_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf of_pairs = {0};
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    take(copy, size);
    if (hist_pack_of_pairs(copy, size, &of_pairs) == 0)
        take(of_pairs.data, of_pairs.len);
    sbuf_fini(&of_pairs);
    free(copy);
    return 0;
}
