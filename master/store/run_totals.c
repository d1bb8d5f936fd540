// SPDX-License-Identifier: MIT
#include "master/store/run_totals.h"
#include "common/base/mem.h"
#include "common/base/varint.h"
#include "master/data/events.h"
#include "master/data/series_list.h"
#include "master/data/timeline_read.h"
#include "master/store/block_bytes.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPARK_STEPS 30

/* ---- rows ---- */

static void put_text(struct sbuf *out, const char *text, size_t len)
{
    sbuf_add_varint(out, len);
    sbuf_add(out, text, len);
}

static void put_row(struct sbuf *out, const struct tally *t, struct sbuf *scratch)
{
    struct sbuf record = {0};
    sbuf_add_varint(out, t->number);
    put_text(out, t->method, strlen(t->method));
    put_text(out, t->name, strlen(t->name));
    sbuf_add(out, &t->first_at, sizeof t->first_at);
    sbuf_add(out, &t->last_at, sizeof t->last_at);
    tally_record_put_tally(&record, t, scratch);
    put_text(out, record.data, record.len);
    sbuf_fini(&record);
}

void run_totals_put_rows(struct sbuf *out, const struct stats *s)
{
    struct sbuf scratch = {0};
    sbuf_add(out, &s->started_at, sizeof s->started_at);
    put_row(out, &s->total, &scratch);
    for (const struct tally *t = s->rows; t; t = t->next)
        if (!tally_is_hidden(t))
            put_row(out, t, &scratch);
    sbuf_fini(&scratch);
}

struct text {
    const char *bytes;
    size_t len;
};

static bool read_text(const unsigned char **p, const unsigned char *end, struct text *t, size_t max)
{
    uint64_t len;
    if (!varint_read(p, end, &len) || len > (uint64_t)(end - *p) || len > max)
        return false;
    *t = (struct text){(const char *)*p, len};
    *p += len;
    return true;
}

static bool read_row(const unsigned char **p, const unsigned char *end, struct stats *s,
                     bool is_total)
{
    uint64_t number;
    struct text method, name, record;
    double at[2];
    if (!varint_read(p, end, &number) || number > UINT32_MAX || (number == 0) != is_total ||
        !read_text(p, end, &method, STATS_METHOD_MAX) ||
        !read_text(p, end, &name, STATS_NAME_MAX) || (size_t)(end - *p) < sizeof at)
        return false;
    memcpy(at, *p, sizeof at);
    *p += sizeof at;
    if (!read_text(p, end, &record, SIZE_MAX) ||
        !block_bytes_is_record((const unsigned char *)record.bytes, record.len))
        return false;
    if (!is_total)
        s->last_row = (uint32_t)number - 1;
    struct tally *t =
        is_total ? &s->total : stats_row(s, method.bytes, method.len, name.bytes, name.len);
    if (!is_total && t->number != number)
        return false; /* twice the same */
    tally_record_add(t, (const unsigned char *)record.bytes);
    t->first_at = at[0];
    t->last_at = at[1];
    return true;
}

bool run_totals_read_rows(const unsigned char *p, size_t len, struct stats *s)
{
    const unsigned char *end = p + len;
    bool is_total = true;
    if (len < sizeof s->started_at)
        return false;
    memcpy(&s->started_at, p, sizeof s->started_at);
    for (p += sizeof s->started_at; p < end; is_total = false)
        if (!read_row(&p, end, s, is_total))
            return false;
    return true;
}

