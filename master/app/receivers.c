// SPDX-License-Identifier: MIT
/* receivers: the sinks that --out and its places ask for, as outputs. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/metric/labelled.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"
#include "master/app/same_test.h"
#include "master/sink/exposition.h"
#include "master/sink/http_post.h"
#include "master/sink/journal.h"
#include "master/sink/otlp_traces.h"
#include "master/sink/sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROJECT "pyproject.toml"
#define IN_PROJECT PROJECT ": [[tool.katydid.out]]"

void receivers_help(void)
{
    struct sbuf text = {0};
    sink_help(&text);
    fwrite(text.data, 1, text.len, stdout);
    fflush(stdout);
    sbuf_fini(&text);
}

bool receivers_are_asked(const struct options *o)
{
    for (char **text = o->out; text && *text; text++)
        if (!strcmp(*text, "help"))
            return true;
    return false;
}

static int say(char *why)
{
    fprintf(stderr, "%s: error: %s\n", options_program(), why ? why : "--out");
    free(why);
    return EXIT_USAGE;
}

/* The second one of a kind is KIND 2. */
static void give_name(struct sink_spec *spec, struct sink_spec *const *before, size_t count)
{
    size_t same = 1;
    struct sbuf name = {0};
    for (size_t i = 0; i < count; i++)
        same += before[i]->kind == spec->kind;
    if (same == 1)
        return;
    sbuf_addf(&name, "%s %zu", spec->kind->name, same);
    free(spec->name);
    spec->name = sbuf_take(&name);
}

static int keep(struct receivers *r, struct sink_spec *spec, char *why)
{
    if (!spec)
        return say(why);
    if (r->count == RECEIVERS_MOST) {
        sink_spec_free(spec);
        return say(mem_strdup("--out: there are more than 32 outputs"));
    }
    give_name(spec, r->specs, r->count);
    r->specs[r->count++] = spec;
    return 0;
}

/* A table [[tool.katydid.out]], or a text, as behind --out. */
static int take_one(struct receivers *r, const json_t *one, const char *source)
{
    char *why = NULL;
    struct sink_spec *spec = json_is_string(one) ? sink_spec_text(json_string_value(one), &why)
                                                 : sink_spec_json(one, source, &why);
    return keep(r, spec, why);
}

static int take_project(struct receivers *r)
{
    struct sbuf text = {0};
    size_t i;
    json_t *one;
    int rc = options_slurp(PROJECT, false, &text);
    json_t *document =
        rc == 0 && text.len ? options_toml_document(PROJECT, text.data, text.len) : NULL;
    const json_t *list =
        json_object_get(json_object_get(json_object_get(document, "tool"), "katydid"), "out");
    json_array_foreach(list, i, one)
    {
        if (rc == 0 && (json_is_object(one) || json_is_string(one)))
            rc = take_one(r, one, IN_PROJECT);
    }
    if (json_is_string(list))
        rc = take_one(r, list, IN_PROJECT);
    json_decref(document);
    sbuf_fini(&text);
    return rc;
}

/* ---- --timescale ---- */

/* A word of a connection string of libpq. */
static void add_word(struct sbuf *out, const char *key, const char *value)
{
    if (!value)
        return;
    sbuf_addf(out, "%s%s='", out->len ? " " : "", key);
    for (; *value; value++)
        sbuf_addf(out, *value == '\'' || *value == '\\' ? "\\%c" : "%c", *value);
    sbuf_addc(out, '\'');
}

static void set_word(json_t *table, const char *key, const char *value)
{
    if (value && *value)
        json_object_set_new(table, key, json_string(value));
}

