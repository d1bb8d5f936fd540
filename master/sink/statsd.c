// SPDX-License-Identifier: MIT
/* statsd: datagrams of StatsD, which has no tags, so names are in the metric's, and of DogStatsD,
 * whose distributions are added up on the server. A push has what came since the one before.
 * Response times are a sample of each row's histogram, at most SAMPLES_MOST values: more of them
 * are sent at a rate, by which a receiver multiplies, so that counts are right. */
#include "common/base/mem.h"
#include "master/sink/courier.h"
#include "master/sink/sink_rows.h"
#include "master/sink/sink_series.h"
#include "master/sink/downsample.h"
#include "master/sink/socket.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#define PORT 8125
#define HEX "0123456789abcdef"
#define DEFAULT_TARGET "localhost:8125"
#define NAME_MOST 200
#define TAG_MOST 200
#define CONTAINER_MOST 120
#define CONTAINER_DIGITS 64 /* of an id, in hex */

struct statsd {
    const struct sink_spec *spec;
    struct socket_to *to;
    size_t names;
    unsigned labels; /* of StatsD none */
    bool is_dog;
    struct sbuf common;                 /* tags of all */
    char *test;                         /* that they are of */
    char container[CONTAINER_MOST + 1]; /* the one we run in; empty: nothing is said of it */
};

struct datagrams {
    struct parcels *out;
    struct parcel *open;
    size_t most;
    const struct statsd *of;
};

/* A line with others in a datagram. */
static void put_line(struct datagrams *d, const struct sbuf *line)
{
    if (!d->open || d->open->body.len + 1 + line->len > d->most)
        d->open = parcels_add(d->out, 0);
    if (d->open->body.len)
        sbuf_addc(&d->open->body, '\n');
    sbuf_add(&d->open->body, line->data, line->len);
}

static void add_name(struct sbuf *out, const char *text)
{
    for (; *text && out->len < NAME_MOST; text++)
        sbuf_addc(out, isalnum((unsigned char)*text) || *text == '_' ? *text : '_');
}

/* A bar would end the sample, a comma the tag. */
static void add_tag(struct sbuf *out, const char *key, const char *value)
{
    const size_t from = out->len;
    if (!*value)
        return;
    sbuf_addc(out, out->len ? ',' : '#');
    for (const char *p = key; *p; p++)
        sbuf_addc(out,
                  isalnum((unsigned char)*p) || *p == '_' ? (char)tolower((unsigned char)*p) : '_');
    sbuf_addc(out, ':');
    for (const char *p = value; *p && out->len - from < TAG_MOST; p++)
        sbuf_addc(out, strchr("|,#\n\r", *p) ? '_' : *p);
}

struct named {
    struct sbuf prefix, tags;
};

static void add_container(const struct statsd *s, struct named *n)
{
    if (*s->container)
        sbuf_addf(&n->tags, "%sc:%s", n->tags.len ? "|" : "", s->container);
}

static struct named name_of(const struct statsd *s, const struct sink_row *r)
{
    struct named n = {0};
    sbuf_addf(&n.prefix, "%s.", sink_get(s->spec, "prefix"));
    if (s->is_dog) {
        sbuf_add(&n.tags, s->common.data, s->common.len);
        add_tag(&n.tags, "method", r->method);
        add_tag(&n.tags, "name", r->name);
        for (size_t i = 0; i < r->label_count; i++)
            add_tag(&n.tags, r->labels[i].key, r->labels[i].value);
        add_container(s, &n);
    } else if (*r->name) {
        add_name(&n.prefix, r->method);
        sbuf_addc(&n.prefix, '_');
        add_name(&n.prefix, r->name);
        sbuf_addc(&n.prefix, '.');
    }
    return n;
}

static void named_fini(struct named *n)
{
    sbuf_fini(&n->prefix);
    sbuf_fini(&n->tags);
}

static void begin_line(struct sbuf *line, const struct named *n, const char *what)
{
    sbuf_clear(line);
    sbuf_add(line, n->prefix.data, n->prefix.len);
    sbuf_adds(line, what);
}

static void end_line(struct datagrams *d, struct sbuf *line, const struct named *n)
{
    if (n->tags.len) {
        sbuf_addc(line, '|');
        sbuf_add(line, n->tags.data, n->tags.len);
    }
    put_line(d, line);
}

static void put_number(struct datagrams *d, const struct named *n, const char *what, double value,
                       char type)
{
    struct sbuf line = {0};
    begin_line(&line, n, what);
    sbuf_addf(&line, ":%.15g|%c", value, type);
    end_line(d, &line, n);
    sbuf_fini(&line);
}

static void put_count(struct datagrams *d, const struct named *n, const char *what, double value)
{
    if (value != 0)
        put_number(d, n, what, value, 'c');
}

/* With a sign StatsD adds it to what the gauge has. */
static void put_gauge(struct datagrams *d, const struct named *n, const char *what, double value)
{
    if (value < 0 && !d->of->is_dog)
        put_number(d, n, what, 0, 'g');
    put_number(d, n, what, value, 'g');
}

