// SPDX-License-Identifier: MIT
/* native: see the header. */
#include "master/sink/native.h"
#include "master/sink/exponential.h"
#include "common/base/protobuf.h"

#define ZERO_THRESHOLD 1e-9 /* seconds: what is less than that counts as zero */
#define GAP_MOST 2          /* empty buckets that are no reason for another span */

static void put_span(struct sbuf *b, unsigned field, int offset, unsigned length)
{
    const size_t at = pb_open(b, field);
    pb_sint(b, 1, offset);
    pb_uint(b, 2, length);
    pb_close(b, at);
}

/* From `from` on: where the next span begins, and its length without empty buckets at its end. */
static unsigned next_span(const struct exponential *e, unsigned from, unsigned *length)
{
    unsigned begin = from, last;
    while (begin < e->length && e->counts[begin] == 0)
        begin++;
    last = begin;
    for (unsigned i = begin; i < e->length && i - last <= GAP_MOST + 1; i++)
        if (e->counts[i] > 0)
            last = i;
    *length = begin < e->length ? last - begin + 1 : 0;
    return begin;
}

void native_put(struct sbuf *b, const struct native_fields *f, const struct hist *h)
{
    struct exponential e;
    struct sbuf deltas = {0};
    unsigned end = 0, length;
    uint64_t before = 0;
    exponential_of(h, NATIVE_SCALE, &e);
    pb_sint(b, f->schema, e.scale);
    pb_double(b, f->zero_threshold, ZERO_THRESHOLD);
    pb_uint(b, f->zero_count, e.zeros);
    for (unsigned at = next_span(&e, 0, &length); length > 0; at = next_span(&e, end, &length)) {
        put_span(b, f->positive_spans, end == 0 ? e.first + (int)at : (int)(at - end), length);
        for (unsigned i = at; i < at + length; i++) {
            sbuf_add_varint(&deltas, varint_of_signed((int64_t)(e.counts[i] - before)));
            before = e.counts[i];
        }
        end = at + length;
    }
    if (e.length == 0) /* an empty span says that it is native */
        put_span(b, f->positive_spans, 0, 0);
    if (deltas.len)
        pb_bytes(b, f->positive_deltas, deltas.data, deltas.len);
    sbuf_fini(&deltas);
}
