// SPDX-License-Identifier: MIT
/* timescale: PostgreSQL, with TimescaleDB or without. The tables request, testrun, user_count and
 * events are those of locust-plugins, whose dashboards find in them what they look for;
 * request_second has all of a run at any rate, each second and row of the statistics with its
 * histogram, which SQL can add up.
 *
 * A push is one transaction, and begins with its number: one that was taken, though the answer was
 * lost on the way, is known again, and nothing is counted twice. */
#include "common/base/mem.h"
#include "master/sink/sink_rows.h"
#include "master/sink/happened.h"
#include "master/sink/postgres.h"
#include "master/sink/timescale_rows.h"
#include "master/sink/timescale_series.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUSHES "katydid_push"
#define TEXT_MOST 4096
#define PLAN_MOST 255 /* as the columns have it */
#define ENV_MOST 10
#define VERSION_MOST 36

/* Made where they are not; two masters do it one after the other. Who may not make tables may use
 * those that are there. */
static const char PREPARE[] =
    "SELECT pg_advisory_xact_lock(7218001);\n"
    "DO $katydid$ DECLARE\n"
    "  has_timescale boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');\n"
    "BEGIN\n"
    "IF to_regclass('request') IS NULL THEN\n"
    "  CREATE TABLE request (\"time\" timestamptz NOT NULL, run_id timestamptz NOT NULL,\n"
    "    exception text, greenlet_id integer NOT NULL, loadgen text NOT NULL, name text NOT NULL,\n"
    "    request_type text NOT NULL, response_length integer, response_time double precision,\n"
    "    success smallint NOT NULL, testplan varchar(255) NOT NULL, pid integer, context jsonb,\n"
    "    url varchar(255), weight integer);\n"
    "  CREATE INDEX ON request (run_id, \"time\" DESC);\n"
    "  IF has_timescale THEN PERFORM create_hypertable('request', 'time'); END IF;\n"
    "ELSIF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('request')\n"
    "    AND attname = 'weight' AND NOT attisdropped) THEN\n"
    "  ALTER TABLE request ADD COLUMN weight integer;\n"
    "END IF;\n"
    "IF to_regclass('testrun') IS NULL THEN\n"
    "  CREATE TABLE testrun (id timestamptz PRIMARY KEY, testplan text NOT NULL,\n"
    "    profile_name text, num_clients integer NOT NULL, rps double precision, description text,\n"
    "    end_time timestamptz, env varchar(10) NOT NULL, username varchar(64),\n"
    "    gitrepo varchar(120), rps_avg numeric, resp_time_avg numeric,\n"
    "    changeset_guid varchar(36), fail_ratio double precision, requests integer,\n"
    "    arguments text, exit_code integer);\n"
    "END IF;\n"
    "IF to_regclass('user_count') IS NULL THEN\n"
    "  CREATE TABLE user_count (testplan varchar(255) NOT NULL, user_count integer NOT NULL,\n"
    "    \"time\" timestamptz NOT NULL, run_id timestamptz);\n"
    "  IF has_timescale THEN PERFORM create_hypertable('user_count', 'time'); END IF;\n"
    "END IF;\n"
    "IF to_regclass('events') IS NULL THEN\n"
    "  CREATE TABLE events (\"time\" timestamptz NOT NULL, text text NOT NULL);\n"
    "END IF;\n"
    "IF to_regclass('request_second') IS NULL THEN\n"
    "  CREATE TABLE request_second (\"time\" timestamptz NOT NULL, run_id timestamptz NOT NULL,\n"
    "    testplan varchar(255) NOT NULL, name text NOT NULL, request_type text NOT NULL,\n"
    "    seconds double precision NOT NULL, requests bigint NOT NULL, failures bigint NOT NULL,\n"
    "    cut bigint NOT NULL, discarded bigint NOT NULL, resent bigint NOT NULL,\n"
    "    bytes bigint NOT NULL, response_time_sum double precision NOT NULL,\n"
    "    response_time_min double precision, response_time_max double precision,\n"
    "    p50 double precision, p90 double precision, p95 double precision, p99 double precision,\n"
    "    bucket_ms double precision[] NOT NULL, bucket_count bigint[] NOT NULL,\n"
    "    labels jsonb);\n"
    "  CREATE INDEX ON request_second (run_id, \"time\" DESC);\n"
    "  IF has_timescale THEN PERFORM create_hypertable('request_second', 'time'); END IF;\n"
    "ELSIF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('request_second')\n"
    "    AND attname = 'labels' AND NOT attisdropped) THEN\n"
    "  ALTER TABLE request_second ADD COLUMN labels jsonb;\n"
    "END IF;\n"
    "IF to_regclass('" TIMESCALE_SERIES_TABLE "') IS NULL THEN\n"
    "  CREATE TABLE " TIMESCALE_SERIES_TABLE " (\"time\" timestamptz NOT NULL,\n"
    "    run_id timestamptz NOT NULL, testplan varchar(255) NOT NULL,\n"
    "    " TIMESCALE_SERIES_COLUMNS ");\n"
    "  CREATE INDEX ON " TIMESCALE_SERIES_TABLE " (run_id, \"time\" DESC);\n"
    "  IF has_timescale THEN\n"
    "    PERFORM create_hypertable('" TIMESCALE_SERIES_TABLE "', 'time');\n"
    "  END IF;\n"
    "END IF;\n"
    "IF to_regclass('" PUSHES "') IS NULL THEN\n"
    "  CREATE TABLE " PUSHES " (run_id timestamptz, number bigint, PRIMARY KEY (run_id, number));\n"
    "END IF;\n"
    "END $katydid$;\n";