/* ---- times ------------------------------------------------------------------------------- */

struct times {
    struct datagrams *d;
    const struct named *n;
    struct sbuf line, end;
};

static void finish_times(struct times *t)
{
    if (t->line.len == 0)
        return;
    sbuf_add(&t->line, t->end.data, t->end.len);
    end_line(t->d, &t->line, t->n);
    sbuf_clear(&t->line);
}

/* DogStatsD packs several values into a line. */
static void put_time(void *arg, double ms)
{
    struct times *t = arg;
    char value[32];
    const int len = snprintf(value, sizeof value, ":%.10g", ms);
    if (t->line.len && (!t->d->of->is_dog ||
                        t->line.len + (size_t)len + t->end.len + t->n->tags.len + 2 > t->d->most))
        finish_times(t);
    if (t->line.len == 0)
        begin_line(&t->line, t->n, "response_time");
    sbuf_add(&t->line, value, (size_t)len);
}

static void put_times(struct datagrams *d, const struct named *n, const struct hist *h)
{
    struct times t = {.d = d, .n = n};
    const struct downsample s = downsample_of(h);
    const char *type = d->of->is_dog ? "d" : "ms";
    if (s.every > 1)
        sbuf_addf(&t.end, "|%s|@%.15g", type, 1 / ((double)s.every * (1 + 1e-9)));
    else
        sbuf_addf(&t.end, "|%s", type);
    downsample_each(h, &s, put_time, &t);
    finish_times(&t);
    sbuf_clear(&t.end);
    sbuf_addf(&t.end, "|%s", type);
    downsample_rest(h, &s, put_time, &t);
    finish_times(&t);
    sbuf_fini(&t.line);
    sbuf_fini(&t.end);
}

/* ---- a push ------------------------------------------------------------------------------ */

/* What a row has and its parts have not. */
static void put_row(struct datagrams *d, const struct sink_row *r)
{
    struct named n = name_of(d->of, r);
    put_count(d, &n, "cut", (double)r->cut);
    put_count(d, &n, "bytes", (double)r->bytes);
    named_fini(&n);
}

static void put_part(struct datagrams *d, const struct sink_row *r)
{
    struct named n = name_of(d->of, r);
    put_count(d, &n, "requests", (double)r->requests);
    put_count(d, &n, "failures", (double)r->failures);
    if (sink_row_hist(r)->count)
        put_times(d, &n, sink_row_hist(r));
    named_fini(&n);
}

/* ---- checks and metrics ------------------------------------------------------------------ */

/* Checks are checks, with a tag, or check.NAME; others metric.NAME, without tags with the values of
 * theirs behind it. result: or NULL. */
static struct named name_of_series(const struct statsd *s, const struct series_row *r,
                                   const char *result)
{
    const bool is_check = strcmp(r->metric, "checks") == 0;
    struct named n = {0};
    sbuf_addf(&n.prefix, "%s.%s", sink_get(s->spec, "prefix"),
              !is_check   ? "metric."
              : s->is_dog ? "checks"
                          : "check");
    if (!is_check)
        add_name(&n.prefix, r->metric);
    if (s->is_dog)
        sbuf_add(&n.tags, s->common.data, s->common.len);
    for (size_t i = 0; i < r->tag_count; i++) {
        if (s->is_dog)
            add_tag(&n.tags, r->tags[i].key, r->tags[i].value);
        else
            sbuf_addc(&n.prefix, '.'), add_name(&n.prefix, r->tags[i].value);
    }
    if (s->is_dog) {
        add_tag(&n.tags, "result", result ? result : "");
        add_container(s, &n);
    } else if (result) {
        sbuf_addf(&n.prefix, ".%s", result);
    }
    return n;
}

static void put_result(struct datagrams *d, const struct series_row *r, const char *result,
                       uint64_t count)
{
    struct named n = name_of_series(d->of, r, result);
    put_count(d, &n, "", (double)count);
    named_fini(&n);
}

static void put_series(void *arg, const struct series_gain *g)
{
    struct datagrams *d = arg;
    const struct series_row *r = g->row;
    if (r->kind == METRIC_RATE) {
        put_result(d, r, "pass", g->trues);
        put_result(d, r, "fail", g->count - g->trues);
        return;
    }
    struct named n = name_of_series(d->of, r, NULL);
    if (r->kind == METRIC_COUNTER) {
        put_count(d, &n, "", g->sum);
    } else if (r->kind == METRIC_GAUGE) {
        put_gauge(d, &n, "", r->last);
    } else {
        put_count(d, &n, ".count", (double)g->count);
        put_gauge(d, &n, ".mean", g->sum / (double)g->count);
        put_gauge(d, &n, ".run_p50", r->quantile[SERIES_P50]);
        put_gauge(d, &n, ".run_p95", r->quantile[SERIES_P95]);
        put_gauge(d, &n, ".run_p99", r->quantile[SERIES_P99]);
    }
    named_fini(&n);
}

