// SPDX-License-Identifier: MIT
/* terminal: the output "console": when Locust's tables are printed to stderr, and a line of
 * progress between them on a terminal. What goes together is built in a buffer and handed to the
 * log at once, so that it comes in its turn and other lines do not cut it. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/out/console.h"
#include "master/out/series_tables.h"
#include "master/out/output.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct terminal {
    bool is_terminal;       /* stderr is one: it gets a line of progress */
    bool is_progress_shown; /* and has it now */
    double next_table_at;   /* monotonic */
};

static unsigned terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static size_t name_width(const struct snapshot *s)
{
    return console_wanted_width(s->wishes.tunables.name_width, terminal_columns());
}

/* Nobody reads: a console that is gone must not end the test. */
static void print(struct sbuf *text)
{
    log_print(text->data, text->len);
    sbuf_fini(text);
}

static void clear_progress(struct terminal *t)
{
    struct sbuf clear = {0};
    if (!t->is_progress_shown)
        return;
    sbuf_adds(&clear, "\r\033[K");
    print(&clear);
    t->is_progress_shown = false;
}

static void add_clock(struct sbuf *b, double seconds)
{
    unsigned long n = seconds > 0 ? (unsigned long)seconds : 0;
    if (n >= 3600)
        sbuf_addf(b, "%lu:%02lu:%02lu", n / 3600, n / 60 % 60, n % 60);
    else
        sbuf_addf(b, "%lu:%02lu", n / 60, n % 60);
}

static void print_progress(struct terminal *t, const struct snapshot *s)
{
    const struct tally *total = &s->stats.total;
    struct sbuf b = {0};
    add_clock(&b, s->run_age_s);
    if (s->view->run_time_s > 0) {
        sbuf_addc(&b, '/');
        add_clock(&b, s->view->run_time_s);
    }
    sbuf_addf(&b, "  %s  %u/%u users  %llu requests  %.1f/s  %.2f%% failed  p95 %.1f ms",
              s->view->state, s->view->users, s->target_users, (unsigned long long)total->requests,
              tally_current_rps(total, &s->stats), output_fail_ratio(total) * 100,
              tally_quantile_ms(total, 0.95));
    unsigned columns = terminal_columns();
    if (columns > 1 && b.len >= columns)
        b.len = columns - 1; /* a folded line could not be cleared */
    /* The cursor goes back to the left: a log line that comes now overwrites this one. */
    sbuf_adds(&b, "\033[K\r");
    print(&b);
    t->is_progress_shown = true;
}

static double interval_s(const void *self, const struct wishes *w)
{
    const struct terminal *t = self;
    if (t->is_terminal)
        return 1;
    return w->has_tables ? w->tunables.table_interval_s : 0;
}

static int tick(void *self, const struct snapshot *s, char **why)
{
    struct terminal *t = self;
    (void)why;
    if (s->wishes.has_tables && s->is_begun && s->mono >= t->next_table_at) {
        struct sbuf table = {0};
        t->next_table_at = s->mono + s->wishes.tunables.table_interval_s - 0.1;
        clear_progress(t);
        console_add_stats(&table, &s->stats, true, name_width(s));
        print(&table);
    }
    if (t->is_terminal && s->is_live)
        print_progress(t, s);
    return 0;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    struct terminal *t = self;
    const struct stats *s = &last->stats;
    struct sbuf text = {0};
    (void)why;
    clear_progress(t);
    if (last->wishes.has_summary && last->run_number > 0) {
        const struct percentile_columns columns = percentile_columns(&last->wishes.tunables.report);
        console_add_stats(&text, s, false, name_width(last));
        console_add_percentiles(&text, s, &columns, name_width(last));
        console_add_corrected(&text, s, &columns, name_width(last));
        console_add_errors(&text, s, name_width(last));
        console_add_checks(&text, last->end.series, name_width(last));
        console_add_groups(&text, last->end.series, name_width(last));
        console_add_metrics(&text, last->end.series, name_width(last));
    }
    console_add_aside(&text, s);
    sbuf_adds(&text, last->end.remarks ? last->end.remarks : "");
    print(&text);
    return 0;
}

struct output console_output(void)
{
    struct terminal *t = mem_zalloc(sizeof *t);
    t->is_terminal = isatty(STDERR_FILENO);
    return (struct output){.name = "console",
                           .self = t,
                           .interval_s = interval_s,
                           .tick = tick,
                           .run_end = run_end,
                           .close = free};
}
