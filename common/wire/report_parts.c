// SPDX-License-Identifier: MIT
#include "common/wire/report_parts.h"

#include <string.h>

void scratch_fini(struct scratch *scratch)
{
    sbuf_fini(&scratch->a);
    sbuf_fini(&scratch->b);
    sbuf_fini(&scratch->c);
}

double report_time(const struct scratch *scratch, double at)
{
    return at > 0 && scratch->watch ? at + (double)scratch->watch->shift_s : at;
}

void report_count_failure(struct stats *s, const struct failure_view *v, struct scratch *scratch)
{
    unpack_clean(&scratch->a, v->method);
    unpack_clean(&scratch->b, v->name);
    unpack_clean(&scratch->c, v->text);
    struct failure more = {.method = scratch->a.data,
                           .name = scratch->b.data,
                           .text = scratch->c.data,
                           .count = v->count,
                           .first_at = report_time(scratch, v->first_at),
                           .last_at = report_time(scratch, v->last_at)};
    const struct failure *kind = stats_note_failure(s, &more);
    if (scratch->watch)
        scratch->watch->on_failure(scratch->watch->arg, kind, &more);
}

struct tally *report_count_row(struct stats *s, struct unpack_text method, struct unpack_text name,
                               struct tally *counts, struct scratch *scratch)
{
    unpack_clean(&scratch->a, method);
    unpack_clean(&scratch->b, name);
    struct tally *t =
        stats_row(s, scratch->a.data, scratch->a.len, scratch->b.data, scratch->b.len);
    if (scratch->watch && scratch->watch->shift_s)
        tally_shift(counts, scratch->watch->shift_s);
    tally_merge(t, counts);
    tally_merge(&s->total, counts);
    return t;
}

int report_to_sbuf(void *out, const char *bytes, size_t len)
{
    sbuf_add(out, bytes, len);
    return 0;
}

void report_pack_text(msgpack_packer *pk, const char *text)
{
    const size_t len = strlen(text);
    msgpack_pack_str(pk, len);
    msgpack_pack_str_body(pk, text, len);
}
