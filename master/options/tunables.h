// SPDX-License-Identifier: MIT
#pragma once
/* tunables: constants of Locust's modules that a locustfile sets at run time and that mean
 * something to the master. The host sends them with its script (docs/wire.md); what it does not
 * send, or what makes no sense, stays as it was. Main thread, but for shares, which views carry. */
#include <stdbool.h>
#include <stddef.h>

#define TUNABLES_SHARES_MAX 32
#define TUNABLES_SHOWN_MAX 6 /* of statistics and chart: as many as Locust's page takes */

struct tunables_shares { /* percentiles as shares, 0 to 1, in the order they are shown */
    double of[TUNABLES_SHARES_MAX];
    size_t count;
};

struct tunables {
    double table_interval_s;           /* CONSOLE_STATS_INTERVAL_SEC */
    double csv_interval_s;             /* CSV_STATS_INTERVAL_SEC; in whole seconds */
    double history_interval_s;         /* HISTORY_STATS_INTERVAL_SEC; in whole seconds */
    double name_width;                 /* STATS_NAME_WIDTH; negative: what the terminal leaves */
    double cpu_warning_percent;        /* CPU_WARNING_THRESHOLD */
    double beat_interval_s, beats;     /* HEARTBEAT_INTERVAL; HEARTBEAT_LIVENESS of them missed */
    struct tunables_shares report;     /* PERCENTILES_TO_REPORT: columns of tables and files */
    struct tunables_shares statistics; /* PERCENTILES_TO_STATISTICS: per row of /stats/requests */
    struct tunables_shares chart;      /* PERCENTILES_TO_CHART: of now, in /stats/requests */
};

extern const struct tunables tunables_usual; /* Locust's */

/* A constant by its name in Locust; a number is a list of one. False when the values make no sense
 * for it. A name that is none is true, and nothing. */
bool tunables_set(struct tunables *t, const char *name, const double *values, size_t count);

/* Whole seconds without a word until a worker is missing. */
unsigned tunables_liveness(const struct tunables *t);
