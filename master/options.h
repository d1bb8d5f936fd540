// SPDX-License-Identifier: MIT
#pragma once
/* options: the command line, environment and configuration files, by Locust's names and precedence
 * (command line > environment > --config file > pyproject.toml > ./locust.conf > ~/.locust.conf).
 *
 * One table (options.def) makes the parser, --help, the nearest-name hint and the JSON that workers
 * get. Words that no option of the table explains are kept in `extra`, for options that the
 * locustfile adds: the host reports which of them it does not know either, and options_nearest
 * then helps to word the error. docs/options.md tells users about all of this.
 */
#include <stdbool.h>
#include <stddef.h>

struct options {
    char *locustfile;         /* as given; default "locustfile.py" */
    char *config;             /* --config of the command line, or NULL */
    char *host;               /* NULL = not given */
    double users, spawn_rate; /* negative = not given */
    double run_time_s;        /* 0 = forever */
    double autoquit_s;        /* negative = not given */
    double stop_timeout_s;
    double expect_workers_max_wait_s; /* 0 = for ever */
    bool headless, autostart, headful, master, worker, print_stats, only_summary, reset_stats;
    bool csv_full_history, json, show_task_ratio, show_task_ratio_json, list, class_picker;
    bool enable_rebalancing, skip_log_setup, equal_weights, help, version, config_users_given;
    bool web_login, otel;
    char *web_host;         /* default "127.0.0.1"; "" and "*" = all interfaces */
    char *web_base_path;    /* "" or "/prefix" */
    char *master_host;      /* default "127.0.0.1" */
    char *master_bind_host; /* default "*" */
    int web_port, master_port, master_bind_port; /* 8089, 5557, 5557 */
    int expect_workers;
    int processes;          /* 0 = not given; -1 = one per processor */
    int exit_code_on_error; /* default 1 */
    char *loglevel;         /* upper case; default "INFO" */
    char *csv_prefix, *html_file, *json_file, *logfile, *profile;  /* NULL = not given */
    char *web_host_display_name, *tls_cert, *tls_key, *build_path; /* NULL = not given */
    char **tags, **exclude_tags;                                   /* NULL-terminated or NULL */
    char **config_users; /* JSON arrays of objects; NULL-terminated or NULL */
    char **user_classes; /* positional; NULL-terminated or NULL = all */
    char **extra;        /* unknown words in order; NULL-terminated or NULL */
    size_t extra_count;
};

/* Parses everything. 0; or the exit code after one message on stderr. With --help or --version it
 * returns 0 at that word and looks no further. Call options_fini in any case. */
int options_parse(struct options *o, int argc, char **argv);
void options_fini(struct options *o);
void options_help(void);    /* --help to stdout */
void options_version(void); /* --version to stdout */

/* {dest: value} with every option under Locust's dest name, for workers. Malloced. */
char *options_json(const struct options *o);

/* "--user-count" -> "--users": the known option nearest to a word, or NULL. more: further names
 * (the locustfile's own, with their dashes), may be NULL. */
const char *options_nearest(const char *word, const char *const *more, size_t more_count);

/* "90", "1h30m", "20s": seconds, or -1. Digits with the units h, m, s in this order, as Locust. */
double options_timespan(const char *text);
