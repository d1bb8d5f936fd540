// SPDX-License-Identifier: MIT
/* Options: command line, environment and files, as tables of input and outcome. Each case runs in
 * an empty directory that is its HOME too, with an environment of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/sbuf.h"
#include "master/options/options.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 32

extern char **environ;

struct given {
    const char *argv;     /* words separated by blanks; "~" stands for a blank, "''" for nothing */
    const char *env;      /* "NAME=value;NAME=value" */
    const char *files[4]; /* "name:content" */
};

struct outcome {
    int rc;
    char error[4096];
    struct options o;
    json_t *json;
};

static char dir[] = "/tmp/katydid-options-XXXXXX", home[64];

static int enter_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) && chdir(dir) == 0 && snprintf(home, sizeof home, "%s", dir) > 0 ? 0 : -1;
}

static int leave_dir(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(dir) == 0 ? 0 : -1;
}

static void set_env(const char *text)
{
    clearenv();
    setenv("HOME", home, 1);
    char *copy = strdup(text ? text : ""), *rest = copy;
    for (char *pair; (pair = strsep(&rest, ";"));) {
        char *sign = strchr(pair, '=');
        if (sign) {
            *sign = '\0';
            setenv(pair, sign + 1, 1);
        }
    }
    free(copy);
}

static void write_file(const char *spec)
{
    char name[64];
    size_t n = strcspn(spec, ":");
    snprintf(name, sizeof name, "%.*s", (int)n, spec);
    FILE *f = fopen(name, "we");
    assert_non_null(f);
    fputs(spec + n + 1, f);
    fclose(f);
}

static void remove_file(const char *spec)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(spec, ":"), spec);
    unlink(name);
}

static int split(char *text, char **argv)
{
    int argc = 0;
    static char program[] = "katydid";
    argv[argc++] = program;
    for (char *word; text && (word = strsep(&text, " "));) {
        if (!*word)
            continue;
        for (char *p = word; *p; p++)
            if (*p == '~')
                *p = ' ';
        assert_true(argc < WORDS_MAX);
        argv[argc++] = strcmp(word, "''") == 0 ? word + 2 : word;
    }
    return argc;
}

static void run(const struct given *g, struct outcome *out)
{
    *out = (struct outcome){0};
    set_env(g->env);
    for (size_t i = 0; i < 4 && g->files[i]; i++)
        write_file(g->files[i]);
    char *copy = strdup(g->argv ? g->argv : ""), *argv[WORDS_MAX];
    int argc = split(copy, argv);

    FILE *log = tmpfile();
    int saved = dup(STDERR_FILENO);
    fflush(stderr);
    dup2(fileno(log), STDERR_FILENO);
    out->rc = options_parse(&out->o, argc, argv, NULL);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(log);
    out->error[fread(out->error, 1, sizeof out->error - 1, log)] = '\0';
    fclose(log);

    for (size_t i = 0; i < 4 && g->files[i]; i++)
        remove_file(g->files[i]);
    free(copy);
    if (out->rc == 0) {
        char *text = options_json(&out->o);
        out->json = json_loads(text, 0, NULL);
        free(text);
    }
}

static void done(struct outcome *out)
{
    options_fini(&out->o);
    json_decref(out->json);
}

static void print_given(const struct given *g)
{
    print_message("katydid %s\n", g->argv ? g->argv : "");
    if (g->env)
        print_message("env %s\n", g->env);
    for (size_t i = 0; i < 4 && g->files[i]; i++)
        print_message("file %s\n", g->files[i]);
}

/* The unknown settings as "place:key:values;…". */
static void add_settings(struct outcome *out)
{
    struct sbuf b = {0};
    for (size_t i = 0; out->o.settings && out->o.settings[i]; i++) {
        json_t *s = json_loads(out->o.settings[i], 0, NULL);
        assert_non_null(s);
        char *values = json_dumps(json_object_get(s, "values"), JSON_COMPACT);
        sbuf_addf(&b, "%s%s:%s%s%s", i ? ";" : "", json_string_value(json_object_get(s, "place")),
                  json_string_value(json_object_get(s, "key")),
                  json_is_true(json_object_get(s, "is_bare")) ? "!" : "",
                  json_is_true(json_object_get(s, "is_list")) ? values : "");
        if (!json_is_true(json_object_get(s, "is_list")))
            sbuf_addf(&b, ":%s",
                      json_string_value(json_array_get(json_object_get(s, "values"), 0)));
        free(values);
        json_decref(s);
    }
    json_object_set_new(out->json, "settings", json_string(b.data ? b.data : ""));
    sbuf_fini(&b);
}