struct timescale {
    const struct sink_spec *spec;
    struct postgres *server;
    size_t names;
    unsigned labels;
    uint64_t rows; /* of `request`, a second */
    uint64_t pushes;
    bool is_ramped_up, is_end_told; /* of this run: the events */
    char host[256];
};

/* ---- texts ------------------------------------------------------------------------------- */

static double run_at(const struct moment *m)
{
    const struct view *v = m->s->view;
    return v->started_at > 0 ? v->started_at : m->s->stats.started_at;
}

static const char *plan_of(const struct timescale *db, const struct moment *m)
{
    const char *given = sink_get(db->spec, "testplan"), *file = m->s->view->locustfile;
    return given ? given : file && *file ? file : "katydid";
}

static void add_plan(const struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    postgres_add_text(sql, plan_of(db, m), PLAN_MOST);
}

static void add_run(const struct moment *m, struct sbuf *sql)
{
    postgres_add_time(sql, run_at(m));
}

static void add_number(struct sbuf *sql, double number)
{
    if (isfinite(number))
        sbuf_addf(sql, "%.10g", number);
    else
        sbuf_adds(sql, "NULL");
}

static uint64_t at_most_int(uint64_t number)
{
    return number < INT_MAX ? number : INT_MAX;
}

static void add_tag(struct sbuf *out, const char *key, const char *value)
{
    sbuf_adds(out, out->len ? "," : "{");
    sbuf_add_json(out, key, strlen(key));
    sbuf_addc(out, ':');
    sbuf_add_json(out, value, strlen(value));
}

static const char *user_name(void)
{
    const char *name = getenv("USER");
    return name && *name ? name : "unknown";
}

/* ---- the run ----------------------------------------------------------------------------- */

static void add_push(struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    sbuf_adds(sql, "INSERT INTO " PUSHES " VALUES (");
    add_run(m, sql);
    sbuf_addf(sql, ",%" PRIu64 ");\nDELETE FROM " PUSHES " WHERE run_id=", ++db->pushes);
    add_run(m, sql);
    sbuf_addf(sql, " AND number<%" PRIu64 ";\n", db->pushes);
}

/* With each push: of those before it the first may be lost. */
static void add_testrun(const struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    const struct view *v = m->s->view;
    const char *description = sink_get(db->spec, "description"), *env = sink_get(db->spec, "env");
    if (!description)
        description = db->spec->test_id ? db->spec->test_id : v->run_id;
    sbuf_adds(sql, "INSERT INTO testrun (id,testplan,profile_name,num_clients,description,env,"
                   "username,changeset_guid) SELECT ");
    add_run(m, sql);
    sbuf_addc(sql, ',');
    add_plan(db, m, sql);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, sink_get(db->spec, "profile"), TEXT_MOST);
    sbuf_addf(sql, ",%u,", v->target_users ? v->target_users : 1);
    postgres_add_text(sql, description, TEXT_MOST);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, env ? env : "", 4 * ENV_MOST);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, user_name(), 64);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, sink_get(db->spec, "test-version"), 4 * VERSION_MOST);
    sbuf_adds(sql, " WHERE NOT EXISTS (SELECT FROM testrun WHERE id=");
    add_run(m, sql);
    sbuf_adds(sql, ");\n");
}

static void add_event(const struct timescale *db, const struct moment *m, double at,
                      const char *what, struct sbuf *sql)
{
    char *text = sbuf_words("%s %s", plan_of(db, m), what);
    sbuf_adds(sql, "INSERT INTO events (\"time\",text) VALUES (");
    postgres_add_time(sql, at);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, text, TEXT_MOST);
    sbuf_adds(sql, ");\n");
    free(text);
}