static bool is_port(const char *text)
{
    char *end;
    const long port = strtol(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && port > 0 && port < 65536;
}

/* The options of locust-plugins, as --out timescale has them. */
static int take_timescale(struct receivers *r, const struct options *o)
{
    if (o->pgport && *o->pgport && !is_port(o->pgport))
        return say(
            sbuf_words("--pgport: '%s' is no port: give a number from 1 to 65535", o->pgport));
    struct sbuf target = {0};
    json_t *table = json_pack("{s:s}", "kind", "timescale");
    add_word(&target, "host", o->pghost);
    add_word(&target, "port", o->pgport);
    add_word(&target, "user", o->pguser);
    add_word(&target, "dbname", o->pgdatabase);
    set_word(table, "target", target.data);
    set_word(table, "password", o->pgpassword);
    set_word(table, "testplan", o->override_plan_name);
    set_word(table, "description", o->description);
    set_word(table, "profile", o->profile);
    set_word(table, "env", o->test_env);
    set_word(table, "test-version", o->test_version);
    const int rc = take_one(r, table, "--timescale");
    if (rc == 0)
        r->timescale = r->specs[r->count - 1];
    json_decref(table);
    sbuf_fini(&target);
    return rc;
}

/* Where none are given. */
static int give_buckets(struct receivers *r, const char *bounds)
{
    char *why = NULL;
    bool is_good = sink_set_missing(r->scrape, "buckets", bounds, &why);
    for (size_t i = 0; i < r->count && is_good; i++)
        if (sink_get(r->specs[i], "buckets"))
            is_good = sink_set_missing(r->specs[i], "buckets", bounds, &why);
    if (is_good)
        return 0;
    free(why);
    return say(
        sbuf_words("--metrics-buckets: '%s' is no list of bounds: give seconds that rise, %d "
                   "of them at most, such as 0.1/0.5/1",
                   bounds, SINK_BOUNDS_MOST));
}

/* A locustfile that imports locust-plugins has that option too, and then its workers write. */
static bool is_of_script(const struct master *m)
{
    size_t i;
    const json_t *option;
    json_t *about =
        m->nodes.host.script.about ? json_loads(m->nodes.host.script.about, 0, NULL) : NULL;
    bool is_there = false;
    json_array_foreach(json_object_get(about, "options"), i, option)
    {
        const char *name = json_string_value(json_object_get(option, "name"));
        is_there |= name && strcmp(name, "timescale") == 0;
    }
    json_decref(about);
    return is_there;
}

/* By the name that the run's rows have there. */
static void tell_link(const struct master *m)
{
    const struct options *o = m->o;
    const char *file = m->nodes.host.script.locustfile;
    file = file ? file : o->locustfile;
    struct sbuf link = {0};
    if (!o->grafana_url || !m->receivers.writes_timescale)
        return;
    sbuf_addf(&link, "%s&var-testplan=", o->grafana_url);
    http_add_query(&link, o->override_plan_name ? o->override_plan_name : file);
    log_info(MAIN_LOGGER, "Follow test run here: %s&from=%.0f&to=now", link.data,
             master_now().unix_time * 1e3);
    sbuf_fini(&link);
}

int receivers_open(struct master *m)
{
    struct receivers *r = &m->receivers;
    int rc = 0;
    r->specs = mem_zalloc(RECEIVERS_MOST * sizeof *r->specs);
    for (char **text = m->o->out; rc == 0 && text && *text; text++) {
        char *why = NULL;
        struct sink_spec *spec = sink_spec_text(*text, &why);
        rc = keep(r, spec, why);
    }
    if (rc == 0)
        rc = take_project(r);
    if (rc == 0 && m->o->jtl_file) {
        json_t *jtl = json_pack("{s:s,s:s}", "kind", "jtl", "target", m->o->jtl_file);
        rc = take_one(r, jtl, "--jtl");
        json_decref(jtl);
    }
    if (rc == 0 && m->o->timescale)
        rc = take_timescale(r, m->o);
    char *why = NULL;
    r->scrape = sink_spec_text("prometheus", &why);
    r->scrape->tags = m->o->series_tags;
    r->scrape->test_id = m->o->test_id;
    return rc ? rc : give_buckets(r, m->o->metrics_buckets);
}

const char *receivers_scrape(const struct scrape *s, const char *accept, struct sbuf *out)
{
    const struct receivers *r = s->arg;
    struct kept kept = s->kept;
    kept.heap = heap_use();
    return exposition_write(s->snapshot, &kept, r->scrape, accept, out);
}

/* The texts are those of the spec, which the output has. */
static void note_journal(struct receivers *r, const struct sink_spec *spec, void *output)
{
    r->journal_outputs[r->journal_count] = output;
    r->journals[r->journal_count++] =
        (struct journal_order){.format = spec->kind->name,
                               .path = spec->target,
                               .time = sink_get(spec, "time"),
                               .is_alone = spec->is_alone,
                               .waits = sink_is_word(spec, "when-full", "wait"),
                               .buffer_bytes = (uint64_t)(sink_number(spec, "buffer") * 1e6)};
}

/* Both would tell of the same requests. */
static void warn_of_otel(const struct master *m, const struct sink_spec *spec)
{
    if (m->o->otel && strncmp(spec->kind->name, "otlp", 4) == 0)
        log_warning(MAIN_LOGGER,
                    "--otel and --out %s: the Python packages of OpenTelemetry send, too; what is "
                    "told twice counts twice",
                    spec->kind->name);
}

static int add(struct master *m, struct sink_spec *spec)
{
    struct receivers *r = &m->receivers;
    struct output o;
    char *why = NULL;
    const bool is_journal = journal_is(spec->kind);
    warn_of_otel(m, spec);
    spec->tags = m->o->series_tags;
    spec->test_id = m->o->test_id;
    spec->is_required = m->o->out_required;
    spec->is_alone = m->nodes.is_local;
    spec->is_far = m->o->master;
    if (is_journal && r->journal_count == RECEIVERS_JOURNALS) {
        sink_spec_free(spec);
        return say(mem_strdup("--out: there are more than 8 files with every request"));
    }
    const unsigned labels = sink_labels(spec);
    if (spec->kind->make(spec, &o, &why) != 0)
        return say(why);
    if (is_journal)
        note_journal(r, spec, o.self);
    if (labels & SINK_LABELS_AUTO)
        r->has_labels = true;
    else
        r->labels |= labels;
    r->sends |= !is_journal && !traces_are(spec->kind) && spec->kind != &sink_hdrlog;
    const int rc = traces_are(spec->kind) ? spans_note(m, sink_is(spec, "tasks"), o.self) : 0;
    outputs_add(m->outputs, o);
    return rc;
}

int receivers_add(struct master *m)
{
    struct receivers *r = &m->receivers;
    int rc = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct sink_spec *spec = r->specs[i];
        r->specs[i] = NULL;
        const bool is_timescale = r->timescale && spec == r->timescale;
        const bool is_left_out = is_timescale && is_of_script(m);
        if (is_left_out)
            log_info(MAIN_LOGGER, "--timescale: the locustfile has that option, so it writes");
        r->writes_timescale |= is_timescale && !is_left_out;
        if (rc == 0 && !is_left_out)
            rc = add(m, spec);
        else
            sink_spec_free(spec);
    }
    if (rc == 0 && r->sends)
        same_test_warn(m);
    return rc;
}

