// SPDX-License-Identifier: MIT
/* Memory that is refused, everywhere: each allocation of the parsers, the wire, the tables, the
 * files fails once. What the fuzzers are fed with is the input, where there is such. What others
 * answer is in test_mem_answers.c. */
#include "common/base/sbuf.h"
#include "common/plan/scenario.h"
#include "common/wire/report.h"
#include "common/wire/report_series.h"
#include "common/wire/written.h"
#include "master/app/replay.h"
#include "master/app/scenario_json.h"
#include "master/data/events.h"
#include "master/data/logs.h"
#include "master/data/samples.h"
#include "master/data/series_store.h"
#include "master/data/timeline.h"
#include "master/data/view_build.h"
#include "master/options/options_table.h"
#include "master/out/json_stats.h"
#include "master/proto/proto_out.h"
#include "master/proto/proto_script.h"
#include "master/store/stored.h"
#include "master/verdict/list.h"
#include "master/web/timeline_json.h"
#include "master/web/front_head.h"
#include "master/web/guard.h"
#include "master/web/intake.h"
#include "master/web/path.h"
#include "tests/support/fail_alloc.h"
#include "tests/unit/played_runs.h"
#include "worker/proto/decode.h"
#include "worker/http1/hresp.h"
#include "tests/unit/folder.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdint.h>

struct input {
    size_t len;
    char bytes[65536]; /* and a NUL */
};

/* ---- the wire ---- */

static void fill(struct stats *s)
{
    stats_init(s, 1700000000, (struct stats_limits){2, 2, 2});
    for (int i = 0; i < 4; i++) {
        char name[16];
        const int len = snprintf(name, sizeof name, "/%d", i);
        struct tally *t = stats_row(s, "GET", 3, name, (size_t)len);
        stats_add(s, t, 1700000000 + i, 1000u << i, 10);
        stats_add_failure(s, t, 1700000000, name, (size_t)len);
        for (int part = 0; part < TALLY_PARTS; part++)
            stats_add_part(s, t, (enum tally_part)part, 1000u << i);
        stats_add_exception(s, 1700000000, name, "Traceback", "w", 1);
    }
}

static void run_report(const void *arg)
{
    struct sbuf names = {0};
    struct report_names known = {0};
    const struct input *in = arg;
    struct sbuf ours = {0}, locust = {0};
    struct stats s, t;
    fill(&s);
    fill(&t);
    report_merge(&s, in->bytes, in->len, "w");
    report_merge_locust(&s, in->bytes, in->len);
    written_apply(&s, in->bytes, in->len, &(struct written_of){.node = "w"});
    report_pack(&s, &ours);
    report_merge(&t, ours.data, ours.len, "n");
    sbuf_clear(&ours);
    report_pack_numbered(&s, &ours);
    report_pack_names(&s, 1, true, &names);
    report_merge_numbered(
        &t, &known, &(struct report_bytes){ours.data, names.data, ours.len, names.len}, "n", NULL);
    report_names_fini(&known);
    sbuf_fini(&names);
    sbuf_addc(&locust, '\x83');
    report_pack_locust(&s, &locust);
    report_merge_locust(&t, locust.data, locust.len);
    stats_merge(&t, &s);
    stats_fini(&s);
    stats_fini(&t);
    sbuf_fini(&ours);
    sbuf_fini(&locust);
}

/* How long the names are: the first two bytes. */
static bool split(const struct input *in, const char **names, size_t *names_len)
{
    *names = in->bytes + 2;
    *names_len =
        in->len > 2 ? (size_t)(unsigned char)in->bytes[0] << 8 | (unsigned char)in->bytes[1] : 0;
    return in->len >= 2 + *names_len;
}

static void run_numbered(const void *arg)
{
    const struct input *in = arg;
    const char *names;
    size_t names_len;
    if (!split(in, &names, &names_len))
        return;
    struct stats s;
    struct report_names known = {0};
    const struct report_bytes bytes = {names + names_len, names, in->len - 2 - names_len,
                                       names_len};
    const struct report_bytes bare = {bytes.report, NULL, bytes.report_len, 0};
    stats_init(&s, 1700000000, (struct stats_limits){2, 2, 2});
    report_merge_numbered(&s, &known, &bytes, "w", NULL);
    report_merge_numbered(&s, &known, &bare, "w", NULL);
    report_names_fini(&known);
    stats_fini(&s);
}

static void see_value(void *arg, struct series *s, int64_t second, const struct value_read *more)
{
    if (s)
        series_store_add(arg, s, second, more);
}

