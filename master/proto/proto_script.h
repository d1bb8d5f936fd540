// SPDX-License-Identifier: MIT
#pragma once
/* proto_script: what the host tells of the locustfile (katydid_script), and the options that its
 * classes are given. */
#include "master/options/tunables.h"
#include "master/proto/proto_in.h"
#include "master/proto/ratio.h"

struct script_class {
    char *name, *host; /* host NULL: none */
    bool needs_host;   /* its users cannot start without one */
    double weight;
    unsigned fixed_count;
    struct task_list tasks;
    char *
        *callables; /* what else a scenario's task may be; ends with NULL; owned; NULL: not told */
    bool has_tests; /* it is made of test functions, which cannot be a scenario's iterations */
};

struct script_shape { /* a load shape that the page may choose */
    char *name;
    bool uses_options;
};

struct script_settings { /* of the test, as listeners may have set them; NAN, NULL: none */
    bool is_given;
    double users, spawn_rate, run_time_s, stop_timeout_s, expect_workers, expect_workers_max_wait_s;
    double autoquit_s, exit_code_on_error;
    bool reset_stats, json, only_summary, print_stats;
    char *host, *html_file, *json_file, *csv_prefix;
};

struct script {    /* what the host found in the locustfile; owned */
    bool is_local; /* role "local": the host runs users itself */
    struct script_class *classes;
    size_t class_count;
    bool has_connections; /* users of some class hold a connection each */
    /* Code that runs once a run; named: by the names of its functions alone */
    bool has_setup, has_teardown, has_named_setup, has_named_teardown;
    bool has_opentelemetry; /* --otel, and its packages are there */
    bool has_proxies;       /* some class has to do with proxies: it may not look up its host */
    bool has_shape, shape_uses_options;
    char *shape_name, *locustfile;
    struct script_shape *shapes;
    size_t shape_count;
    void *options; /* msgpack map {dest: value}, goes into every spawn */
    size_t options_len;
    char *about;      /* JSON object: what the page shows of it */
    char *thresholds; /* JSON array: those that it brings, or NULL */
    char *metrics;    /* JSON object: {name: kind} of those that it creates, or NULL */
    char *scenarios;  /* JSON object: likewise (master/app/scenario_json.h) */
    struct script_settings settings;
    struct tunables tunables;
    bool hears_reports, hears_beats; /* somebody listens to worker_report, heartbeat_sent */
    char *bad_constant;              /* one whose value makes no sense; or NULL */
};
enum proto_rc proto_script(const struct message *m, struct script *out);
void script_fini(struct script *s);
/* That of all its classes; "": none, or not one. Borrowed. */
const char *script_host(const struct script *s);

/* The options map of a script with one value changed, whole, into out (unless UNKNOWN or BAD). */
enum proto_option {
    PROTO_OPTION_SET,
    PROTO_OPTION_UNKNOWN, /* there is no such option */
    PROTO_OPTION_BAD,     /* the text is no value of the present one's type */
};
/* From the fields of a form of that name, at least one. */
enum proto_option proto_option_texts(struct slice map, const char *name, const char *const *texts,
                                     size_t count, struct sbuf *out);
struct option_set {
    const char *text; /* or NULL: the number */
    double number;
    bool is_whole;
};
enum proto_option proto_option_value(struct slice map, const char *name,
                                     const struct option_set *set, struct sbuf *out);