struct event_writing {
    const struct timescale *db;
    const struct moment *m;
    struct sbuf *sql;
};

static void add_happened(void *arg, const struct run_event *e)
{
    const struct event_writing *w = arg;
    char *text = sbuf_words("%s: %s", e->kind, e->text);
    add_event(w->db, w->m, e->at, text, w->sql);
    free(text);
}

static void add_events(struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    const struct view *v = m->s->view;
    char *text = NULL;
    if (m->is_first) {
        text = sbuf_words("started by %s", user_name());
        add_event(db, m, run_at(m), text, sql);
        db->is_ramped_up = db->is_end_told = false;
    }
    happened_since(m, add_happened, &(struct event_writing){db, m, sql});
    if (!db->is_ramped_up && v->state && !strcmp(v->state, "running")) {
        free(text);
        text = sbuf_words("rampup complete, %u users spawned", v->users);
        add_event(db, m, m->at, text, sql);
        db->is_ramped_up = true;
    }
    if (m->is_end && !db->is_end_told)
        add_event(db, m, m->at, "finished", sql);
    db->is_end_told = m->is_end;
    free(text);
}

static void add_users(const struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    sbuf_adds(sql, "INSERT INTO user_count (testplan,user_count,\"time\",run_id) VALUES (");
    add_plan(db, m, sql);
    sbuf_addf(sql, ",%u,", m->s->view->users);
    postgres_add_time(sql, m->at);
    sbuf_addc(sql, ',');
    add_run(m, sql);
    sbuf_adds(sql, ");\n");
}

static void add_end(const struct moment *m, struct sbuf *sql)
{
    const struct tally *t = &m->s->stats.total;
    const struct view *v = m->s->view;
    const double ended = v->ended_at > 0 ? v->ended_at : m->at;
    const double seconds = fmax(ended - run_at(m), 1), count = (double)t->requests;
    sbuf_adds(sql, "UPDATE testrun SET end_time=");
    postgres_add_time(sql, ended);
    sbuf_addf(sql, ",requests=%" PRIu64 ",rps_avg=%.6f,resp_time_avg=", at_most_int(t->requests),
              count / seconds);
    add_number(sql, t->hist.count ? (double)t->sum_us / (double)t->hist.count / 1000 : NAN);
    sbuf_adds(sql, ",fail_ratio=");
    add_number(sql, t->requests ? (double)t->failures / count : NAN);
    sbuf_adds(sql, " WHERE id=");
    add_run(m, sql);
    sbuf_adds(sql, ";\n");
}

/* ---- request_second ---------------------------------------------------------------------- */

struct buckets {
    struct sbuf *sql;
    bool has_counts, has_one;
};

static void add_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    struct buckets *b = arg;
    if (b->has_one)
        sbuf_addc(b->sql, ',');
    b->has_one = true;
    if (b->has_counts)
        sbuf_add_u64(b->sql, n);
    else
        sbuf_add_decimal(b->sql, (double)mid_us / 1000);
}

static void add_buckets(struct sbuf *sql, const struct hist *h)
{
    struct buckets b = {.sql = sql};
    sbuf_adds(sql, ",'{");
    hist_each(h, add_bucket, &b);
    sbuf_adds(sql, "}','{");
    b = (struct buckets){.sql = sql, .has_counts = true};
    hist_each(h, add_bucket, &b);
    sbuf_adds(sql, "}'");
}

static double seconds_of(const struct moment *m)
{
    const double since = m->since ? m->since->view->now : m->s->stats.started_at;
    return m->s->view->now - since > 0.001 ? m->s->view->now - since : 1;
}

static void add_second(const struct timescale *db, const struct moment *m, const struct sink_row *r,
                       struct sbuf *sql)
{
    static const double shares[] = {0.5, 0.9, 0.95, 0.99};
    const bool is_timed = sink_row_hist(r)->count > 0;
    sbuf_addc(sql, '(');
    postgres_add_time(sql, m->at);
    sbuf_addc(sql, ',');
    add_run(m, sql);
    sbuf_addc(sql, ',');
    add_plan(db, m, sql);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, r->name, TEXT_MOST);
    sbuf_addc(sql, ',');
    postgres_add_text(sql, r->method, TEXT_MOST);
    sbuf_addf(sql,
              ",%.6f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.3f,",
              seconds_of(m), r->requests, r->failures, r->cut, r->discarded, r->resent, r->bytes,
              (double)r->sum_us / 1000);
    add_number(sql, is_timed ? (double)r->min_us / 1000 : NAN);
    sbuf_addc(sql, ',');
    add_number(sql, is_timed ? (double)r->max_us / 1000 : NAN);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        sbuf_addc(sql, ',');
        add_number(sql, sink_row_quantile_ms(r, shares[i]));
    }
    add_buckets(sql, sink_row_hist(r));
    sbuf_addc(sql, ',');
    struct sbuf labels = {0};
    for (size_t i = 0; i < r->label_count; i++)
        add_tag(&labels, r->labels[i].key, r->labels[i].value);
    if (labels.len)
        sbuf_addc(&labels, '}');
    postgres_add_text(sql, labels.data, TEXT_MOST);
    sbuf_fini(&labels);
    sbuf_addc(sql, ')');
}

