// SPDX-License-Identifier: MIT
/* console: see the header. Names and messages come from test code and from servers: nothing of
 * them reaches the terminal as a control character. Columns count characters, not bytes. */
#include "master/out/console.h"
#include "master/data/number_text.h"
#include "common/base/sbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_WIDTH 8
#define NAME_WIDTH 80 /* when there is no terminal */
#define ERROR_WIDTH 100

size_t console_name_width(unsigned columns)
{
    if (!columns || columns >= 2 * NAME_WIDTH)
        return NAME_WIDTH;
    return columns > NAME_WIDTH + TYPE_WIDTH ? columns - NAME_WIDTH : TYPE_WIDTH;
}

size_t console_wanted_width(double wanted, unsigned columns)
{
    if (wanted >= 0)
        return wanted > TYPE_WIDTH ? (size_t)wanted : TYPE_WIDTH;
    return console_name_width(columns);
}

static void add_times(struct sbuf *out, char c, size_t n)
{
    while (n--)
        sbuf_addc(out, c);
}

static void add_padded(struct sbuf *out, const char *text, size_t width)
{
    size_t shown = output_add_visible(out, text);
    add_times(out, ' ', shown < width ? width - shown : 0);
}

/* "--------|----|---": runs of dashes of these widths, 0 ends. */
static void add_separator(struct sbuf *out, const size_t *widths)
{
    for (size_t i = 0; widths[i]; i++) {
        if (i)
            sbuf_addc(out, '|');
        add_times(out, '-', widths[i]);
    }
    sbuf_addc(out, '\n');
}

/* ---- requests --------------------------------------------------------------------------- */

static void add_row(struct sbuf *out, const struct tally *t, const struct stats *s, bool current,
                    size_t name_width)
{
    char fails[64];
    snprintf(fails, sizeof fails, "%llu(%.2f%%)", (unsigned long long)t->failures,
             output_fail_ratio(t) * 100);
    struct sbuf method = {0};
    sbuf_addf(&method, *t->method ? "%s " : "%s", t->method);
    add_padded(out, method.data, TYPE_WIDTH);
    sbuf_fini(&method);
    sbuf_addc(out, ' ');
    add_padded(out, t->name, name_width);
    sbuf_addf(out, " %7llu %12s |%7lld %7lld %7lld%7lld | %7.2f %11.2f\n",
              (unsigned long long)t->requests, fails, (long long)tally_mean_ms(t),
              (long long)output_min_ms(t), (long long)output_max_ms(t),
              (long long)output_median_ms(t),
              current ? tally_current_rps(t, s) : tally_total_rps(t, s),
              current ? tally_current_fail_rps(t, s) : tally_total_fail_rps(t, s));
}

void console_add_stats(struct sbuf *out, const struct stats *s, bool current_rates,
                       size_t name_width)
{
    size_t width = name_width - TYPE_WIDTH + 4;
    const size_t dashes[] = {TYPE_WIDTH, width, 7, 13, 7, 7, 7, 7, 8, 11, 0};
    add_padded(out, "Type", TYPE_WIDTH + 1);
    add_padded(out, "Name", width);
    sbuf_addf(out, " %7s %12s |%7s %7s %7s%7s | %7s %11s\n", "# reqs", "# fails", "Avg", "Min",
              "Max", "Med", "req/s", "failures/s");
    add_separator(out, dashes);
    const struct tally **rows;
    size_t n = stats_sorted(s, &rows);
    for (size_t i = 0; i < n; i++)
        add_row(out, rows[i], s, current_rates, width);
    free(rows);
    add_separator(out, dashes);
    add_row(out, &s->total, s, current_rates, width);
    sbuf_addc(out, '\n');
}

/* ---- percentiles ------------------------------------------------------------------------ */

static void add_percentiles_of(struct sbuf *out, const struct tally *t, const struct hist *of,
                               const struct percentile_columns *p, size_t name_width)
{
    add_padded(out, t->method, TYPE_WIDTH);
    sbuf_addc(out, ' ');
    add_padded(out, t->name, name_width);
    long long ms[OUTPUT_PERCENTILES_MAX];
    output_percentiles_ms(p, t, of, ms);
    for (size_t i = 0; i < p->count; i++)
        sbuf_addf(out, i ? " %6lld" : " %8lld", ms[i]);
    sbuf_addf(out, " %6llu\n", (unsigned long long)(of == t->corrected ? of->count : t->requests));
}

