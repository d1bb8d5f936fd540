// SPDX-License-Identifier: MIT
/* Any bytes as a numbered report and its names (how long the names are: the first two bytes), twice
 * on the same table: a refused one leaves it as it was, an accepted one leaves a total that is the
 * sum of its rows. */
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

static void check_sums(const struct stats *s)
{
    struct tally sum;
    tally_init(&sum, NULL, NULL);
    for (const struct tally *t = s->rows; t; t = t->next)
        tally_merge(&sum, t);
    MUST(sum.requests == s->total.requests && sum.failures == s->total.failures);
    MUST(sum.hist.count == s->total.hist.count && sum.sum_us == s->total.sum_us);
    MUST(memcmp(&sum.extra, &s->total.extra, sizeof sum.extra) == 0);
    for (size_t i = 0; i < TALLY_PARTS; i++)
        MUST((sum.part[i] ? sum.part[i]->count : 0) ==
             (s->total.part[i] ? s->total.part[i]->count : 0));
    MUST(s->row_count <= 8 + 65 && s->failure_count <= 3 * 4 + 8 + 65 && s->exception_count <= 5);
    tally_fini(&sum);
}

static void check_repack(struct stats *s)
{
    struct stats again;
    struct sbuf report = {0}, names = {0};
    struct report_names known = {0};
    stats_init(&again, 1700000000, STATS_LIMITS_DEFAULT);
    report_pack_numbered(s, &report);
    report_pack_names(s, 1, true, &names);
    report_merge_numbered(&again, &known,
                          &(struct report_bytes){report.data, names.data, report.len, names.len},
                          "n", NULL);
    check_sums(&again);
    report_names_fini(&known);
    stats_fini(&again);
    sbuf_fini(&report);
    sbuf_fini(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stats s;
    struct report_names known = {0};
    if (size < 2)
        return 0;
    size_t names_len = (size_t)data[0] << 8 | data[1];
    if (names_len > size - 2)
        names_len = size - 2;
    const struct report_bytes in = {data + 2 + names_len, data + 2, size - 2 - names_len,
                                    names_len};
    const struct report_bytes bare = {in.report, NULL, in.report_len, 0};
    stats_init(&s, 1700000000, (struct stats_limits){8, 4, 4});
    const int rc = report_merge_numbered(&s, &known, &in, "w", NULL);
    MUST(rc == 0 || (!s.row_count && !s.failure_count && !s.exceptions && !s.overflow));
    check_sums(&s);
    if (rc == 0) {
        MUST(report_merge_numbered(&s, &known, &bare, "w", NULL) == 0); /* it knows them now */
        check_sums(&s);
        check_repack(&s);
    }
    report_names_fini(&known);
    stats_fini(&s);
    return 0;
}