/* A row that has no part without labels has one: with what parts have not. */
static struct sink_row bare_of(const struct sink_row *row)
{
    return (struct sink_row){.method = row->method,
                             .name = row->name,
                             .cut = row->cut,
                             .discarded = row->discarded,
                             .resent = row->resent,
                             .bytes = row->bytes};
}

static void add_seconds(const struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    struct sink_rows f;
    sink_rows_init_by(&f, m->s, m->since, db->names, db->labels);
    if (f.row_count)
        sbuf_adds(sql, "INSERT INTO request_second (\"time\",run_id,testplan,name,request_type,"
                       "seconds,requests,failures,cut,discarded,resent,bytes,response_time_sum,"
                       "response_time_min,response_time_max,p50,p90,p95,p99,bucket_ms,"
                       "bucket_count,labels) VALUES\n");
    for (size_t i = 0, k = 0; i < f.row_count; i++) {
        const struct sink_row bare = bare_of(&f.rows[i]), *rest = &bare;
        for (; k < f.part_count && sink_part_is_of(&f.parts[k], &f.rows[i]); k++) {
            if (!f.parts[k].label_count) {
                rest = &f.parts[k];
                continue;
            }
            add_second(db, m, &f.parts[k], sql);
            sbuf_adds(sql, ",\n");
        }
        add_second(db, m, rest, sql);
        sbuf_adds(sql, i + 1 < f.row_count ? ",\n" : ";\n");
    }
    sink_rows_fini(&f);
}

static void add_series(const struct timescale *db, const struct moment *m, struct sbuf *sql)
{
    struct sbuf before = {0};
    postgres_add_time(&before, m->at);
    sbuf_addc(&before, ',');
    add_run(m, &before);
    sbuf_addc(&before, ',');
    add_plan(db, m, &before);
    timescale_add_series(sql, m, before.data);
    sbuf_fini(&before);
}

/* ---- request ----------------------------------------------------------------------------- */

struct row_writing {
    struct sbuf rows, common; /* common: what all rows have */
};

/* In the order of the columns of add_requests. */
static void add_row(void *arg, const struct timescale_row *r)
{
    struct row_writing *w = arg;
    struct sbuf *out = &w->rows;
    postgres_copy_time(out, r->at);
    sbuf_addc(out, '\t');
    sbuf_add(out, w->common.data, w->common.len);
    postgres_copy_text(out, r->exception, TEXT_MOST);
    sbuf_addc(out, '\t');
    postgres_copy_text(out, r->name, TEXT_MOST);
    sbuf_addc(out, '\t');
    postgres_copy_text(out, r->method, TEXT_MOST);
    sbuf_addc(out, '\t');
    sbuf_add_u64(out, at_most_int(r->bytes));
    sbuf_addc(out, '\t');
    if (isfinite(r->ms))
        sbuf_addf(out, "%.10g", r->ms);
    else
        sbuf_adds(out, "\\N");
    sbuf_addf(out, "\t%d\t", !r->exception);
    sbuf_add_u64(out, at_most_int(r->weight));
    sbuf_addc(out, '\n');
}

static void add_common(const struct timescale *db, const struct moment *m, struct sbuf *out)
{
    struct sbuf tags = {0};
    sink_add_tags(db->spec, m->s->view->run_id, add_tag, &tags);
    sbuf_addc(&tags, '}');
    postgres_copy_time(out, run_at(m));
    sbuf_adds(out, "\t0\t");
    postgres_copy_text(out, db->host, TEXT_MOST);
    sbuf_addc(out, '\t');
    postgres_copy_text(out, plan_of(db, m), PLAN_MOST);
    sbuf_addf(out, "\t%d\t", (int)getpid());
    postgres_copy_text(out, tags.data, TEXT_MOST);
    sbuf_addc(out, '\t');
    sbuf_fini(&tags);
}

