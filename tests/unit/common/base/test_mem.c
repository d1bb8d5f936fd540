// SPDX-License-Identifier: MIT
/* Memory that is refused, everywhere: each allocation of the parsers, the wire and the tables fails
 * once. What the fuzzers are fed with is the input. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "common/wire/report_series.h"
#include "common/wire/written.h"
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
#include "master/verdict/list.h"
#include "master/web/figures.h"
#include "master/web/guard.h"
#include "master/web/intake.h"
#include "master/web/path.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fetch_rig.h"
#include "worker/proto/decode.h"
#include "worker/http1/hresp.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

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

static void see_value(void *arg, struct series *s, int64_t second, const struct value_read *more)
{
    if (s)
        series_store_add(arg, s, second, more);
}

static void run_series(const void *arg)
{
    const struct input *in = arg;
    const size_t names =
        in->len > 2 ? (size_t)(unsigned char)in->bytes[0] << 8 | (unsigned char)in->bytes[1] : 0;
    if (in->len < 2 + names)
        return;
    struct series_store *store = series_store_new(100);
    struct series_table *t = series_store_table(store);
    struct series_ids ids = {0};
    struct series_writer writer = {.number = 1};
    struct series_value value;
    struct sbuf all = {0};
    const struct series_bytes bytes = {in->bytes + 2 + names, in->bytes + 2, in->len - 2 - names,
                                       names};
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

#define BODY_BYTES 300000

static _Noreturn void answer_everybody(int listener)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
    static char body[BODY_BYTES];
    for (char asked[1000];;) {
        const int fd = accept(listener, NULL, NULL);
        if (read(fd, asked, sizeof asked) > 0) {
            send(fd, head, sizeof head - 1, MSG_NOSIGNAL);
            for (ssize_t n = 1, left = BODY_BYTES; left > 0 && n > 0; left -= n)
                n = send(fd, body, (size_t)left, MSG_NOSIGNAL);
        }
        close(fd);
    }
}

/* With a long body, in a process of its own: its memory is never refused. */
static pid_t serve(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 100), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    const pid_t pid = fork();
    if (pid == 0)
        answer_everybody(listener);
    close(listener);
    return pid;
}

static atomic_uint *refused_bodies; /* in all processes */

static void run_fetch(const void *arg)
{
    struct rig rig;
    struct fetch_target target = {.host = "127.0.0.1", .port = *(const uint16_t *)arg};
    const long held = fail_alloc_hold();
    rig_init(&rig, &target, (struct fetch_pool_config){.max_per_origin = 1});
    fail_alloc_go_on(held);
    struct fetch *f = rig_get(&rig, "/");
    if (fetch_response(f)->error == FETCH_NO_MEMORY)
        atomic_fetch_add(refused_bodies, 1);
    fetch_free(f);
    fail_alloc_hold();
    rig_fini(&rig);
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

static void what_strangers_send_is_read_or_refused(void **state)
{
    static const struct {
        const char *folder;
        fail_alloc_run *run;
    } all[] = {
        {"report", run_report},       {"proto", run_proto},       {"config", run_config},
        {"query", run_page},          {"path", run_page},         {"form_parts", run_parts},
        {"proto", run_report},        {"response", run_response}, {"report_series", run_series},
        {"threshold", run_thresholds}};
    unsigned bad = 0;
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        bad += each_file(all[i].folder, all[i].run);
    assert_int_equal(bad, 0);
}

static void a_body_that_finds_no_room_fails_alone(void **state)
{
    uint16_t port = 0;
    (void)state;
    refused_bodies = mmap(NULL, sizeof *refused_bodies, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t server = serve(&port);
    const unsigned bad = fail_alloc_each("fetch", run_fetch, &port);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    assert_int_equal(bad, 0);
    assert_true(*refused_bodies > 0);
    munmap(refused_bodies, sizeof *refused_bodies);
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
        cmocka_unit_test(a_body_that_finds_no_room_fails_alone),
        cmocka_unit_test(what_is_measured_is_kept_or_the_program_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