/* want: "dest=JSON dest=JSON", "extra=words,with,commas" and "settings=…"; "~" stands for a
 * blank. */
static void check(const struct given *g, const char *want)
{
    struct outcome out;
    run(g, &out);
    if (out.rc) {
        print_given(g);
        fail_msg("code %d: %s", out.rc, out.error);
    }
    assert_string_equal(out.error, "");
    struct sbuf extra = {0};
    for (size_t i = 0; i < out.o.extra_count; i++)
        sbuf_addf(&extra, "%s%s", i ? "," : "", out.o.extra[i]);
    json_object_set_new(out.json, "extra", json_string(extra.data ? extra.data : ""));
    sbuf_fini(&extra);
    add_settings(&out);

    char *copy = strdup(want), *rest = copy;
    for (char *pair; (pair = strsep(&rest, " "));) {
        if (!*pair)
            continue;
        char *value = strchr(pair, '=');
        *value++ = '\0';
        json_t *got = json_object_get(out.json, pair);
        char *text = got ? json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("(nothing)");
        for (char *p = text; (p = strchr(p, ' '));)
            *p = '~';
        if (strcmp(text, value) != 0) {
            print_given(g);
            fail_msg("%s: want %s, got %s", pair, value, text);
        }
        free(text);
    }
    free(copy);
    done(&out);
}

static void check_refusal(const struct given *g, int code, const char *want)
{
    struct outcome out;
    run(g, &out);
    const char *start = "katydid: error: ";
    size_t lines = 0;
    for (const char *p = out.error; *p; p++)
        lines += *p == '\n';
    if (out.rc != code || strncmp(out.error, start, strlen(start)) != 0 ||
        !strstr(out.error, want) || lines != 1) {
        print_given(g);
        fail_msg("want code %d and '%s', got code %d and '%s'", code, want, out.rc, out.error);
    }
    done(&out);
}

static void check_error(const struct given *g, const char *want)
{
    check_refusal(g, 2, want);
}

/* ---- the command line ------------------------------------------------------------------- */

static void defaults_are_locusts_but_for_the_web_host(void **state)
{
    (void)state;
    check(
        &(struct given){.argv = ""},
        "locustfile=\"locustfile.py\" config=null host=null num_users=null spawn_rate=null "
        "run_time=null list_commands=false config_users=null web_host=\"127.0.0.1\" "
        "web_host_display_name=null web_port=8089 headless=false autostart=false autoquit=-1 "
        "headful=false web_auth=null web_login=false tls_cert=\"\" tls_key=\"\" class_picker=false "
        "build_path=\"\" legacy_ui=false master=false master_bind_host=\"*\" "
        "master_bind_port=5557 expect_workers=1 expect_workers_max_wait=0 "
        "enable_rebalancing=false expect_slaves=null worker=false processes=null slave=null "
        "master_host=\"127.0.0.1\" master_port=5557 web_base_path=\"\" tags=null "
        "exclude_tags=null csv_prefix=null stats_history_enabled=false print_stats=false "
        "only_summary=false reset_stats=false html_file=null json=false json_file=null "
        "skip_log_setup=false loglevel=\"INFO\" logfile=null show_task_ratio=false "
        "show_task_ratio_json=false exit_code_on_error=1 stop_timeout=0 equal_weights=false "
        "profile=null otel=false user_classes=[]");
}

