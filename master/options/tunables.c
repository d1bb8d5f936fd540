// SPDX-License-Identifier: MIT
/* tunables: see tunables.h. */
#include "master/options/tunables.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

#define LIVENESS_MAX 86400 /* seconds */

const struct tunables tunables_usual = {
    .table_interval_s = 2,
    .csv_interval_s = 1,
    .history_interval_s = 5,
    .name_width = -1,
    .cpu_warning_percent = 90,
    .beat_interval_s = 1,
    .beats = 3,
    .report = {{0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0}, 11},
    .statistics = {{0.95, 0.99}, 2},
    .chart = {{0.5, 0.95}, 2},
};

static const struct number {
    const char *name;
    size_t at;
    double least, most;
} numbers[] = {
    {"CONSOLE_STATS_INTERVAL_SEC", offsetof(struct tunables, table_interval_s), 0.01, 86400},
    {"CSV_STATS_INTERVAL_SEC", offsetof(struct tunables, csv_interval_s), 0.01, 86400},
    {"HISTORY_STATS_INTERVAL_SEC", offsetof(struct tunables, history_interval_s), 1, 86400},
    {"STATS_NAME_WIDTH", offsetof(struct tunables, name_width), 0, 1000},
    {"CPU_WARNING_THRESHOLD", offsetof(struct tunables, cpu_warning_percent), 0, 1e6},
    {"HEARTBEAT_INTERVAL", offsetof(struct tunables, beat_interval_s), 0.01, 3600},
    {"HEARTBEAT_LIVENESS", offsetof(struct tunables, beats), 1, 3600},
};

static const struct list {
    const char *name;
    size_t at, most;
} lists[] = {
    {"PERCENTILES_TO_REPORT", offsetof(struct tunables, report), TUNABLES_SHARES_MAX},
    {"PERCENTILES_TO_STATISTICS", offsetof(struct tunables, statistics), TUNABLES_SHOWN_MAX},
    {"PERCENTILES_TO_CHART", offsetof(struct tunables, chart), TUNABLES_SHOWN_MAX},
};

static bool set_shares(struct tunables_shares *to, size_t most, const double *values, size_t count)
{
    if (count == 0 || count > most)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!(values[i] >= 0 && values[i] <= 1))
            return false;
    memcpy(to->of, values, count * sizeof *values);
    to->count = count;
    return true;
}

bool tunables_set(struct tunables *t, const char *name, const double *values, size_t count)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const struct number *n = &numbers[i];
        if (strcmp(name, n->name) != 0)
            continue;
        if (count != 1 || !(values[0] >= n->least && values[0] <= n->most))
            return false;
        memcpy((char *)t + n->at, values, sizeof *values);
        return true;
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!strcmp(name, lists[i].name))
            return set_shares((struct tunables_shares *)(void *)((char *)t + lists[i].at),
                              lists[i].most, values, count);
    return true;
}

unsigned tunables_liveness(const struct tunables *t)
{
    double seconds = ceil(t->beats * fmax(1, t->beat_interval_s));
    return seconds < LIVENESS_MAX ? (unsigned)seconds : LIVENESS_MAX;
}
