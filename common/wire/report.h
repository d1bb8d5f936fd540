// SPDX-License-Identifier: MIT
#pragma once
/* report: a struct stats as bytes, in two dialects.
 *
 * Ours carries histograms, cut-off requests, exceptions and per-second counts, all as deltas;
 * Locust's ("stats" message, docs/wire.md) carries millisecond buckets. Both decoders take bytes
 * of strangers: every length is checked, limits of struct stats hold, and a malformed report
 * changes nothing (all of it is checked before the first of it is counted). Totals are the sums of
 * the rows that arrive, whatever else the message claims.
 */
#include "common/metric/stats.h"

struct sbuf;

/* Told of each row and failure that a report added, after it was added. Histograms are packed, and
 * good; pointers are borrowed for the call. Every time in the report is moved by shift_s before it
 * counts: how much later the reader's clock is than the writer's. */
struct report_watch {
    void (*on_row)(void *arg, const struct tally *row, const struct tally *more,
                   const struct tally_packed *packed);
    void (*on_failure)(void *arg, const struct failure *kind, const struct failure *more);
    void *arg;
    int64_t shift_s;
};

/* Ours: one msgpack value (an array), to be carried as bin in the message. */
void report_pack(const struct stats *s, struct sbuf *out);
/* Adds a report to s; `node` names the worker for exceptions. 0 or -1 (malformed, s unchanged). */
int report_merge(struct stats *s, const void *bytes, size_t len, const char *node);
int report_merge_watched(struct stats *s, const void *bytes, size_t len, const char *node,
                         const struct report_watch *watch);

/* Ours since version 2: rows have numbers instead of names (those of the writer's table, never
 * given twice), and names are sent beside it until the reader has them. */
struct report_bytes {
    const void *report, *names; /* names: or none */
    size_t report_len, names_len;
};
void report_pack_numbered(const struct stats *s, struct sbuf *out);
/* Puts the classes of exceptions behind the report in *out, for a reader that knows of them. */
void report_pack_types(const struct stats *s, struct sbuf *out);
/* The names of all rows, or of those that the report just packed has and the reader may not know.
 * report: its number, from 1 up. false: there are none. */
bool report_pack_names(struct stats *s, uint32_t report, bool is_all, struct sbuf *out);
#define REPORT_NAME_KNOWN UINT32_MAX
void report_names_heard(struct stats *s, uint32_t report); /* the reader has that report */
void report_names_forget(struct stats *s); /* the reader is another one, or may be */

/* Which row of s each number of one writer is. A cache: what is not in it, or not any more, is
 * asked for. Zero is an empty one. */
#define REPORT_NAMES_MAX (1u << 17)
struct report_row {
    struct tally *row; /* NULL: never named */
    bool has_place;    /* it is the row of that name, not one for all that are too many */
};
struct report_names {
    struct report_row *rows; /* owned; of the numbers from `first` up */
    uint32_t first;
    size_t count, cap;
    uint64_t clears; /* those of s when it was filled */
};
void report_names_fini(struct report_names *names);

bool report_is_numbered(const void *bytes, size_t len);
/* As report_merge_watched; also REPORT_NAMELESS, and nothing was counted: names are missing. */
#define REPORT_NAMELESS 1
int report_merge_numbered(struct stats *s, struct report_names *names,
                          const struct report_bytes *in, const char *node,
                          const struct report_watch *watch);
/* What that would answer; and what it does after an answer of 0, for who has asked already and has
 * not changed s or names since. */
int report_check_numbered(const struct stats *s, struct report_names *names,
                          const struct report_bytes *in);
void report_count_numbered(struct stats *s, struct report_names *names,
                           const struct report_bytes *in, const char *node,
                           const struct report_watch *watch);

/* Locust's: packs the three msgpack key/value pairs "stats", "stats_total", "errors" of the data
 * map (the caller writes the map header and the other keys). */
void report_pack_locust(const struct stats *s, struct sbuf *out);
/* The same three pairs with every row, empty ones too, and "cut", "discarded" and "resent" in each:
 * for the host. */
void report_pack_absolute(const struct stats *s, struct sbuf *out);
/* Adds the "stats" and "errors" of Locust's data map, given as the msgpack bytes of the whole map.
 * 0 or -1. */
int report_merge_locust(struct stats *s, const void *bytes, size_t len);
int report_merge_locust_watched(struct stats *s, const void *bytes, size_t len,
                                const struct report_watch *watch);

/* Locust's response time buckets: milliseconds rounded to two digits, half to even. */
uint64_t report_locust_bucket_ms(uint64_t value_us);

/* The non-empty Locust buckets of a histogram, upwards. */
void report_locust_buckets(const struct hist *h,
                           void (*visit)(void *arg, uint64_t bucket_ms, uint64_t n), void *arg);