static void set_common(struct statsd *s, const struct moment *m)
{
    sbuf_clear(&s->common);
    sink_add_tags(s->spec, m->s->view->run_id, add_tag, &s->common);
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    struct statsd *s = self;
    struct datagrams d = {.out = out, .of = s, .most = socket_datagram_most(s->to)};
    struct sink_rows f;
    sink_rows_init_by(&f, m->s, m->since, s->names, s->labels);
    set_common(s, m);
    for (size_t i = 0; i < f.row_count; i++)
        put_row(&d, &f.rows[i]);
    for (size_t i = 0; i < f.part_count; i++)
        put_part(&d, &f.parts[i]);
    sink_series_each(m, put_series, &d);
    struct named all = name_of(s, &(struct sink_row){.method = "", .name = ""});
    put_gauge(&d, &all, "users", m->s->view->users);
    put_gauge(&d, &all, "users_target", m->s->view->target_users);
    named_fini(&all);
    sink_rows_fini(&f);
}

/* Nobody answers: what is lost on the way is not known. A datagram more would be counted twice. */
static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    struct statsd *s = self;
    return socket_send(s->to, p->body.data, p->body.len, timeout_s, &t->why) == 0
               ? DELIVERED
               : DELIVERY_REFUSED;
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return socket_reach(((struct statsd *)self)->to, timeout_s, why);
}

static void close_it(void *self)
{
    struct statsd *s = self;
    socket_free(s->to);
    sbuf_fini(&s->common);
    free(s);
}

/* ---- the container ----------------------------------------------------------------------- */

/* The last id in a file such as /proc/self/cgroup: none where the kernel hides the host's paths. */
static void find_container(FILE *file, char *id)
{
    char line[4096];
    *id = 0;
    while (fgets(line, sizeof line, file))
        for (const char *p = line; *p; p += strspn(p, HEX) ? strspn(p, HEX) : 1)
            if (strspn(p, HEX) == CONTAINER_DIGITS)
                snprintf(id, CONTAINER_DIGITS + 1, "%.*s", CONTAINER_DIGITS, p);
}

/* False: it is none. */
static bool take_container(struct statsd *s, const char *said)
{
    if (!said)
        return true;
    if (strcmp(said, "auto") == 0) {
        FILE *file = fopen("/proc/self/cgroup", "re");
        if (file) {
            find_container(file, s->container);
            fclose(file);
        }
        return true;
    }
    for (const char *p = said; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
            return false;
    return strlen(said) <= CONTAINER_MOST &&
           snprintf(s->container, sizeof s->container, "%s", said) >= 0;
}

static int make_as(struct sink_spec *spec, bool is_dog, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    struct socket_to *to = socket_new(spec->target ? spec->target : DEFAULT_TARGET, "udp", PORT);
    if (!to || socket_is_stream(to)) {
        *why = sink_words(spec,
                          "'%s' is no address: give one such as localhost:8125 or "
                          "unix:///var/run/datadog/dsd.socket",
                          spec->target);
        socket_free(to);
        sink_spec_free(spec);
        return -1;
    }
    struct statsd *s = mem_zalloc(sizeof *s);
    *s = (struct statsd){.spec = spec,
                         .to = to,
                         .names = (size_t)sink_number(spec, "names"),
                         .labels = sink_labels(spec),
                         .is_dog = is_dog};
    if (is_dog && !take_container(s, sink_get(spec, "container"))) {
        *why = sink_words(spec, "container=%s is no id: letters, digits, '-', '_' and '.', or auto",
                          sink_get(spec, "container"));
        close_it(s);
        sink_spec_free(spec);
        return -1;
    }
    *out = courier_output(&kind, s, spec);
    return 0;
}

static int make_statsd(struct sink_spec *spec, struct output *out, char **why)
{
    return make_as(spec, false, out, why);
}

static int make_dogstatsd(struct sink_spec *spec, struct output *out, char **why)
{
    return make_as(spec, true, out, why);
}

static const struct sink_key KEYS[] = {
    {"prefix", SINK_TEXT, "katydid", NULL, "what all names begin with"},
    SINK_KEYS("1s"),
};

const struct sink_kind sink_statsd = {
    "statsd",
    "StatsD: counters, and times with ms; the rows are in the names",
    "HOST:8125",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make_statsd,
};

static const struct sink_key DOG_KEYS[] = {
    {"prefix", SINK_TEXT, "katydid", NULL, "what all names begin with"},
    {"container", SINK_TEXT, NULL, NULL,
     "id of the container we run in, or auto: its tags are added"},
    SINK_LABELS_KEY,
    SINK_KEYS("1s"),
};

const struct sink_kind sink_dogstatsd = {
    "dogstatsd",
    "Datadog's agent: counters and distributions with tags",
    "HOST:8125|unix:///PATH",
    DOG_KEYS,
    sizeof DOG_KEYS / sizeof DOG_KEYS[0],
    make_dogstatsd,
};
