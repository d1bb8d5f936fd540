// SPDX-License-Identifier: MIT
/* graphite: carbon's plain text over TCP: a path, a value and whole seconds. Carbon keeps the last
 * value of each of its steps, so a push has what came since the one before, and the interval is to
 * be the step of its storage schema. */
#include "common/base/mem.h"
#include "master/sink/courier.h"
#include "master/sink/graphite_jmeter.h"
#include "master/sink/sink_rows.h"
#include "master/sink/sink_series.h"
#include "master/sink/socket.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define PORT 2003
#define DEFAULT_TARGET "localhost:2003"

struct graphite {
    const struct sink_spec *spec;
    struct socket_to *to;
    size_t names;
    bool is_jmeter;
    const char *prefix;
    int64_t last_at; /* unix seconds: two points of one would be one */
};

struct paths {
    struct sbuf *out;
    struct sbuf prefix, tags; /* katydid.TESTID. or katydid. and ;key=value */
    bool is_tagged;
    int64_t at;
};

/* A node of a path. */
static void add_node(struct sbuf *out, const char *text)
{
    for (const char *p = text; *p; p++)
        sbuf_addc(out, isalnum((unsigned char)*p) || *p == '-' || *p == '_' ? *p : '_');
}

/* A tag's value has no semicolon, and does not begin with a tilde. */
static void add_tag(struct sbuf *out, const char *key, const char *value)
{
    if (!*value)
        return;
    sbuf_addf(out, ";%s=", key);
    for (const char *p = value; *p; p++)
        sbuf_addc(out,
                  (unsigned char)*p <= ' ' || *p == ';' || (p == value && *p == '~') ? '_' : *p);
}

struct place { /* what stands between the prefix and the number's name */
    const char *group, *method, *name;
};

static void add_number(struct paths *p, const struct place *of, const char *what, double value)
{
    struct sbuf *out = p->out;
    if (!isfinite(value))
        return;
    sbuf_add(out, p->prefix.data, p->prefix.len);
    sbuf_adds(out, of->group);
    if (of->name && !p->is_tagged) {
        sbuf_addc(out, '.');
        if (of->method && *of->method) {
            add_node(out, of->method);
            sbuf_addc(out, '_');
        }
        add_node(out, of->name);
    }
    sbuf_addf(out, ".%s", what);
    if (p->is_tagged) {
        sbuf_add(out, p->tags.data, p->tags.len);
        if (of->method)
            add_tag(out, "method", of->method);
        if (of->name)
            add_tag(out, "name", of->name);
    }
    sbuf_addf(out, " %.10g %" PRId64 "\n", value, p->at);
}

static void add_row(struct paths *p, const struct place *of, const struct sink_row *r,
                    double seconds)
{
    add_number(p, of, "count", (double)r->requests);
    add_number(p, of, "fails", (double)r->failures);
    add_number(p, of, "rps", (double)r->requests / seconds);
    add_number(p, of, "mean", sink_row_mean_ms(r));
    add_number(p, of, "p50", sink_row_quantile_ms(r, 0.5));
    add_number(p, of, "p95", sink_row_quantile_ms(r, 0.95));
    add_number(p, of, "p99", sink_row_quantile_ms(r, 0.99));
    if (sink_row_hist(r)->count)
        add_number(p, of, "max", (double)r->max_us / 1000);
}

/* ---- checks and metrics of the script ---------------------------------------------------- */

/* checks.NAME.pass, metrics.NAME.sum: tags are nodes by their values, or tags. */
static void add_gain(struct paths *p, const struct series_gain *g, const char *what, double value)
{
    const struct series_row *r = g->row;
    const bool is_check = strcmp(r->metric, "checks") == 0;
    struct sbuf *out = p->out;
    if (!isfinite(value))
        return;
    sbuf_add(out, p->prefix.data, p->prefix.len);
    sbuf_adds(out, is_check ? "checks" : "metrics.");
    if (!is_check)
        add_node(out, r->metric);
    for (size_t i = 0; i < r->tag_count && !p->is_tagged; i++) {
        sbuf_addc(out, '.');
        add_node(out, r->tags[i].value);
    }
    sbuf_addf(out, ".%s", what);
    if (p->is_tagged)
        sbuf_add(out, p->tags.data, p->tags.len);
    for (size_t i = 0; i < r->tag_count && p->is_tagged; i++)
        add_tag(out, r->tags[i].key, r->tags[i].value);
    sbuf_addf(out, " %.10g %" PRId64 "\n", value, p->at);
}