/* What an output has by itself is asked for where the test has something to tell apart by it. */
static void ask_labels(struct master *m)
{
    struct receivers *r = &m->receivers;
    static char scenario[] = LABEL_KEY_SCENARIO, class[] = LABEL_KEY_CLASS,
                group[] = LABEL_KEY_GROUP;
    const bool has_scenarios = m->plans.list.count && !plans_are_of_all(&m->plans);
    const bool has_classes = m->nodes.host.script.class_count > 1;
    size_t n = 0;
    if (r->labels & SINK_SCENARIO || (r->has_labels && has_scenarios))
        r->keys[n++] = scenario;
    if (r->labels & SINK_CLASS || (r->has_labels && has_classes))
        r->keys[n++] = class;
    if (r->labels & SINK_GROUP || r->has_labels)
        r->keys[n++] = group;
    r->keys[n] = NULL;
    m->nodes.labels = n ? r->keys : NULL;
}

void receivers_begin(struct master *m)
{
    struct receivers *r = &m->receivers;
    if (!m->outputs)
        return;
    tell_link(m);
    ask_labels(m);
    free(r->journal_metrics);
    r->journal_metrics = m->gates.by_metric ? mem_strdup(m->gates.by_metric) : NULL;
    for (size_t i = 0; i < r->journal_count; i++) {
        r->journals[i].metrics = r->journal_metrics;
        r->journals[i].is_more = m->machine.run.number > 1;
        journal_begins(r->journal_outputs[i]);
    }
    m->nodes.journals = (struct journal_orders){.list = r->journals, .count = r->journal_count};
    spans_begin(m);
}

void receivers_told(struct master *m, const struct worker *w, const struct told_journals *told)
{
    const struct receivers *r = &m->receivers;
    for (size_t i = 0; m->outputs && i < r->journal_count && i < told->count; i++)
        journal_told(r->journal_outputs[i], w->id,
                     &(struct journal_came){told->list[i].offered, told->list[i].written,
                                            told->list[i].dropped, told->list[i].trouble});
}

void receivers_fini(struct master *m)
{
    for (size_t i = 0; i < m->receivers.count; i++)
        sink_spec_free(m->receivers.specs[i]);
    free(m->receivers.specs);
    free(m->receivers.journal_metrics);
    sink_spec_free(m->receivers.scrape);
    m->receivers = (struct receivers){0};
}