static void run_series(const void *arg)
{
    const struct input *in = arg;
    const char *names;
    size_t names_len;
    if (!split(in, &names, &names_len))
        return;
    struct series_store *store = series_store_new(100);
    struct series_table *t = series_store_table(store);
    struct series_ids ids = {0};
    struct series_writer writer = {.number = 1};
    struct series_value value;
    struct sbuf all = {0};
    const struct series_bytes bytes = {names + names_len, names, in->len - 2 - names_len,
                                       names_len};
    report_series_merge(t, &ids, 0, &bytes, &(struct series_watch){see_value, store, 0});
    series_store_close(store, 2000000000);
    series_value_init(&value);
    for (size_t i = 0; i < t->count; i++) {
        series_store_read(store, &(struct series_query){.metric = t->list[i]->metric->name},
                          SERIES_FROM_START, SERIES_TO_NOW, &value);
        report_series_put(&writer, t->list[i], 1700000000);
    }
    report_series_all_names(t, &all);
    sbuf_fini(&all);
    sbuf_fini(&writer.bytes);
    series_value_fini(&value);
    series_ids_fini(&ids);
    series_store_free(store);
}

/* ---- the master ---- */

static void see_sample(void *arg, struct sample_in *in)
{
    samples_add(arg, "w", in);
}

static void see_line(void *arg, const struct line_in *line)
{
    logs_add(arg, 1, "w", 1, line->level, line->logger, line->text);
}

static void pass_on(const struct message *m)
{
    struct sbuf out = {0};
    struct message_answer answer;
    struct samples *samples = samples_new(1000);
    struct logs *logs = logs_new();
    uint64_t dropped;
    struct script script;
    if (m->kind == MESSAGE_SCRIPT && proto_script(m, &script) == PROTO_OK)
        script_fini(&script);
    proto_to_json(m->data, &out);
    proto_public_stats(&out, m->data);
    proto_relay(&out, m->type, m->data, "node");
    proto_answer(m->data, &answer);
    answer_fini(&answer);
    proto_samples(m->data, "r", see_sample, samples);
    proto_lines(m->data, &dropped, see_line, logs);
    samples_write_all(samples, 10000, &out);
    logs_write(logs, 0, 100, 10000, &out);
    samples_free(samples);
    logs_free(logs);
    sbuf_fini(&out);
}

static void run_proto(const void *arg)
{
    const struct input *in = arg;
    struct message m;
    if (proto_parse(in->bytes, in->len, &m) != PROTO_OK)
        return;
    pass_on(&m);
    message_fini(&m);
}

static int on_setting(void *arg, const char *path, const struct option_setting *s)
{
    (void)path;
    const struct option_def *d = option_find(s->key, strlen(s->key), 0, NULL);
    for (size_t i = 0; d && i < s->count && d->kind != OPTION_USERS_JSON; i++)
        option_set(arg, d, "file", s->values[i]);
    return 0;
}

static void run_config(const void *arg)
{
    const struct input *in = arg;
    struct options o = {0};
    options_conf_read("file", in->bytes, in->len, on_setting, &o);
    options_toml_read("file", in->bytes, in->len, on_setting, &o);
    options_fini(&o);
}

static void run_thresholds(const void *arg)
{
    const struct input *in = arg;
    struct threshold_list l = {0};
    char *why[2] = {NULL, NULL};
    json_t *value = json_loads(in->bytes, JSON_DECODE_ANY, NULL);
    threshold_list_text(&l, in->bytes, "line", &why[0]);
    if (value)
        threshold_list_json(&l, value, "file", &why[1]);
    json_decref(value);
    free(threshold_list_print(&l));
    free(why[0]);
    free(why[1]);
    threshold_list_fini(&l);
}

static void run_scenario(const void *arg)
{
    const struct input *in = arg;
    struct scenario s;
    char *why = NULL;
    char *resolved = replay_resolved(in->bytes, &why);
    free(why);
    why = NULL;
    if (resolved && scenario_read(&s, resolved, &why)) {
        struct sbuf out = {0};
        scenario_write(&s, &out);
        scenario_describe(&s, &out);
        sbuf_fini(&out);
        scenario_fini(&s);
    }
    free(resolved);
    free(why);
}

static void run_scenario_json(const void *arg)
{
    const struct input *in = arg;
    char *why = NULL;
    json_t *value = json_loads(in->bytes, JSON_DECODE_ANY, NULL);
    if (value)
        free(scenario_json_text("s", value, &why));
    free(why);
    json_decref(value);
}

