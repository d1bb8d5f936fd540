// SPDX-License-Identifier: MIT
/* csv_tables: see the header. */
#include "master/out/csv_tables.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <stdlib.h>
#include <string.h>

/* ---- cells ------------------------------------------------------------------------------ */

static void add_percentile_names(const struct percentile_columns *p, struct sbuf *out)
{
    for (size_t i = 0; i < p->count; i++)
        sbuf_addf(out, ",%s", p->name[i]);
}

/* of: the histogram to look at; NULL = nothing was measured in its window. */
static void add_percentiles(struct sbuf *out, const struct percentile_columns *p,
                            const struct tally *t, const struct hist *of)
{
    long long ms[OUTPUT_PERCENTILES_MAX] = {0};
    if (of)
        output_percentiles_ms(p, t, of, ms);
    for (size_t i = 0; i < p->count; i++) {
        if (t->requests)
            sbuf_addf(out, ",%lld", ms[i]);
        else
            sbuf_adds(out, ",N/A");
    }
}

static void add_number(struct sbuf *out, double v)
{
    sbuf_addc(out, ',');
    output_add_number(out, v);
}

static void add_float(struct sbuf *out, double v)
{
    sbuf_addc(out, ',');
    output_add_float(out, v);
}

/* Counts, median, mean, min, max and size: the same seven columns in two files. */
static void add_sums(struct sbuf *out, const struct tally *t)
{
    sbuf_addf(out, ",%llu,%llu", (unsigned long long)t->requests, (unsigned long long)t->failures);
    add_number(out, output_median_ms(t));
    add_float(out, tally_mean_ms(t));
    add_number(out, output_min_ms(t));
    add_number(out, output_max_ms(t));
    (t->requests ? add_float : add_number)(out, output_mean_bytes(t));
}

/* ---- tables ----------------------------------------------------------------------------- */

static void add_request_row(struct sbuf *out, const struct tally *t, const struct stats *s,
                            const struct percentile_columns *p, csv_add_text *add)
{
    add(out, t->method);
    sbuf_addc(out, ',');
    add(out, t->name);
    add_sums(out, t);
    add_float(out, tally_total_rps(t, s));
    add_float(out, tally_total_fail_rps(t, s));
    add_percentiles(out, p, t, &t->hist);
    sbuf_adds(out, "\r\n");
}

void csv_requests(const struct stats *s, const struct percentile_columns *p, struct sbuf *out,
                  csv_add_text *add)
{
    sbuf_adds(out, "Type,Name,Request Count,Failure Count,Median Response Time,"
                   "Average Response Time,Min Response Time,Max Response Time,"
                   "Average Content Size,Requests/s,Failures/s");
    add_percentile_names(p, out);
    sbuf_adds(out, "\r\n");
    const struct tally **rows;
    size_t n = stats_sorted(s, &rows);
    for (size_t i = 0; i < n; i++)
        add_request_row(out, rows[i], s, p, add);
    free(rows);
    add_request_row(out, &s->total, s, p, add);
}

static int by_count(const void *a, const void *b)
{
    const struct failure *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    int order = strcmp(x->name, y->name);
    if (!order)
        order = strcmp(x->method, y->method);
    return order ? order : strcmp(x->text, y->text);
}

static void add_failure_row(struct sbuf *out, const struct failure *f, csv_add_text *add)
{
    add(out, f->method);
    sbuf_addc(out, ',');
    add(out, f->name);
    sbuf_addc(out, ',');
    add(out, f->text);
    sbuf_addf(out, ",%llu,", (unsigned long long)f->count);
    output_add_utc(out, f->first_at);
    sbuf_addc(out, ',');
    output_add_utc(out, f->last_at);
    sbuf_adds(out, "\r\n");
}

void csv_failures(const struct stats *s, struct sbuf *out, csv_add_text *add)
{
    sbuf_adds(out, "Method,Name,Error,Occurrences,First Seen,Last Seen\r\n");
    struct failure *sorted = mem_zalloc((s->failure_count + 1) * sizeof *sorted);
    size_t n = 0;
    for (const struct failure *at = s->failures; at; n++)
        at = stats_failure_line(at, &sorted[n]);
    qsort(sorted, n, sizeof *sorted, by_count);
    for (size_t i = 0; i < n; i++)
        add_failure_row(out, &sorted[i], add);
    free(sorted);
}

/* One cell: the ids, with a blank after each comma, as people read lists. */
static void add_nodes(struct sbuf *out, const char *nodes)
{
    struct sbuf list = {0};
    output_add_nodes(&list, nodes);
    sbuf_add_csv(out, list.data);
    sbuf_fini(&list);
}

void csv_exceptions(const struct stats *s, struct sbuf *out, csv_add_text *add)
{
    sbuf_adds(out, "Count,Message,Traceback,Nodes\r\n");
    for (const struct exception *e = s->exceptions; e; e = e->next) {
        sbuf_addf(out, "%llu,", (unsigned long long)e->count);
        add(out, e->message);
        sbuf_addc(out, ',');
        add(out, e->traceback);
        sbuf_addc(out, ',');
        add_nodes(out, e->nodes);
        sbuf_adds(out, "\r\n");
    }
}

/* ---- history ---------------------------------------------------------------------------- */

void csv_history_head(const struct percentile_columns *p, struct sbuf *out)
{
    sbuf_adds(out, "Timestamp,User Count,Type,Name,Requests/s,Failures/s");
    add_percentile_names(p, out);
    sbuf_adds(out, ",Total Request Count,Total Failure Count,Total Median Response Time,"
                   "Total Average Response Time,Total Min Response Time,"
                   "Total Max Response Time,Total Average Content Size\r\n");
}

void csv_history_row(const struct tally *t, const struct stats *s,
                     const struct percentile_columns *p, struct csv_moment at,
                     const struct hist *of, struct sbuf *out)
{
    sbuf_addf(out, "%lld,%u,", (long long)at.now, at.users);
    sbuf_add_csv(out, t->method);
    sbuf_addc(out, ',');
    sbuf_add_csv(out, t->name);
    sbuf_addf(out, ",%f,%f", tally_current_rps(t, s), tally_current_fail_rps(t, s));
    add_percentiles(out, p, t, of);
    add_sums(out, t);
    sbuf_adds(out, "\r\n");
}
