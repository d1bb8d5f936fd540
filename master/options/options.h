// SPDX-License-Identifier: MIT
#pragma once
/* options: the command line, environment and configuration files, by Locust's names and precedence
 * (command line > environment > --config file > pyproject.toml > ./locust.conf > ~/.locust.conf).
 *
 * One table (options.def) makes the parser, --help, the nearest-name hint and the JSON that workers
 * get. Words that no option of the table explains are kept in `extra`, settings of files in
 * `settings`, for options that the locustfile adds: the host sorts them out and refuses what it
 * does not know either. Where a shortened name could be one of the locustfile's, the parser has to
 * know those first (`is_unclear`, options_are_unclear; custom_options.h asks for them).
 * docs/options.md tells users about all of this.
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
    double master_max_wait_s;         /* of a worker; 0 = for ever, negative: not given */
    bool headless, autostart, headful, master, worker, print_stats, only_summary, reset_stats;
    bool csv_full_history, html_samples, html_logs, json, show_task_ratio, show_task_ratio_json,
        list, class_picker;
    bool enable_rebalancing, skip_log_setup, equal_weights, help, version, config_users_given;
    bool web_login, otel;
    char *web_host;         /* default "127.0.0.1"; "" and "*" = all interfaces */
    char *web_base_path;    /* "" or "/prefix" */
    char *master_host;      /* default "127.0.0.1" */
    char *master_bind_host; /* default "*" */
    int web_port, master_port, master_bind_port; /* 8089, 5557, 5557 */
    int timeline_memory_mb;
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
    char **settings; /* unknown settings of files, the strongest first: {"key", "values",
                        "is_list", "is_bare", "place"} as JSON; NULL-terminated or NULL */
    bool is_unclear; /* a file has a shortened key */
    bool is_locust;  /* we were called by the name `locust`: its exit codes, its words */
};

struct option_custom { /* an option of the locustfile */
    const char *word;  /* "--tenant", "-q" */
    bool is_flag;      /* takes no value */
};
struct option_customs {
    const struct option_custom *list;
    size_t count;
};

/* Parses everything. 0; or the exit code after one message on stderr. With --help or --version it
 * returns 0 at that word and looks no further. Call options_fini in any case. */
int options_parse(struct options *o, int argc, char **argv, const struct option_customs *customs);
/* Only what is needed to find the locustfile, from all sources: --locustfile, --config, --worker,
 * --master, --master-host and --master-port. Everything else is left alone. */
int options_parse_first(struct options *o, int argc, char **argv);
/* Whether a word may be a shortened option of ours, or one of the locustfile. */
bool options_are_unclear(int argc, char **argv);
void options_fini(struct options *o);
void options_help(void);           /* --help to stdout */
const char *options_program(void); /* the name we were called by: "katydid" or "locust" */
char *options_version(void);       /* what --version begins with; malloced */

/* {dest: value} with every option under Locust's dest name, for workers. Malloced. */
char *options_json(const struct options *o);

/* "--user-count" -> "--users": the known option nearest to a word, or NULL. more: further names
 * (the locustfile's own, with their dashes), may be NULL. */
const char *options_nearest(const char *word, const char *const *more, size_t more_count);

/* "90", "1h30m", "20s": seconds, or -1. Digits with the units h, m, s in this order, as Locust. */
double options_timespan(const char *text);