static void the_command_line_is_read(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"-f a.py -H http://h:80 -u 5 -r 2.5 -t 1h30m -s 10 -L debug -P 0",
         "locustfile=\"a.py\" host=\"http://h:80\" num_users=5 spawn_rate=2.5 run_time=5400 "
         "stop_timeout=10 loglevel=\"DEBUG\" web_port=0"},
        {"-u ~5~ -r +10", "num_users=5 spawn_rate=10.0"},
        {"-u5 -r=10 --run-time=90", "num_users=5 spawn_rate=10.0 run_time=90"},
        {"-u 5 -u 7", "num_users=7"},
        {"-u 0", "num_users=0"},
        {"-t 0", "run_time=null"},
        {"-lu5", "list_commands=true num_users=5"},
        {"--headles --run-t 5 --csv-p x", "headless=true run_time=5 extra=\"--csv-p,x\""},
        {"--csv x --csv-full-history --json --json-file o --html r.html",
         "csv_prefix=\"x\" stats_history_enabled=true json=true json_file=\"o\" "
         "html_file=\"r.html\""},
        {"--master --master-bind-host 10.0.0.1 --master-bind-port 0 --expect-workers 4 "
         "--expect-workers-max-wait 60",
         "master=true master_bind_host=\"10.0.0.1\" master_bind_port=0 expect_workers=4 "
         "expect_workers_max_wait=60"},
        {"--worker --master-host fe80::1%eth0 --master-port 1 --processes -1 -f -",
         "worker=true master_host=\"fe80::1%eth0\" master_port=1 processes=-1 locustfile=\"-\""},
        {"--autostart --autoquit 0", "autostart=true autoquit=0"},
        {"--autoquit -1", "autoquit=-1"},
        {"--headless --headful", "headless=false headful=true"},
        {"--web-host * --web-base-path /x/y/", "web_host=\"*\" web_base_path=\"/x/y\""},
        {"--web-host ''", "web_host=\"\""},
        {"--web-base-path /", "web_base_path=\"\""},
        {"--tls-cert a --tls-key b", "tls_cert=\"a\" tls_key=\"b\""},
        {"-H grpc.example:50051", "host=\"grpc.example:50051\""},
        {"-H https://u:p@[::1]:8443/x", "host=\"https://u:p@[::1]:8443/x\""},
        {"-H ''", "host=null"},
        {"-r 1e3", "spawn_rate=1000.0"},
        {"--exit-code-on-error 0", "exit_code_on_error=0"},
        {"--logfile my~log.txt", "logfile=\"my~log.txt\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&(struct given){.argv = cases[i][0]}, cases[i][1]);
}

static void words_become_tags_classes_or_extra(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"A B", "user_classes=[\"A\",\"B\"]"},
        {"A -u 5 B --headless C", "user_classes=[\"A\",\"B\",\"C\"] num_users=5"},
        {"-T a b -E c", "tags=[\"a\",\"b\"] exclude_tags=[\"c\"]"},
        {"-T a b -- C", "tags=[\"a\",\"b\"] user_classes=[\"C\"]"},
        {"-T", "tags=[]"},
        {"-Ta B", "tags=[\"a\"] user_classes=[\"B\"]"},
        {"--tags=a B", "tags=[\"a\"] user_classes=[\"B\"]"},
        {"-T a -T b", "tags=[\"b\"]"},
        {"A --mine x B", "user_classes=[\"A\"] extra=\"--mine,x,B\""},
        {"--mine=x B", "user_classes=[] extra=\"--mine=x,B\""},
        {"--mine x -u 5 B", "num_users=5 user_classes=[\"B\"] extra=\"--mine,x\""},
        {"--mine x -- B --headless", "user_classes=[\"B\",\"--headless\"] extra=\"--mine,x\""},
        {"-x -5 -z", "extra=\"-x,-5,-z\""},
        {"-", "user_classes=[\"-\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&(struct given){.argv = cases[i][0]}, cases[i][1]);
}

static void help_and_version_end_the_reading(void **state)
{
    (void)state;
    struct outcome out;
    run(&(struct given){.argv = "-lh -u abc", .env = "LOCUST_USERS=x"}, &out);
    assert_int_equal(out.rc, 0);
    assert_true(out.o.help);
    done(&out);
    run(&(struct given){.argv = "--vers --master --worker"}, &out);
    assert_int_equal(out.rc, 0);
    assert_true(out.o.version);
    done(&out);
}