static void run_stored(const void *arg)
{
    const struct input *in = arg;
    char *why = NULL;
    stored_close(stored_open(in->bytes, &stored_all, false, &why));
    free(why);
    why = NULL;
    stored_close(stored_open(in->bytes, &(struct stored_part){.finest = 1}, true, &why));
    free(why);
}

/* ---- the page's side ---- */

static void run_page(const void *arg)
{
    const struct input *in = arg;
    struct form f;
    struct command c;
    struct intake_error e;
    struct intake_live live;
    struct guard g;
    struct query q;
    struct query_error wrong;
    struct sbuf path = {0};
    struct front_head head;
    front_head_read(in->bytes, in->len, &head);
    path_read(in->bytes, &path);
    sbuf_fini(&path);
    if (form_parse(&f, in->bytes, in->len)) {
        query_read(&f, &q, &wrong);
        if (intake_form(&f, false, &c, &e))
            command_fini(&c);
    }
    form_fini(&f);
    for (int action = INTAKE_START; action <= INTAKE_MARKER; action++)
        if (intake_json((enum intake_action)action, in->bytes, in->len, false, &c, &e))
            command_fini(&c);
    intake_ask(true, in->bytes, in->len, &e);
    intake_live(in->bytes, in->len, &live);
    guard_init(&g, "127.0.0.1", "machine", in->bytes);
    guard_host_ok(&g, in->bytes);
}

static void run_parts(const void *arg)
{
    const struct input *in = arg;
    struct form f;
    char type[200] = "";
    const size_t len = strcspn(in->bytes, "\n");
    if (len >= sizeof type || len == in->len)
        return;
    memcpy(type, in->bytes, len);
    if (form_parse_parts(&f, type, in->bytes + len + 1, in->len - len - 1))
        form_fini(&f);
}

/* ---- the client ---- */

struct answer {
    struct decode *decode;
    struct sbuf body;
};

static bool on_body(void *arg, const char *bytes, size_t len)
{
    struct answer *a = arg;
    if (!a->decode) {
        sbuf_add(&a->body, bytes, len);
        return true;
    }
    return decode_write(a->decode, &bytes, &len, &a->body, 100000) != DECODE_BAD;
}

static void on_head(struct answer *a, const struct hresp *r)
{
    uint32_t at = 0;
    const struct fetch_header *h = hresp_find(r, "content-encoding", &at);
    if (h && !decode_add(&a->decode, h->value, h->value_len)) {
        decode_free(a->decode);
        a->decode = NULL;
    }
}

static void run_response(const void *arg)
{
    const struct input *in = arg;
    struct hresp_block block;
    struct hresp r;
    struct answer a = {0};
    enum hresp_step step = HRESP_MORE;
    hresp_init(&r, &block, HRESP_NORMAL);
    r.on_body = on_body;
    r.arg = &a;
    for (size_t at = 2, used; at < in->len && (step == HRESP_MORE || step == HRESP_HEAD);
         at += used) {
        const size_t left = in->len - at;
        step = hresp_feed(&r, in->bytes + at, left < 700 ? left : 700, &used);
        if (step == HRESP_HEAD)
            on_head(&a, &r);
    }
    hresp_fini(&r);
    decode_free(a.decode);
    sbuf_fini(&a.body);
}

/* ---- what was measured ---- */

static void see_seconds(struct timeline *t, const struct stats *s)
{
    const struct tally_packed packed = {0};
    for (int second = 0; second < 70; second++) {
        uint32_t id = 0;
        timeline_report(t, 1, 1700000000 + second, 1700000001 + second);
        for (const struct tally *row = s->rows; row; row = row->next)
            timeline_row(t, ++id, row, &packed);
        if (s->failures)
            timeline_failure(t, 1, s->failures);
        timeline_close(t, 1700000001 + second);
        timeline_work(t, false);
    }
    timeline_snap_unref(timeline_snapshot(t));
}

static void run_data(const void *arg)
{
    (void)arg;
    struct stats s;
    struct sbuf out = {0};
    struct timeline *t = timeline_new(1u << 20);
    struct events *e = events_new();
    struct view_builder *v = view_builder_new();
    struct view head = {.state = "running"};
    fill(&s);
    timeline_clear(t, 1700000000);
    see_seconds(t, &s);
    events_add(e, 1, "stage", "%s", "text");
    events_watch(e, 1700000000, 1, "w", &(struct events_health){.cpu = 99});
    events_list_unref(events_snapshot(e));
    view_unref(view_builder_build(v, &head, &s));
    json_stats(&s, &out);
    view_builder_free(v);
    events_free(e);
    timeline_free(t);
    stats_fini(&s);
    sbuf_fini(&out);
}