static struct sbuf rows_of(const struct timescale *db, const struct moment *m)
{
    struct row_writing w = {0};
    const double seconds = seconds_of(m);
    const struct timescale_wish wish = {.s = m->s,
                                        .since = m->since,
                                        .from = m->at - seconds,
                                        .to = m->at,
                                        .run_at = run_at(m),
                                        .names = db->names,
                                        .most = (uint64_t)((double)db->rows * fmax(seconds, 1))};
    add_common(db, m, &w.common);
    timescale_rows(&wish, add_row, &w);
    sbuf_fini(&w.common);
    return w.rows;
}

/* ---- as a kind --------------------------------------------------------------------------- */

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    struct timescale *db = self;
    struct sbuf *sql = &parcels_add(out, 0)->body;
    add_push(db, m, sql);
    add_testrun(db, m, sql);
    add_events(db, m, sql);
    add_users(db, m, sql);
    add_seconds(db, m, sql);
    add_series(db, m, sql);
    struct sbuf rows = rows_of(db, m);
    if (rows.len)
        sbuf_adds(sql, "COPY request (\"time\",run_id,greenlet_id,loadgen,testplan,pid,context,"
                       "exception,name,request_type,response_length,response_time,success,weight) "
                       "FROM STDIN;\n");
    if (m->is_end)
        add_end(m, sql);
    sbuf_addc(sql, 0);
    sbuf_add(sql, rows.data, rows.len);
    sbuf_fini(&rows);
}

/* A parcel is statements with their NUL, and the rows of COPY. */
static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    const struct timescale *db = self;
    const size_t len = strlen(p->body.data) + 1;
    const struct postgres_order order = {.statements = p->body.data,
                                         .once = PUSHES,
                                         .rows = p->body.data + len,
                                         .rows_len = p->body.len - len};
    return postgres_run(db->server, &order, timeout_s, t);
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return postgres_reach(((struct timescale *)self)->server, timeout_s, why);
}

static void close_it(void *self)
{
    struct timescale *db = self;
    postgres_free(db->server);
    free(db);
}

static size_t characters_of(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/* What does not fit its column would be cut there, unseen. */
static char *check_columns(const struct sink_spec *spec)
{
    static const struct {
        const char *key, *option, *column;
        size_t most;
    } texts[] = {{"testplan", "--override-plan-name", "testplan of request", PLAN_MOST},
                 {"env", "--test-env", "env of testrun", ENV_MOST},
                 {"test-version", "--test-version", "changeset_guid of testrun", VERSION_MOST}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = sink_get(spec, texts[i].key);
        if (text && characters_of(text) > texts[i].most)
            return sink_words(spec,
                              "%s=%s (%s): the column %s has %zu characters at most: give a "
                              "shorter one",
                              texts[i].key, text, texts[i].option, texts[i].column, texts[i].most);
    }
    return NULL;
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    *why = check_columns(spec);
    struct postgres *server = *why ? NULL : postgres_new(spec, PREPARE, why);
    if (!server) {
        sink_spec_free(spec);
        return -1;
    }
    struct timescale *db = mem_zalloc(sizeof *db);
    *db = (struct timescale){.spec = spec,
                             .server = server,
                             .names = (size_t)sink_number(spec, "names"),
                             .labels = sink_labels(spec),
                             .rows = (uint64_t)sink_number(spec, "rows")};
    if (gethostname(db->host, sizeof db->host - 1) != 0)
        db->host[0] = 0;
    *out = courier_output(&kind, db, spec);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"rows", SINK_NUMBER, "2000", "0 1000000",
     "of the table request, a second: above that one stands for several (weight); 0: none"},
    {"testplan", SINK_TEXT, NULL, NULL, "name of the test there; the locustfile's by itself"},
    {"description", SINK_TEXT, NULL, NULL, "of the run; --test-id, or its id, by itself"},
    {"profile", SINK_TEXT, NULL, NULL, "profile_name of the run"},
    {"env", SINK_TEXT, NULL, NULL, "environment of the run, 10 characters"},
    {"test-version", SINK_TEXT, NULL, NULL, "changeset_guid of the run"},
    SINK_LABELS_KEY,
    SINK_POSTGRES_KEYS,
    SINK_KEYS("1s"),
};

const struct sink_kind sink_timescale = {
    .name = "timescale",
    .summary = "PostgreSQL, with TimescaleDB or without: locust-plugins' tables, and one with all "
               "of each second;\n      PG* of the environment are heard",
    .target = "postgres://USER@HOST/DATABASE",
    .keys = KEYS,
    .key_count = sizeof KEYS / sizeof KEYS[0],
    .make = make,
};