static void mistakes_are_named_with_what_would_be_right(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"-u abc",
         "argument -u/--users: invalid number 'abc': give a whole number of users, such as "
         "100"},
        {"-u 1.5", "invalid number '1.5'"},
        {"-u -5", "invalid number '-5'"},
        {"-u 99999999999", "invalid number '99999999999'"},
        {"-u 5x", "invalid number '5x'"},
        {"--users=", "invalid number ''"},
        {"-u", "argument -u/--users: has no value: give a whole number"},
        {"-u --headless", "argument -u/--users: has no value"},
        {"-r 0", "argument -r/--spawn-rate: invalid number '0': give users per second"},
        {"-r -1", "invalid number '-1'"},
        {"-r nan", "invalid number 'nan'"},
        {"-r inf", "invalid number 'inf'"},
        {"-r 0x10", "invalid number '0x10'"},
        {"-t 5x", "argument -t/--run-time: invalid time '5x': give seconds or hours, minutes"},
        {"-t 1m1h", "invalid time '1m1h'"},
        {"-t -5", "invalid time '-5'"},
        {"-t 1h30", "invalid time '1h30'"},
        {"-t 99999999999999", "invalid time"},
        {"-s 1.5", "argument -s/--stop-timeout: invalid time '1.5'"},
        {"-P 65536", "argument -P/--web-port: invalid number '65536': give a port number"},
        {"--master-port 0", "a port number from 1 to 65535"},
        {"--expect-workers 0", "a whole number of workers, 1 or more"},
        {"--exit-code-on-error 300", "an exit code from 0 to 255"},
        {"-L loud", "argument -L/--loglevel: invalid choice 'loud': give one of DEBUG"},
        {"-H http://", "argument -H/--host: invalid URL 'http://': give a base URL"},
        {"-H http://a:b", "invalid URL"},
        {"-H http://a:70000", "invalid URL"},
        {"-H http://[::1", "invalid URL"},
        {"-H http://a~b", "invalid URL"},
        {"--web-host a:80", "argument --web-host: invalid address 'a:80'"},
        {"--web-host http://a", "invalid address"},
        {"--master-host *",
         "invalid address '*': give the name or address of the master's machine"},
        {"--master-host ''", "invalid address ''"},
        {"--headless=yes", "argument --headless: takes no value, but has 'yes'"},
        {"-l=x", "takes no value"},
        {"-lq", "there is no option -q"},
        {"--mas x", "'--mas' can mean --master, --master-bind-host, --master-bind-port, "
                    "--master-host, --master-port, --master-max-wait: write more of it"},
        {"--slave", "--slave is no longer an option: it was renamed; use --worker"},
        {"--expect-slaves=3", "use --expect-workers"},
        {"--web-auth a:b", "--web-login"},
        {"--legacy-ui", "remove it"},
        {"--csv-full-history", "'--csv-full-history' requires '--csv'"},
        {"--html-samples", "'--html-samples' says what goes into the report of '--html'. Add it"},
        {"--html-logs", "Add it, such as --html report.html"},
        {"--tls-cert a", "--tls-cert needs --tls-key too"},
        {"--tls-key a", "--tls-key needs --tls-cert too"},
        {"-f ''", "the name of a Python file"},
        {"--config none.conf", "cannot read the configuration file none.conf: No such file"},
        {"--config-users {bad", "argument --config-users: invalid JSON"},
        {"--config-users {}", "no \"user_class_name\""},
        {"--config-users {\"user_class_name\":\"A\",\"weight\":\"x\"}",
         "the \"weight\" of '{\"user_class_name\":\"A\",\"weight\":\"x\"}' is not right"},
        {"--config-users {\"user_class_name\":\"A\",\"weight\":-1}", "give a number, 0 or more"},
        {"--config-users {\"user_class_name\":\"A\",\"fixed_count\":-2}", "the \"fixed_count\" of"},
        {"--config-users {\"user_class_name\":\"A\",\"fixed_count\":1.5}", "a whole number"},
        {"-H http://\xff", "argument -H/--host: 'http://?' is not UTF-8"},
        {"-f \xff.py", "argument -f/--locustfile: '?.py' is not UTF-8"},
        {"Good \xff", "argument: '?' is not UTF-8"},
        {"--mine \xc3", "argument: '?' is not UTF-8"},
        {"--config-users none.json", "invalid JSON 'none.json': unable to open"},
        {"-u \033[2Jx", "invalid number '?[2Jx'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_error(&(struct given){.argv = cases[i][0]}, cases[i][1]);
}

