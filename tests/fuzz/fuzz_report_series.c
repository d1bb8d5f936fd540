// SPDX-License-Identifier: MIT
/* Any bytes as values of series and their names (how long the names are: the first two bytes),
 * twice into the same store: what is refused leaves no value, what is accepted counts twice as much
 * the second time, in the sum of the store as in what was told. */
#include "common/wire/report.h"
#include "common/wire/report_series.h"
#include "master/data/series_store.h"

#include <stdint.h>
#include <stdlib.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct series_store *store;
    uint64_t count;
};

static void on_value(void *arg, struct series *s, int64_t second, const struct value_read *more)
{
    struct told *told = arg;
    if (!s)
        return;
    told->count += more->numbers.count;
    series_store_add(told->store, s, second, more);
}

static uint64_t stored(struct series_store *store)
{
    const struct series_table *t = series_store_table(store);
    struct series_value v;
    uint64_t count = 0;
    series_value_init(&v);
    for (size_t i = 0; i < t->metric_count; i++) {
        const struct series_query q = {.metric = t->metrics[i]->name};
        series_store_read(store, &q, SERIES_FROM_START, SERIES_TO_NOW, &v);
        count += v.n;
        MUST(v.kind != METRIC_TREND || v.hist.count + v.negative.count == v.n);
        MUST(v.kind != METRIC_TREND || series_value_quantile(&v, 0.5) <= v.max);
    }
    series_value_fini(&v);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct series_store *store = series_store_new(1000);
    struct told told = {.store = store};
    struct series_ids ids = {0};
    size_t names_len = (size_t)data[0] << 8 | data[1];
    if (names_len > size - 2)
        names_len = size - 2;
    const struct series_bytes in = {data + 2 + names_len, data + 2, size - 2 - names_len,
                                    names_len},
                              bare = {in.values, NULL, in.values_len, 0};
    const struct series_watch watch = {on_value, &told, 3};
    const int rc = report_series_merge(series_store_table(store), &ids, 0, &in, &watch);
    MUST(stored(store) == told.count && (rc == 0 || !told.count));
    if (rc == 0) {
        const uint64_t once = told.count;
        MUST(report_series_merge(series_store_table(store), &ids, 0, &bare, &watch) == 0);
        MUST(told.count == 2 * once && stored(store) == told.count);
        series_store_close(store, 2000000000);
        MUST(stored(store) == told.count);
    }
    series_ids_fini(&ids);
    series_store_free(store);
    return 0;
}