/* ---- the table ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static double ratio_of(const struct view_row *r)
{
    return r->requests ? (double)r->failures / (double)r->requests : 0;
}

static json_t *table_row(const struct view_row *r)
{
    const double figures[] = {ratio_of(r), r->total_rps, r->mean_ms, r->p50, r->p75,
                              r->p90,      r->p95,       r->p99,     r->p999};
    json_t *row = json_array();
    json_array_append_new(row, json_string(r->method));
    json_array_append_new(row, json_string(r->name));
    json_array_append_new(row, json_integer((json_int_t)r->requests));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        json_array_append_new(row, number(figures[i]));
    return row;
}

static int by_requests(const void *a, const void *b)
{
    const struct view_row *x = *(const struct view_row *const *)a;
    const struct view_row *y = *(const struct view_row *const *)b;
    return (x->requests < y->requests) - (x->requests > y->requests);
}

json_t *run_totals_table(const struct view *v)
{
    json_t *table = json_array();
    struct view_row total = v->total;
    const struct view_row **rows = mem_zalloc((v->row_count + 1) * sizeof *rows);
    total.name = "";
    json_array_append_new(table, table_row(&total));
    for (size_t i = 0; i < v->row_count; i++)
        rows[i] = &v->rows[i];
    qsort(rows, v->row_count, sizeof *rows, by_requests);
    for (size_t i = 0; i < v->row_count && i < RUN_ROWS_KEPT; i++)
        json_array_append_new(table, table_row(rows[i]));
    free(rows);
    return table;
}

json_t *run_totals_numbers(const struct view_row *r, size_t rows)
{
    json_t *all = json_object();
    json_object_set_new(all, "requests", json_integer((json_int_t)r->requests));
    json_object_set_new(all, "failures", json_integer((json_int_t)r->failures));
    json_object_set_new(all, "fail_ratio", json_real(ratio_of(r)));
    json_object_set_new(all, "rps", number(r->total_rps));
    json_object_set_new(all, "mean", number(r->mean_ms));
    json_object_set_new(all, "p50", number(r->p50));
    json_object_set_new(all, "p90", number(r->p90));
    json_object_set_new(all, "p95", number(r->p95));
    json_object_set_new(all, "p99", number(r->p99));
    json_object_set_new(all, "p999", number(r->p999));
    json_object_set_new(all, "rows", json_integer((json_int_t)rows));
    return all;
}

static void add_step(void *arg, const struct timeline_step *step)
{
    const double rps = step->seconds > 0 ? (double)step->sum->requests / step->seconds : 0;
    json_array_append_new(arg, json_real(round(rps * 10) / 10));
}

json_t *run_totals_spark(const struct view *v)
{
    json_t *spark = json_array();
    struct timeline_ask ask = {.max_steps = SPARK_STEPS};
    if (!v->timeline)
        return spark;
    ask.from = v->timeline->since;
    ask.to = v->timeline->until;
    if (timeline_settle(v->timeline, &ask))
        timeline_read_steps(v->timeline, &ask, add_step, spark);
    return spark;
}

static void note_users(void *arg, const struct timeline_step *step)
{
    *(double *)arg = fmax(*(double *)arg, step->users);
}

double run_totals_users(const struct view *v)
{
    double most = NAN;
    struct timeline_ask ask = {.step = 1};
    if (!v->timeline)
        return most;
    ask.from = v->timeline->since;
    ask.to = v->timeline->until;
    if (timeline_settle(v->timeline, &ask))
        timeline_read_steps(v->timeline, &ask, note_users, &most);
    return most;
}

/* ---- the rest ---- */

static void put_json(struct sbuf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    sbuf_adds(out, text ? text : "[]");
    free(text);
}

static json_t *list_failures(const struct view *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->failure_count; i++) {
        const struct view_failure *f = &v->failures[i];
        json_array_append_new(list,
                              json_pack("[I,s,s,s,I,f,f]", (json_int_t)f->id, f->method, f->name,
                                        f->text, (json_int_t)f->count, f->first_at, f->last_at));
    }
    return list;
}

static json_t *list_exceptions(const struct view *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->exception_count; i++) {
        const struct view_exception *e = &v->exceptions[i];
        json_array_append_new(list,
                              json_pack("[s,s,s,s,I,f,f]", e->type, e->message, e->traceback,
                                        e->nodes, (json_int_t)e->count, e->first_at, e->last_at));
    }
    return list;
}

