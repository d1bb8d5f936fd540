// SPDX-License-Identifier: MIT
#include "common/wire/report_parts.h"

#include "common/base/sat.h"

#include <string.h>

void scratch_fini(struct scratch *scratch)
{
    sbuf_fini(&scratch->a);
    sbuf_fini(&scratch->b);
    sbuf_fini(&scratch->c);
    sbuf_fini(&scratch->hists);
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

void report_count_exception(struct stats *s, const struct failure_view *v, const char *node,
                            struct scratch *scratch)
{
    unpack_clean(&scratch->a, v->method);
    unpack_clean(&scratch->b, v->name);
    unpack_clean(&scratch->c, v->text);
    stats_note_exception(s, &(struct exception){.message = scratch->b.data,
                                                .traceback = scratch->c.data,
                                                .nodes = (char *)(uintptr_t)node,
                                                .type = scratch->a.data,
                                                .count = v->count,
                                                .first_at = report_time(scratch, v->first_at),
                                                .last_at = report_time(scratch, v->last_at)});
}

static void count_into(struct stats *s, struct tally *row, struct tally *counts,
                       const struct scratch *scratch)
{
    if (scratch->watch && scratch->watch->shift_s)
        tally_shift(counts, scratch->watch->shift_s);
    tally_merge(row, counts);
    tally_merge(&s->total, counts);
}

struct tally *report_count_row(struct stats *s, struct unpack_text method, struct unpack_text name,
                               struct tally *counts, struct scratch *scratch)
{
    unpack_clean(&scratch->a, method);
    unpack_clean(&scratch->b, name);
    struct tally *t =
        stats_row(s, scratch->a.data, scratch->a.len, scratch->b.data, scratch->b.len);
    count_into(s, t, counts, scratch);
    return t;
}

void report_count_into(struct stats *s, struct tally *row, struct tally *counts,
                       const struct tally_packed *packed, bool has_place, struct scratch *scratch)
{
    count_into(s, row, counts, scratch);
    tally_add_packed(row, &s->total, packed);
    if (!has_place)
        s->overflow = sat_add(s->overflow, counts->requests);
    if (scratch->watch)
        scratch->watch->on_row(scratch->watch->arg, row, counts, packed);
}

static bool has_sound_extra(const struct tally *t)
{
    uint64_t answers = 0;
    for (size_t i = 0; i < STATS_STATUSES; i++)
        if (t->extra.status[i] > t->requests || (answers += t->extra.status[i]) > t->requests)
            return false;
    return t->extra.phased <= t->requests;
}

static bool is_count(uint64_t number)
{
    return number <= UNPACK_MAX_COUNT;
}

/* Whether it is a histogram of at most so many samples. */
static bool is_part_of(const struct packed_hist *part, uint64_t samples)
{
    uint64_t count;
    return hist_packed_check(part->bytes, part->len, &count) == 0 && count <= samples;
}

bool report_is_sound(const struct tally *t, const struct tally_packed *packed)
{
    uint64_t samples;
#define KEPT_COUNT(field, name, place, meaning) &&is_count(t->field)
    bool is_bounded = true
#include "common/metric/columns.def"
        ;
    if (!is_bounded || t->none_requests > t->requests ||
        hist_packed_check(packed->hist.bytes, packed->hist.len, &samples) != 0 ||
        samples != t->requests - t->none_requests || !has_sound_extra(t))
        return false;
    for (size_t i = 0; i < TALLY_PARTS; i++)
        if (!is_part_of(&packed->part[i], samples))
            return false;
    return samples ? t->min_us <= t->max_us : t->min_us == UINT64_MAX && !t->max_us && !t->sum_us;
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
