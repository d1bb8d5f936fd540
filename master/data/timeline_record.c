// SPDX-License-Identifier: MIT
/* The shortest time is kept as one more than it is: an absent number means that there is none. */
#include "master/data/timeline_record.h"

#include <assert.h>
#include <string.h>

enum number {
    REQUESTS,
    SUM_US,
    MIN_US, /* plus one */
    MAX_US, /* minus the shortest, if there is one */
    BYTES,
    FAILURES,
    NONE_REQUESTS,
    CUT,
    DISCARDED,
    RESENT,
    EXTRA, /* the first of STATS_EXTRAS */
    NUMBERS = EXTRA + STATS_EXTRAS,
    HAS_HIST = NUMBERS
};
static_assert(HAS_HIST < 32, "the mask has 32 bits");

void timeline_put_varint(struct sbuf *out, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    sbuf_add(out, bytes, n);
}

static inline unsigned char *put(unsigned char *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (unsigned char)(value | 0x80);
    *p++ = (unsigned char)value;
    return p;
}

static void list_numbers(const struct tally *t, uint64_t n[NUMBERS])
{
    bool has_min = t->min_us != UINT64_MAX;
    n[REQUESTS] = t->requests;
    n[SUM_US] = t->sum_us;
    n[MIN_US] = has_min ? t->min_us + 1 : 0;
    n[MAX_US] = has_min && t->max_us >= t->min_us ? t->max_us - t->min_us : t->max_us;
    n[BYTES] = t->bytes;
    n[FAILURES] = t->failures;
    n[NONE_REQUESTS] = t->none_requests;
    n[CUT] = t->cut;
    n[DISCARDED] = t->discarded;
    n[RESENT] = t->resent;
    memcpy(n + EXTRA, &t->extra, sizeof t->extra);
}

void timeline_record_put(struct sbuf *out, const struct tally *t, const void *hist, size_t hist_len,
                         const void *failed, size_t failed_len)
{
    uint64_t n[NUMBERS];
    uint32_t mask = hist_len + failed_len > 0 ? UINT32_C(1) << HAS_HIST : 0;
    unsigned char head[(NUMBERS + 2) * 10], *p = head;
    list_numbers(t, n);
    for (unsigned i = 0; i < NUMBERS; i++)
        mask |= (uint32_t)(n[i] != 0) << i;
    p = put(p, mask);
    for (unsigned i = 0; i < NUMBERS; i++)
        if (n[i])
            p = put(p, n[i]);
    if (hist_len + failed_len > 0)
        p = put(p, hist_len);
    sbuf_add(out, head, (size_t)(p - head));
    if (hist_len > 0)
        sbuf_add(out, hist, hist_len);
    if (failed_len > 0)
        sbuf_add(out, failed, failed_len);
}

void timeline_record_put_tally(struct sbuf *out, const struct tally *t, struct sbuf *scratch)
{
    sbuf_clear(scratch);
    sbuf_reserve(scratch, 1);
    hist_pack(&t->hist, scratch);
    size_t hist_len = scratch->len;
    if (t->failed)
        hist_pack(t->failed, scratch);
    timeline_record_put(out, t, scratch->data, hist_len, scratch->data + hist_len,
                        scratch->len - hist_len);
}

void timeline_record_add(struct tally *t, const unsigned char *bytes, size_t len)
{
    const unsigned char *p = bytes, *end = bytes + len;
    uint64_t n[NUMBERS] = {0};
    uint32_t mask = (uint32_t)timeline_get_varint(&p);
    for (uint32_t left = mask & ~(UINT32_C(1) << HAS_HIST); left; left &= left - 1)
        n[__builtin_ctz(left)] = timeline_get_varint(&p);
    struct tally more = {.requests = n[REQUESTS],
                         .none_requests = n[NONE_REQUESTS],
                         .failures = n[FAILURES],
                         .cut = n[CUT],
                         .discarded = n[DISCARDED],
                         .resent = n[RESENT],
                         .bytes = n[BYTES],
                         .sum_us = n[SUM_US],
                         .min_us = n[MIN_US] ? n[MIN_US] - 1 : UINT64_MAX,
                         .max_us = n[MIN_US] ? n[MAX_US] + n[MIN_US] - 1 : n[MAX_US]};
    memcpy(&more.extra, n + EXTRA, sizeof more.extra);
    tally_merge_counts(t, &more);
    if (!(mask >> HAS_HIST & 1))
        return;
    uint64_t hist_len = timeline_get_varint(&p);
    hist_add_packed(&t->hist, p, hist_len);
    p += hist_len;
    if (p < end)
        hist_add_packed(tally_failed(t), p, (size_t)(end - p));
}