static void add_series(void *arg, const struct series_gain *g)
{
    struct paths *p = arg;
    const struct series_row *r = g->row;
    switch (r->kind) {
    case METRIC_COUNTER:
        add_gain(p, g, "sum", g->sum);
        break;
    case METRIC_GAUGE:
        add_gain(p, g, "value", r->last);
        break;
    case METRIC_RATE:
        add_gain(p, g, "pass", (double)g->trues);
        add_gain(p, g, "fail", (double)(g->count - g->trues));
        break;
    case METRIC_TREND:
        add_gain(p, g, "count", (double)g->count);
        add_gain(p, g, "mean", g->sum / (double)g->count);
        add_gain(p, g, "run_p50", r->quantile[SERIES_P50]);
        add_gain(p, g, "run_p95", r->quantile[SERIES_P95]);
        add_gain(p, g, "run_p99", r->quantile[SERIES_P99]);
        break;
    }
}

/* ---- a push ------------------------------------------------------------------------------ */

static void begin(struct paths *p, const struct graphite *g, const struct moment *m)
{
    const char *test = g->spec->test_id ? g->spec->test_id : m->s->view->run_id;
    sbuf_addf(&p->prefix, "%s.", g->prefix);
    if (!p->is_tagged) {
        add_node(&p->prefix, test);
        sbuf_addc(&p->prefix, '.');
        return;
    }
    sink_add_tags(g->spec, m->s->view->run_id, add_tag, &p->tags);
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    struct graphite *g = self;
    const struct view *v = m->s->view;
    const double since = m->since ? m->since->view->now : m->s->stats.started_at;
    const double seconds = v->now - since > 0.001 ? v->now - since : 1;
    int64_t at = (int64_t)floor(m->at);
    struct sink_rows f;
    if (at <= g->last_at)
        at = g->last_at + 1;
    g->last_at = at;
    struct paths p = {
        .out = &parcels_add(out, 0)->body, .is_tagged = sink_is(g->spec, "tags"), .at = at};
    if (g->is_jmeter) {
        graphite_add_jmeter(p.out, g->prefix, m, g->names, at);
        return;
    }
    begin(&p, g, m);
    sink_rows_init(&f, m->s, m->since, g->names);
    add_row(&p, &(struct place){"total", NULL, NULL}, &f.total, seconds);
    add_number(&p, &(struct place){"total", NULL, NULL}, "users", v->users);
    add_number(&p, &(struct place){"total", NULL, NULL}, "target", v->target_users);
    for (size_t i = 0; i < f.row_count; i++)
        add_row(&p, &(struct place){"requests", f.rows[i].method, f.rows[i].name}, &f.rows[i],
                seconds);
    for (size_t i = 0; i < v->worker_count; i++)
        add_number(&p, &(struct place){"workers", NULL, v->workers[i].id}, "cpu",
                   v->workers[i].cpu_percent);
    sink_series_each(m, add_series, &p);
    sink_rows_fini(&f);
    sbuf_fini(&p.prefix);
    sbuf_fini(&p.tags);
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct graphite *g = self;
    return socket_send(g->to, p->body.data, p->body.len, timeout_s, &t->why) == 0
               ? DELIVERED
               : DELIVERY_LATER; /* a point that comes twice is the same one */
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return socket_reach(((struct graphite *)self)->to, timeout_s, why);
}

static void close_it(void *self)
{
    struct graphite *g = self;
    socket_free(g->to);
    free(g);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    struct socket_to *to = socket_new(spec->target ? spec->target : DEFAULT_TARGET, "tcp", PORT);
    if (!to) {
        *why =
            sink_words(spec, "'%s' is no address: give one such as localhost:2003", spec->target);
        sink_spec_free(spec);
        return -1;
    }
    struct graphite *g = mem_zalloc(sizeof *g);
    const char *prefix = sink_get(spec, "prefix");
    const bool is_jmeter = sink_is_word(spec, "schema", "jmeter");
    *g = (struct graphite){.spec = spec,
                           .to = to,
                           .names = (size_t)sink_number(spec, "names"),
                           .is_jmeter = is_jmeter,
                           .prefix = prefix      ? prefix
                                     : is_jmeter ? "jmeter"
                                                 : "katydid"};
    *out = courier_output(&kind, g, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"prefix", SINK_TEXT, NULL, NULL, "what all paths begin with; katydid, or jmeter, by itself"},
    {"schema", SINK_CHOICE, "katydid", "katydid jmeter",
     "paths: ours, or those of JMeter's listener for Graphite, for its dashboards"},
    {"tags", SINK_FLAG, "no", NULL, "tags instead of nodes, for carbon from 1.1 on"},
    SINK_KEYS("1s"),
};

const struct sink_kind sink_graphite = {
    "graphite",
    "Graphite's plain text; the interval is to be the step that carbon keeps",
    "HOST:2003",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
