// SPDX-License-Identifier: MIT
/* Any bytes as what user code changed in statistics by hand: nothing falls below nothing, limits
 * hold, and what comes of it can be told as a report that others take. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "common/wire/written.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stats s, again;
    struct sbuf report = {0};
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    stats_init(&s, 1700000000, (struct stats_limits){8, 4, 4});
    stats_init(&again, 1700000000, (struct stats_limits){8, 4, 4});
    struct tally *t = stats_row(&s, "GET", 3, "/", 1);
    stats_add(&s, t, 1700000000, 1000, 10);
    stats_add_failure(&s, t, 1700000000, "x", 1);
    struct written_of of = {"w", size % 2, 0};
    written_apply(&s, copy, size, &of);
    for (t = s.rows; t; t = t->next) {
        MUST(t->requests <= UINT64_MAX / 2 && t->hist.count <= UINT64_MAX / 2);
        MUST(tally_quantile_ms(t, 0.99) >= 0);
    }
    MUST(s.row_count <= 8 + 65 && s.failure_count <= 3 * 4 + 8 + 65 && s.exception_count <= 5);
    report_pack(&s, &report);
    report_merge(&again, report.data, report.len, "w"); /* counts that disagree may be refused */
    sbuf_fini(&report);
    stats_fini(&again);
    stats_fini(&s);
    free(copy);
    return 0;
}