static void broken_rules_have_locusts_exit_codes(void **state)
{
    (void)state;
    static const struct {
        const char *argv;
        int code;
        const char *want;
    } cases[] = {
        {"--web-base-path x", 1, "the url path must start with a slash"},
        {"--processes -2", 1, "Invalid --processes count -2"},
        {"--processes 2 --master", 1, "--master cannot be combined with --processes"},
        {"--autoquit 5", 1, "--autoquit is only meaningful in combination with --autostart"},
        {"-f -", 1, "locustfile was set to '-'"},
        {"--master --worker", 255, "--master argument cannot be combined with --worker"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_refusal(&(struct given){.argv = cases[i].argv}, cases[i].code, cases[i].want);
}

static void config_users_are_kept_as_json(void **state)
{
    (void)state;
    check(
        &(struct given){.argv = "--config-users {\"user_class_name\":\"A\",\"weight\":3} u.json",
                        .files = {"u.json:[{\"user_class_name\": \"B\"}]"}},
        "config_users=[[{\"user_class_name\":\"A\",\"weight\":3}],[{\"user_class_name\":\"B\"}]]");
    check(&(struct given){.env = "LOCUST_CONFIG_USERS=[{\"user_class_name\":\"A\"}]"},
          "config_users=[[{\"user_class_name\":\"A\"}]]");
}

/* ---- the environment -------------------------------------------------------------------- */

static void the_environment_is_read(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"LOCUST_USERS=5;LOCUST_RUN_TIME=1m;LOCUST_MODE_MASTER=true",
         "num_users=5 run_time=60 master=true"},
        {"LOCUST_HEADLESS=YES", "headless=true"},
        {"LOCUST_HEADLESS=off", "headless=false"},
        {"LOCUST_HEADLESS=", "headless=false"},
        {"LOCUST_HOST=", "host=null"},
        {"LOCUST_TAGS=[x, y]", "tags=[\"x\",\"y\"]"},
        {"LOCUST_TAGS=[\"x y\", \"z\"]", "tags=[\"x~y\",\"z\"]"},
        {"LOCUST_TAGS=x", "tags=[\"x\"]"},
        {"LOCUST_USER_CLASSES=A  B", "user_classes=[\"A\",\"B\"]"},
        {"LOCUST_MASTER_NODE_HOST=m;LOCUST_MASTER_NODE_PORT=7", "master_host=\"m\" master_port=7"},
        {"LOCUST_USERCLASS_PICKER=1;LOCUST_CSV=p;LOCUST_CSV_FULL_HISTORY=1",
         "class_picker=true csv_prefix=\"p\" stats_history_enabled=true"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&(struct given){.env = cases[i][0]}, cases[i][1]);
    check(&(struct given){.argv = "C", .env = "LOCUST_USER_CLASSES=A"}, "user_classes=[\"C\"]");
    check_error(&(struct given){.env = "LOCUST_HEADLESS=maybe"},
                "environment variable LOCUST_HEADLESS: invalid value 'maybe': give true or false");
    check_error(&(struct given){.env = "LOCUST_USERS=x"},
                "environment variable LOCUST_USERS: invalid");
    check_error(&(struct given){.env = "LOCUST_WEB_AUTH=a:b"}, "--web-login");
    check_error(&(struct given){.env = "LOCUST_USER_CLASSES=A \xff"},
                "environment variable LOCUST_USER_CLASSES: 'A ?' is not UTF-8");
}

/* ---- files ------------------------------------------------------------------------------ */

#define CONF(text)                                                                                 \
    {                                                                                              \
        .files = { "locust.conf:" text }                                                           \
    }
#define TOML(text)                                                                                 \
    {                                                                                              \
        .files = { "pyproject.toml:" text }                                                        \
    }

static void conf_files_are_read(void **state)
{
    (void)state;
    static const struct {
        struct given given;
        const char *want;
    } cases[] = {
        {CONF("users = 5\nspawn-rate: 2\nrun-time 1m\nheadless\n"),
         "num_users=5 spawn_rate=2.0 run_time=60 headless=true"},
        {CONF("# c\n; c\n[s]\n---\n\n  --users = 5  # five\r\nhost = http://a/#x ; y"),
         "num_users=5 host=\"http://a/#x\""},
        {CONF("host: 'http://a'\nlogfile = \"a\"\nheadless # yes\nonly-summary = True\n"),
         "host=\"http://a\" logfile=\"a\" headless=true only_summary=true"},
        {CONF("tags = [a, b]\nexclude-tags = [\"c\", \"d\"]\n"),
         "tags=[\"a\",\"b\"] exclude_tags=[\"c\",\"d\"]"},
        {CONF("tags = a"), "tags=[\"a\"]"},
        {CONF("u 100"), "num_users=100"},
        {CONF("host =\nheadless = false\n"), "host=null headless=false"},
        {CONF("mine = x y\nflag\nmany = [a, b]\n"),
         "settings=\"locust.conf:1:mine:x~y;locust.conf:2:flag!:true;"
         "locust.conf:3:many[\\\"a\\\",\\\"b\\\"]\""},
        {CONF("-u = 4"), "num_users=4"},
        {CONF(""), "num_users=null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i].given, cases[i].want);
}

static void toml_files_are_read(void **state)
{
    (void)state;
    static const struct {
        struct given given;
        const char *want;
    } cases[] = {
        {TOML("[tool.locust]\nusers = 1_000\nspawn-rate = 2.5\nheadless = true\nhost = "
              "\"http://a\"\n"
              "tags = [\"a\", 'b',\n  # c\n]\n[tool.other]\nusers = 7\n"),
         "num_users=1000 spawn_rate=2.5 headless=true host=\"http://a\" tags=[\"a\",\"b\"]"},
        {TOML("[build-system]\nrequires = [\"a\", {x = \"]\", y = [1, 2]}]\nbackend = '''\n"
              "[tool.locust]\nusers = 3\n'''\n[[tool.locust]]\nusers = 4\n"),
         "num_users=null"},
        {TOML("tool.locust.users = 3\n"), "num_users=3"},
        {TOML("[tool]\nlocust.users = 3\n[ tool . \"locust\" ]\nrun-time = '''1m'''\n"),
         "num_users=3 run_time=60"},
        {TOML("[tool.locust]\nlogfile = \"\"\"\na\\\n  b\\tc\"\"\"\"\n"), "logfile=\"ab\\tc\\\"\""},
        {TOML("\xef\xbb\xbf[tool.locust] # c\r\nlogfile = \"a\\\"b\\u00e9\" # c\r\n"),
         "logfile=\"a\\\"b\xc3\xa9\""},
        {TOML("[tool.locust]\nmine = 1979-05-27T07:32:00Z\n"),
         "settings=\"pyproject.toml:2:mine:1979-05-27T07:32:00Z\""},
        {TOML("[tool.locust.sub]\nusers = 3\n"), "num_users=null"},
        {TOML("[tool.locust]\nusers = 3\n[tool.katydid]\nhost = 'http://a'\nspawn-rate = 4\n"),
         "num_users=3 host=\"http://a\" spawn_rate=4.0"},
        {TOML("[tool.katydid]\nout = ['json=a']\nthresholds = ['p95 < 1s']\nmine = 5\n"
              "[tool.katydid.gate]\nusers = 3\n"),
         "num_users=null settings=\"pyproject.toml:4:mine:5\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(&cases[i].given, cases[i].want);
}

static void mistakes_in_files_name_the_line(void **state)
{
    (void)state;
    static const struct {
        struct given given;
        const char *want;
    } cases[] = {
        {CONF("users = 1\nmine = \xff"), "locust.conf:2: not UTF-8: save the configuration file"},
        {CONF("\nusers = x"), "locust.conf:2: users: invalid number 'x'"},
        {CONF("= 5"), "locust.conf:1: '= 5' is no setting: write it as key = value"},
        {CONF("headless = perhaps"), "locust.conf:1: headless: invalid value 'perhaps'"},
        {CONF("users = [1, 2]"), "locust.conf:1: users: takes one value, not a list"},
        {CONF("config = a.conf"), "config: can only be given on the command line"},
        {CONF("help"), "help: can only be given on the command line"},
        {CONF("mas = 1"), "can mean --master,"},
        {CONF("slave"), "use --worker"},
        {TOML("[tool.locust]\nusers = \"x\"\n"), "pyproject.toml:2: users: invalid number 'x'"},
        {TOML("[tool.locust]\nhost = \"\xff\"\n"), "pyproject.toml:2: not UTF-8"},
        {TOML("[tool.katydid]\nusers = \"x\"\n"), "pyproject.toml:2: users: invalid number 'x'"},
        {TOML("[tool.locust\n"), "pyproject.toml:1: a table's name has no end"},
        {TOML("[tool.locust]\nhost = \"a\n"), "pyproject.toml:2: a string has no end"},
        {TOML("[tool.locust]\nhost = \"\\q\"\n"), "an escape that does not exist"},
        {TOML("[tool.locust]\nhost = \n"), "there is no value"},
        {TOML("[tool.locust]\nhost\n"), "a key has no '='"},
        {TOML("[tool.locust]\nhost = 'a' 'b'\n"), "something behind a value"},
        {TOML("[tool.locust]\nhost = {a = 1}\n"), "an option cannot be a table"},
        {TOML("[tool.locust]\ntags = [[1]]\n"), "only texts, numbers and booleans"},
        {TOML("[tool.locust]\ntags = ['a'\n"), "an array has no end"},
        {TOML("x = [1, {a = 2}\n"), "a value has no end"},
        {TOML("x = ]\n"), "a bracket closes nothing"},
        {{.argv = "--config m.toml", .files = {"m.toml:users = 1\n[tool.locust]\nusers = x"}},
         "m.toml:3: users: invalid number 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_error(&cases[i].given, cases[i].want);
}

/* ---- precedence ------------------------------------------------------------------------- */

static void the_stronger_source_wins(void **state)
{
    (void)state;
    struct given g = {.argv = "-u 1 --config my.conf",
                      .env = "LOCUST_USERS=2",
                      .files = {"my.conf:users = 3\nhost = http://config\n",
                                "pyproject.toml:[tool.locust]\nusers = 4\nhost = 'http://toml'\n",
                                "locust.conf:users = 5\nhost = http://conf\n",
                                ".locust.conf:users = 6\nhost = http://home\nprofile = home\n"}};
    check(&g, "num_users=1 host=\"http://config\" profile=\"home\"");
    g.argv = "--config my.conf";
    check(&g, "num_users=2");
    g.env = NULL;
    check(&g, "num_users=3");
    g.argv = "";
    check(&g, "num_users=4 host=\"http://toml\"");
    memmove(g.files, g.files + 2, 2 * sizeof *g.files);
    g.files[2] = NULL;
    check(&g, "num_users=5 host=\"http://conf\"");
    g.files[0] = g.files[1];
    g.files[1] = NULL;
    check(&g, "num_users=6 host=\"http://home\"");
}

static void a_false_of_a_stronger_source_wins(void **state)
{
    (void)state;
    struct given g = {.env = "LOCUST_HEADLESS=false", .files = {"locust.conf:headless = true"}};
    check(&g, "headless=false");
    g.env = NULL;
    check(&g, "headless=true");
    g.argv = "--headful";
    check(&g, "headless=false");
}

static void lists_and_unknown_settings_are_not_mixed(void **state)
{
    (void)state;
    struct given g = {.argv = "-T a --mine=1",
                      .files = {"pyproject.toml:[tool.locust]\ntags = ['b']\nmine = 2\nyours = 3\n",
                                "locust.conf:yours = 4\n"}};
    check(&g, "tags=[\"a\"] extra=\"--mine=1\" "
              "settings=\"pyproject.toml:3:mine:2;pyproject.toml:4:yours:3;"
              "locust.conf:1:yours:4\"");
}

static void secrets_are_told_to_no_child(void **state)
{
    (void)state;
    static const struct {
        const char *argv, *want;
    } cases[] = {
        {"--pgpassword hush --pguser me", "[ \"--pguser=me\"]"},
        {"--pgpassword @file", "[ \"--pgpassword=@file\"]"},
        {"--web-token hushhushhushhush", "[]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome out;
        struct sbuf words = {0};
        run(&(struct given){.argv = cases[i].argv}, &out);
        assert_int_equal(out.rc, 0);
        options_own_words(&out.o, &words);
        assert_string_equal(words.data, cases[i].want);
        sbuf_fini(&words);
        done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_locusts_but_for_the_web_host),
        cmocka_unit_test(the_command_line_is_read),
        cmocka_unit_test(words_become_tags_classes_or_extra),
        cmocka_unit_test(help_and_version_end_the_reading),
        cmocka_unit_test(mistakes_are_named_with_what_would_be_right),
        cmocka_unit_test(broken_rules_have_locusts_exit_codes),
        cmocka_unit_test(config_users_are_kept_as_json),
        cmocka_unit_test(the_environment_is_read),
        cmocka_unit_test(conf_files_are_read),
        cmocka_unit_test(toml_files_are_read),
        cmocka_unit_test(mistakes_in_files_name_the_line),
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(a_false_of_a_stronger_source_wins),
        cmocka_unit_test(lists_and_unknown_settings_are_not_mixed),
        cmocka_unit_test(secrets_are_told_to_no_child),
    };
    return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