static const struct hist *times_of(const struct tally *t, bool is_corrected)
{
    return is_corrected ? t->corrected : &t->hist;
}

static void add_percentiles(struct sbuf *out, const struct stats *s,
                            const struct percentile_columns *p, size_t name_width,
                            bool is_corrected)
{
    size_t dashes[OUTPUT_PERCENTILES_MAX + 4] = {TYPE_WIDTH, name_width, 8};
    for (size_t i = 0; i < p->count; i++)
        dashes[3 + i] = 6;
    sbuf_addf(out, "Response time percentiles%s (approximated)\n",
              is_corrected ? " from the intended start" : "");
    add_padded(out, "Type", TYPE_WIDTH + 1);
    add_padded(out, "Name", name_width);
    for (size_t i = 0; i < p->count; i++)
        sbuf_addf(out, i ? " %6s" : " %8s", p->name[i]);
    sbuf_adds(out, " # reqs\n");
    add_separator(out, dashes);
    const struct tally **rows;
    size_t n = stats_sorted(s, &rows);
    for (size_t i = 0; i < n; i++) {
        const struct hist *of = times_of(rows[i], is_corrected);
        if (of && of->count)
            add_percentiles_of(out, rows[i], of, p, name_width);
    }
    free(rows);
    add_separator(out, dashes);
    if (times_of(&s->total, is_corrected)->count)
        add_percentiles_of(out, &s->total, times_of(&s->total, is_corrected), p, name_width);
    sbuf_addc(out, '\n');
}

void console_add_percentiles(struct sbuf *out, const struct stats *s,
                             const struct percentile_columns *p, size_t name_width)
{
    add_percentiles(out, s, p, name_width, false);
}

void console_add_corrected(struct sbuf *out, const struct stats *s,
                           const struct percentile_columns *p, size_t name_width)
{
    if (s->total.corrected && s->total.corrected->count)
        add_percentiles(out, s, p, name_width, true);
}

/* ---- failures, and requests that are neither
 * ------------------------------------------------------ */

/* CatchResponseError('text') is Python's way to say that test code called failure("text"). */
static void add_failure_text(struct sbuf *out, const char *text)
{
    static const char wrap[] = "CatchResponseError(";
    size_t len = strlen(text), head = sizeof wrap - 1;
    if (len <= head || strncmp(text, wrap, head) != 0 || text[len - 1] != ')') {
        sbuf_adds(out, text);
        return;
    }
    text += head;
    len -= head + 1;
    bool is_quoted = len >= 2 && (*text == '\'' || *text == '"') && text[len - 1] == *text;
    if (is_quoted && !memchr(text, '\\', len)) {
        text++;
        len -= 2;
    }
    sbuf_add(out, text, len);
}

void console_add_errors(struct sbuf *out, const struct stats *s, size_t name_width)
{
    if (!s->failures)
        return;
    const size_t dashes[] = {18, 61 + name_width, 0};
    sbuf_addf(out, "Error report\n%-18s %-100s\n", "# occurrences", "Error");
    add_separator(out, dashes);
    struct failure line;
    for (const struct failure *at = s->failures; at;) {
        struct sbuf text = {0};
        at = stats_failure_line(at, &line);
        sbuf_addf(&text, "%s %s: ", line.method, line.name);
        add_failure_text(&text, line.text);
        sbuf_addf(out, "%-18llu ", (unsigned long long)line.count);
        add_padded(out, text.data, ERROR_WIDTH);
        sbuf_addc(out, '\n');
        sbuf_fini(&text);
    }
    add_separator(out, dashes);
    sbuf_addc(out, '\n');
}

static void add_aside(struct sbuf *out, uint64_t n, const char *one, const char *many)
{
    if (n)
        sbuf_addf(out, "%llu %s\n\n", (unsigned long long)n, n == 1 ? one : many);
}

void console_add_aside(struct sbuf *out, const struct stats *s)
{
    const struct tally *t = &s->total;
    add_aside(out, t->cut, "request was cut off in flight when the test ended (not a failure)",
              "requests were cut off in flight when the test ended (not failures)");
    add_aside(out, t->discarded,
              "request was answered, but its task raised or ended before it judged the answer (not "
              "a failure)",
              "requests were answered, but their task raised or ended before it judged the answer "
              "(not failures)");
    add_aside(out, t->resent,
              "request was sent again: its connection closed before an answer (not a failure)",
              "requests were sent again: their connection closed before an answer (not failures)");
}