/* ---- */

static void read_input(struct input *in, const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    in->len = fread(in->bytes, 1, sizeof in->bytes - 1, file);
    in->bytes[in->len] = '\0';
    fclose(file);
}

static unsigned each_file(const char *folder, fail_alloc_run *run)
{
    char path[128], what[512];
    unsigned bad = 0, files = 0;
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    struct input *in = malloc(sizeof *in);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        read_input(in, folder, entry->d_name);
        snprintf(what, sizeof what, "%s/%s", folder, entry->d_name);
        bad += fail_alloc_each(what, run, in);
        files++;
    }
    free(in);
    closedir(dir);
    assert_true(files > 0);
    return bad;
}

static unsigned each_text(const char *name, fail_alloc_run *run, const char *const *texts)
{
    unsigned bad = 0;
    struct input *in = malloc(sizeof *in);
    for (; *texts; texts++) {
        in->len = (size_t)snprintf(in->bytes, sizeof in->bytes, "%s", *texts);
        bad += fail_alloc_each(name, run, in);
    }
    free(in);
    return bad;
}

static char folder[] = "/tmp/katydid-mem-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return remove_with_files(folder);
}

static void what_strangers_send_is_read_or_refused(void **state)
{
    static const struct {
        const char *folder;
        fail_alloc_run *run;
    } all[] = {{"report", run_report},
               {"proto", run_proto},
               {"config", run_config},
               {"query", run_page},
               {"path", run_page},
               {"form_parts", run_parts},
               {"proto", run_report},
               {"response", run_response},
               {"report_series", run_series},
               {"threshold", run_thresholds},
               {"report_numbered", run_numbered}};
    unsigned bad = 0;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        bad += each_file(all[i].folder, all[i].run);
    assert_int_equal(bad, 0);
}

static void scenarios_and_their_files_are_read_or_refused(void **state)
{
    static const char times[] = "at\n0.5\n{\"t\": 1.5}\n2\n";
    char path[128], replay[300];
    (void)state;
    snprintf(path, sizeof path, "%s/times", folder);
    FILE *file = fopen(path, "we");
    assert_int_equal(fwrite(times, 1, sizeof times - 1, file), sizeof times - 1);
    fclose(file);
    snprintf(replay, sizeof replay, "again:ramping-arrival-rate:stages=replay(%s).speed(2)", path);
    const char *const texts[] = {
        "buy:ramping-arrival-rate:stages=2m:20/s,10m:80/s,env.A=b%2Cc,tag.x=y,on_busy=drop",
        "knee:find-knee:rate=10/s,step=10/s,level=10s,max_rate=50/s",
        "loop:ramping-vus:stages=30s:5,30s:0",
        replay,
        "wrong:ramping-arrival-rate:stages=replay(/nowhere)",
        "wrong:nothing",
        NULL};
    const char *const values[] = {
        "{\"executor\": \"ramping-arrival-rate\", \"stages\": [{\"duration\": \"1m\", \"target\": "
        "9}],"
        " \"env\": {\"A\": \"b\"}, \"tags\": {\"x\": \"y\"}, \"preAllocatedVUs\": 5}",
        "{\"executor\": 1}", "[1]", NULL};
    assert_int_equal(each_text("scenario", run_scenario, texts), 0);
    assert_int_equal(each_text("scenario as JSON", run_scenario_json, values), 0);
}

static void stored_runs_are_read_or_refused(void **state)
{
    char path[512] = "";
    (void)state;
    play_run((struct played){.folder = folder,
                             .id = "r",
                             .rows = 2,
                             .seconds = 3,
                             .per_second = 3,
                             .started = 1700000000,
                             .level_ms = 100,
                             .users = 1});
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(dir));)
        if (strstr(entry->d_name, ".kdrun"))
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    closedir(dir);
    assert_true(*path);
    assert_int_equal(each_text("stored", run_stored, (const char *[]){path, NULL}), 0);
}

static void what_is_measured_is_kept_or_the_program_says_why(void **state)
{
    (void)state;
    assert_int_equal(fail_alloc_each("data", run_data, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_strangers_send_is_read_or_refused),
        cmocka_unit_test_setup_teardown(scenarios_and_their_files_are_read_or_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(stored_runs_are_read_or_refused, make_folder,
                                        remove_folder),
        cmocka_unit_test(what_is_measured_is_kept_or_the_program_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
