// SPDX-License-Identifier: MIT
/* Any bytes as a report, in both dialects: a refused one leaves the table as it was, an accepted
 * one leaves a total that is the sum of its rows and survives being packed and read again. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seed(struct stats *s)
{
    stats_init(s, 1700000000, (struct stats_limits){8, 4, 4});
    struct tally *t = stats_row(s, "GET", 3, "/", 1);
    stats_add(s, t, 1700000000, 1000, 10);
    stats_add_failure(s, t, 1700000000, "x", 1);
    stats_add_part(s, t, PART_failed, 1000);
    stats_add_measures(s, t, STATS_NO_TIME,
                       &(struct measures){.extra = {.s5 = 1, .sent_bytes = 99}});
}

static void check_sums(const struct stats *s)
{
    struct tally sum;
    tally_init(&sum, NULL, NULL);
    for (const struct tally *t = s->rows; t; t = t->next)
        tally_merge(&sum, t);
    MUST(sum.requests == s->total.requests && sum.failures == s->total.failures);
    MUST(sum.cut == s->total.cut && sum.hist.count == s->total.hist.count);
    MUST(sum.sum_us == s->total.sum_us && sum.bytes == s->total.bytes);
    MUST(memcmp(&sum.extra, &s->total.extra, sizeof sum.extra) == 0);
    MUST((sum.failed ? sum.failed->count : 0) == (s->total.failed ? s->total.failed->count : 0));
    MUST(s->row_count <= 8 + 65 && s->failure_count <= 3 * 4 + 8 + 65 && s->exception_count <= 5);
    MUST(tally_quantile_ms(&s->total, 0.5) >= 0);
    tally_fini(&sum);
}

static void check_unchanged(const struct stats *s)
{
    MUST(s->row_count == 1 && s->total.requests == 1 && s->total.hist.count == 1);
    MUST(s->failure_count == 1 && !s->exceptions && !s->overflow);
}

/* What one table says, another understands; one that only our own worker could not have written
 * (counts of strangers that disagree) may be refused, but not crash. */
static void check_repack(const struct stats *s)
{
    struct sbuf ours = {0}, locust = {0};
    struct stats again;
    seed(&again);
    report_pack(s, &ours);
    report_merge(&again, ours.data, ours.len, "n");
    sbuf_addc(&locust, '\x83');
    report_pack_locust(s, &locust);
    report_merge_locust(&again, locust.data, locust.len);
    check_sums(&again);
    stats_fini(&again);
    sbuf_fini(&ours);
    sbuf_fini(&locust);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int dialect = 0; dialect < 2; dialect++) {
        struct stats s;
        seed(&s);
        int rc = dialect ? report_merge_locust(&s, data, size) : report_merge(&s, data, size, "w");
        if (rc != 0)
            check_unchanged(&s);
        check_sums(&s);
        if (rc == 0)
            check_repack(&s);
        stats_fini(&s);
    }
    return 0;
}
