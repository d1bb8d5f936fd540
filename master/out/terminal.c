// SPDX-License-Identifier: MIT
/* terminal: when tables are printed and files written. What they look like is output.h's. */
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include "master/run/exit_code.h"
#include "master/out/outfile.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int check_file(const char *option, const char *name, const char *ending)
{
    struct sbuf path = {0};
    sbuf_addf(&path, "%s%s", name, ending);
    int rc = outfile_check(option, path.data);
    sbuf_fini(&path);
    return rc == 0 ? 0 : EXIT_OUTPUT_FILE;
}

int terminal_open(struct master *m)
{
    char *why = NULL;
    int code = report_check(m);
    if (!code && m->o->json_file)
        code = check_file("--json-file", m->o->json_file, ".json");
    if (!code && m->o->csv_prefix)
        code = check_file("--csv", m->o->csv_prefix, "_stats.csv");
    if (code || !m->o->csv_prefix)
        return code;
    m->csv = csv_open(m->o->csv_prefix, m->o->csv_full_history, &why);
    if (m->csv)
        return 0;
    fprintf(stderr, "%s: %s\n", options_program(), why);
    free(why);
    return EXIT_OUTPUT_FILE;
}

static bool prints_tables(const struct master *m)
{
    return !m->o->skip_log_setup && !m->o->only_summary && (m->o->print_stats || m->o->headless);
}

static void progress(struct master *m, const char *state)
{
    if (isatty(STDERR_FILENO))
        console_progress(state, roster_user_count(&m->roster), m->run.target_users, &m->stats,
                         run_age_s(&m->run, master_now()), m->run.run_time_s);
}

static void print_table(struct master *m)
{
    m->next_table_at = master_now().mono + m->tunables.table_interval_s - 0.1;
    progress(m, "");
    console_stats(&m->stats, true);
}

/* Locust prints the empty table too. */
void terminal_begin(struct master *m)
{
    if (prints_tables(m) && m->next_table_at <= 0)
        print_table(m);
}

void terminal_second(struct master *m)
{
    struct run_clock now = master_now();
    bool is_live = run_is_on(&m->run);
    if (m->csv && is_live && now.mono >= m->next_csv_at) {
        m->next_csv_at = now.mono + m->tunables.csv_interval_s - 0.1;
        csv_tick(m->csv, &m->stats, now.unix_time, roster_user_count(&m->roster));
    }
    if (m->finish > FINISH_STOP)
        return;
    bool is_begun = m->is_auto_begun || m->run.number > 0 || (m->o->print_stats && m->web);
    if (prints_tables(m) && now.mono >= m->next_table_at && is_begun)
        print_table(m);
    if (is_live)
        progress(m, run_state_name(m->run.state));
}

static void print_losses(const struct master *m)
{
    struct sbuf text = {0};
    for (const struct loss *l = m->losses.first; l; l = l->next) {
        losses_write(l, true, &text);
        sbuf_adds(&text, "\n\n");
    }
    if (m->losses.left_out > 0)
        sbuf_addf(&text, "%zu more times a worker was lost.\n\n", m->losses.left_out);
    if (m->is_deserted)
        sbuf_adds(&text, "The test ended before its time: its last worker was lost.\n\n");
    fputs(text.data ? text.data : "", stderr);
    sbuf_fini(&text);
    uint64_t late = m->trouble.late;
    if (late > 0)
        log_debug(LOGGER, "%llu reports of earlier runs were dropped", (unsigned long long)late);
}

/* A limit of a container is easily lifted, when one knows of it. */
static const char *quota_words(const struct master *m)
{
    return events_has_quota(m->events) ? "throttled by the processor limit of its container, " : "";
}

static void print_saturation(const struct master *m)
{
    double seconds = events_saturated_s(m->events);
    if (seconds > 0)
        fprintf(stderr,
                "Measurement not valid for %.0f s: a worker could not keep up (processor above "
                "%.0f %%, %sor event loop more than %.0f ms late), so the times above hold its own "
                "delay as well. Use more workers, or fewer users.\n\n",
                ceil(seconds), SATURATED_CPU, quota_words(m), SATURATED_LAG_MS);
}

static void print_delay(const struct master *m)
{
    double seconds = inbox_behind_s(m);
    if (seconds > 0)
        fprintf(stderr,
                "The master could not keep up with its workers for %.0f s: figures came up to %.0f "
                "s late. All of them are in the tables above; give the master more processor time "
                "for charts that are exact to the second.\n\n",
                ceil(seconds), ceil(m->inbox.longest_s));
}

static int write_json(const char *name, const struct sbuf *json)
{
    struct sbuf path = {0};
    sbuf_addf(&path, "%s.json", name);
    FILE *f = fopen(path.data, "w");
    size_t written = f ? fwrite(json->data ? json->data : "", 1, json->len, f) : 0;
    bool is_good = f && written == json->len;
    if (f && fclose(f) != 0)
        is_good = false;
    if (!is_good)
        log_error(LOGGER, "cannot write %s: %s", path.data, strerror(errno));
    sbuf_fini(&path);
    return is_good ? 0 : EXIT_OUTPUT_FILE;
}

static int put_json(const struct master *m)
{
    struct sbuf json = {0};
    int code = 0;
    if (!m->o->json && !m->o->json_file)
        return 0;
    json_stats(&m->stats, &json);
    if (m->o->json) {
        fwrite(json.data ? json.data : "", 1, json.len, stdout);
        fputc('\n', stdout);
        if (fflush(stdout) != 0)
            code = EXIT_OUTPUT_FILE;
    }
    if (m->o->json_file && write_json(m->o->json_file, &json) != 0)
        code = EXIT_OUTPUT_FILE;
    sbuf_fini(&json);
    return code;
}

static int close_csv(struct master *m)
{
    if (!m->csv)
        return 0;
    int rc = csv_close(m->csv, &m->stats, master_now().unix_time, roster_user_count(&m->roster));
    m->csv = NULL;
    if (rc == 0)
        return 0;
    log_error(LOGGER, "cannot write the CSV files of %s: %s", m->o->csv_prefix, strerror(errno));
    return EXIT_OUTPUT_FILE;
}

/* What could not be logged cannot be told in the log. */
static int check_log(const struct master *m)
{
    int error = m->o->logfile ? log_error_number() : 0;
    if (error == 0)
        return 0;
    fprintf(stderr, "%s: --logfile: cannot write %s: %s; lines are missing in it\n",
            options_program(), m->o->logfile, strerror(error));
    return EXIT_OUTPUT_FILE;
}

int terminal_final(struct master *m)
{
    progress(m, "");
    int code = put_json(m);
    if (!m->o->json_file && !m->o->skip_log_setup && m->run.number > 0) {
        console_stats(&m->stats, false);
        console_percentiles(&m->stats);
        console_errors(&m->stats);
    }
    console_aside(&m->stats);
    print_losses(m);
    print_saturation(m);
    print_delay(m);
    int csv_code = close_csv(m), report_code = report_write(m), log_code = check_log(m);
    return code ? code : csv_code ? csv_code : report_code ? report_code : log_code;
}

void terminal_close(struct master *m)
{
    close_csv(m);
}
