// SPDX-License-Identifier: MIT
/* Any bytes as blocks of a timeline, and as the rows of a run: a block that is taken is written as
 * one that is taken again, and every row of it can be added up. */
#include "master/store/block_bytes.h"
#include "master/store/run_totals.h"
#include "tests/fuzz/fuzz.h"

static void look(struct timeline_block *b, struct timeline_builder *builder)
{
    struct sbuf out = {0};
    struct timeline_cursor c;
    struct timeline_health health;
    struct timeline_failed failed;
    for (timeline_cursor_rows(&c, b); c.record; timeline_cursor_next(&c)) {
        struct tally t;
        tally_init(&t, NULL, NULL);
        MUST(block_bytes_is_record(c.record, c.len) && timeline_block_add(b, c.id, &t));
        MUST(tally_quantile_ms(&t, 0.5) >= 0);
        tally_fini(&t);
    }
    timeline_cursor_healths(&c, b);
    while (timeline_cursor_health(&c, &health))
        continue;
    timeline_cursor_failures(&c, b);
    while (timeline_cursor_failed(&c, &failed))
        continue;
    block_bytes_put(&out, b);
    const unsigned char *p = (const unsigned char *)out.data, *end = p + out.len;
    struct timeline_block *again = block_bytes_read(&p, end, builder, false, NULL);
    MUST(again && p == end);
    timeline_block_unref(again);
    sbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct timeline_builder builder = {0};
    struct timeline_block *b;
    struct stats s;
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    const unsigned char *p = copy;
    while (p < copy + size && (b = block_bytes_read(&p, copy + size, &builder, false, NULL))) {
        look(b, &builder);
        timeline_block_unref(b);
    }
    stats_init(&s, 1700000000, (struct stats_limits){8, 4, 4});
    if (run_totals_read_rows(copy, size, &s))
        MUST(s.row_count <= 8 + 65);
    stats_fini(&s);
    timeline_builder_fini(&builder);
    free(copy);
    return 0;
}