static json_t *list_events(const struct events_list *l)
{
    json_t *list = json_array();
    for (size_t i = 0; l && i < l->count; i++)
        json_array_append_new(
            list, json_pack("[f,s,s]", l->events[i].at, l->events[i].kind, l->events[i].text));
    return list;
}

static json_t *list_saturated(const struct events_list *l)
{
    json_t *list = json_array();
    for (size_t i = 0; l && i < l->saturation_count; i++) {
        const struct saturation *s = &l->saturations[i];
        json_array_append_new(list, json_pack("[f,f,i,s]", s->from, s->to, (int)s->worker, s->why));
    }
    return list;
}

static json_t *list_losses(const struct view *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->loss_count; i++)
        json_array_append_new(
            list, json_pack("[f,f,s]", v->losses[i].from, v->losses[i].to, v->losses[i].worker));
    return list;
}

static json_t *list_workers(const struct view *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->worker_count; i++) {
        const struct view_worker *w = &v->workers[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:i,s:s,s:I,s:f,s:b}", "id", w->id, "index", w->index,
                                        "state", w->state, "requests", (json_int_t)w->requests,
                                        "cores", w->cores, "katydid", w->is_katydid));
    }
    return list;
}

void run_totals_put_rest(struct sbuf *out, const struct view *v)
{
    const struct {
        const char *key;
        json_t *list;
    } lists[] = {{"failures", list_failures(v)},           {"exceptions", list_exceptions(v)},
                 {"events", list_events(v->events)},       {"lost", list_losses(v)},
                 {"saturated", list_saturated(v->events)}, {"workers", list_workers(v)}};
    sbuf_adds(out, "{\"verdict\":");
    sbuf_adds(out, v->verdict && *v->verdict ? v->verdict : "{}");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        sbuf_addf(out, ",\"%s\":", lists[i].key);
        put_json(out, lists[i].list);
        json_decref(lists[i].list);
    }
    sbuf_adds(out, ",\"metrics\":");
    if (v->series)
        series_list_json(v->series, NULL, out);
    else
        sbuf_adds(out, "[]");
    sbuf_addc(out, '}');
}

/* ---- names ---- */

static void add_row_name(struct sbuf *out, const struct tally *t)
{
    sbuf_addf(out, "%s[\"row\",%u,", out->len > 1 ? "," : "", t->number);
    sbuf_add_json(out, t->method, strlen(t->method));
    sbuf_addc(out, ',');
    sbuf_add_json(out, t->name, strlen(t->name));
    sbuf_addc(out, ']');
}

static void add_kind_name(struct sbuf *out, const struct view_failure *f)
{
    sbuf_addf(out, "%s[\"failure\",%u,", out->len > 1 ? "," : "", f->id);
    sbuf_add_json(out, f->method, strlen(f->method));
    sbuf_addc(out, ',');
    sbuf_add_json(out, f->name, strlen(f->name));
    sbuf_addc(out, ',');
    sbuf_add_json(out, f->text, strlen(f->text));
    sbuf_addc(out, ']');
}

bool run_totals_put_names(struct sbuf *out, const struct snapshot *s, uint32_t *last_row,
                          uint32_t *last_kind)
{
    const struct view *v = s->view;
    uint32_t most = *last_row;
    sbuf_addc(out, '[');
    for (const struct tally *t = s->stats.rows; t; t = t->next)
        if (t->number > *last_row) {
            add_row_name(out, t);
            most = t->number > most ? t->number : most;
        }
    *last_row = most;
    most = *last_kind;
    for (size_t i = 0; i < v->failure_count; i++)
        if (v->failures[i].id > most) {
            add_kind_name(out, &v->failures[i]);
            most = v->failures[i].id;
        }
    *last_kind = most;
    sbuf_addc(out, ']');
    return out->len > 2;
}
