// SPDX-License-Identifier: MIT
#include "master/store/stored.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/events.h"
#include "master/data/timeline_levels.h"
#include "master/data/view_build.h"
#include "master/store/block_bytes.h"
#include "master/store/run_file.h"
#include "master/store/run_kept.h"
#include "master/store/run_totals.h"
#include "master/store/run_writer.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a file that is not ours: a few bytes of it may stand for any number. */
#define FOREIGN_JSON_MAX (32u << 20)    /* all lists and objects: memory is ten times that */
#define FOREIGN_BYTES_MAX (1024u << 20) /* all frames */
#define NUMBERS_MAX (1u << 20)          /* of rows whose seconds are picked out */
#define TIME_MOST 2e11                  /* seconds: far beyond what a clock shows */

struct reader {
    struct stored *s;
    struct run_file *file;
    struct timeline_levels *levels;
    struct timeline_builder builder;
    struct sbuf bytes;
    json_t *names;
    int64_t until[STORED_LEVELS]; /* of what was restored */
    int64_t covers[STORED_LEVELS];
    int64_t skip_before[STORED_LEVELS]; /* what of a level is not wanted */
    const struct stored_part *part;
    struct block_rows rows;
    uint64_t json_bytes, all_bytes; /* what was read */
    bool is_ours, has_rows, is_too_large;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* A count; what is none, or beyond what may be: the nearest one. */
static uint64_t count_of(const json_t *object, const char *key, uint64_t most)
{
    const double number = number_of(object, key);
    return number > 0 ? number < (double)most ? (uint64_t)number : most : 0;
}

/* ---- frames ---- */

static bool take_blocks(struct reader *r, unsigned level)
{
    const unsigned char *p = (const unsigned char *)r->bytes.data, *end = p + r->bytes.len;
    static const uint32_t spans[STORED_LEVELS] = {1, 10, 60};
    while (p < end) {
        struct timeline_block *b =
            block_bytes_read(&p, end, &r->builder, r->is_ours, r->rows.is_wanted ? &r->rows : NULL);
        const struct timeline_span *span = b ? timeline_block_span(b) : NULL;
        if (!b || span->span != spans[level] || span->start < r->until[level]) {
            timeline_block_unref(b);
            return false;
        }
        r->until[level] = span->start + span->span;
        timeline_levels_restore(r->levels, level, b);
    }
    return true;
}

static bool take_json(struct reader *r, json_t **to, bool is_array)
{
    json_t *value = json_loadb(r->bytes.data, r->bytes.len, 0, NULL);
    if (!value || json_is_array(value) != is_array) {
        json_decref(value);
        return false;
    }
    json_decref(*to);
    *to = value;
    return true;
}

/* Unix seconds and their differences; a stranger's file may have any number. */
static bool take_meta(struct reader *r)
{
    static const char *const times[] = {"started", "ended", "since", "duration", "run_time"};
    json_t *meta = NULL;
    bool is_good = take_json(r, &meta, false);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const double time = number_of(meta, times[i]);
        is_good &= time >= 0 && time < TIME_MOST;
    }
    if (is_good) {
        json_decref(r->s->meta);
        r->s->meta = meta;
    } else {
        json_decref(meta);
    }
    return is_good;
}

static bool take_names(struct reader *r)
{
    json_t *more = NULL;
    const bool is_good = take_json(r, &more, true);
    if (is_good)
        json_array_extend(r->names, more);
    json_decref(more);
    return is_good;
}

static bool take_rows(struct reader *r)
{
    stats_fini(&r->s->stats);
    stats_init(&r->s->stats, 0, STATS_LIMITS_DEFAULT);
    r->has_rows =
        run_totals_read_rows((const unsigned char *)r->bytes.data, r->bytes.len, &r->s->stats);
    return r->has_rows;
}

static bool take_frame(struct reader *r, const struct run_frame *f)
{
    switch (f->kind) {
    case RUN_META:
        return take_meta(r);
    case RUN_NAMES:
        return take_names(r);
    case RUN_BLOCKS:
        return f->level < STORED_LEVELS && take_blocks(r, f->level);
    case RUN_TOTALS:
        return take_json(r, &r->s->totals, false);
    case RUN_ROWS:
        return take_rows(r);
    case RUN_COURSES:
    case RUN_TRACES:
        return run_kept_is(&r->bytes);
    case RUN_GONE:
        break;
    }
    return true; /* of a later version */
}

static bool is_last(const struct run_file *f, size_t i)
{
    const struct run_frame *frame = run_file_frame(f, i);
    if (frame->kind < RUN_TOTALS && frame->kind != RUN_META)
        return true;
    for (size_t k = i + 1; k < run_file_count(f); k++)
        if (run_file_frame(f, k)->kind == frame->kind)
            return false;
    return true;
}

static bool is_too_much(struct reader *r, const struct run_frame *f)
{
    const bool is_json = f->kind != RUN_BLOCKS && f->kind != RUN_GONE && f->kind != RUN_ROWS;
    r->all_bytes += f->len;
    r->json_bytes += is_json ? f->len : 0;
    r->is_too_large =
        !r->is_ours && (r->json_bytes > FOREIGN_JSON_MAX || r->all_bytes > FOREIGN_BYTES_MAX);
    return r->is_too_large;
}

static void read_frame(struct reader *r, size_t i)
{
    const struct run_frame *f = run_file_frame(r->file, i);
    if (is_too_much(r, f) || run_file_read(r->file, i, &r->bytes) != 0 || !take_frame(r, f))
        r->s->damaged = true;
}

static bool is_skipped(const struct reader *r, size_t i)
{
    const struct run_frame *f = run_file_frame(r->file, i);
    const bool is_coarser = f->level > r->part->finest && f->level > 1;
    if (f->kind == RUN_BLOCKS)
        return f->level < STORED_LEVELS &&
               (f->to <= r->skip_before[f->level] || (is_coarser && !r->part->has_coarser));
    if (f->kind == RUN_COURSES || f->kind == RUN_TRACES)
        return r->is_ours || !is_last(r->file, i);
    return f->kind == RUN_GONE || (f->kind == RUN_ROWS && r->has_rows) || !is_last(r->file, i);
}

static void read_frames(struct reader *r)
{
    for (size_t i = 0; i < run_file_count(r->file) && !r->is_too_large; i++) {
        const struct run_frame *f = run_file_frame(r->file, i);
        const bool is_left_out = is_skipped(r, i);
        if (f->level < STORED_LEVELS &&
            (f->kind == RUN_GONE || (f->kind == RUN_BLOCKS && is_left_out)))
            r->covers[f->level] = f->to;
        if (!is_left_out)
            read_frame(r, i);
    }
    for (unsigned level = 0; level < STORED_LEVELS; level++)
        timeline_levels_restored(r->levels, level, r->covers[level]);
    if (r->part->has_coarser)
        timeline_levels_work(r->levels, SIZE_MAX);
}

/* ---- less than all of it ---- */

const struct stored_part stored_all = {.has_coarser = true, .has_view = true};

static bool nobody(void *arg, const struct stats *s, const struct tally *row)
{
    (void)arg;
    (void)s;
    (void)row;
    return false;
}

struct stored_part stored_outline(double duration_s)
{
    return (struct stored_part){.finest = duration_s > 4 * 3600 ? 2
                                          : duration_s > 1200   ? 1
                                                                : 0,
                                .has_coarser = true,
                                .has_view = true,
                                .wants = nobody};
}

/* What is in coarser blocks need not be read in finer ones; but the last of these are. */
static int64_t finer_from(const struct run_file *f, unsigned level, unsigned coarser)
{
    int64_t end = 0, last = INT64_MAX;
    for (size_t i = 0; i < run_file_count(f); i++) {
        const struct run_frame *frame = run_file_frame(f, i);
        if (frame->kind == RUN_BLOCKS && frame->level == coarser)
            end = frame->to;
        if (frame->kind == RUN_BLOCKS && frame->level == level)
            last = frame->from;
    }
    return end < last ? end : last;
}

/* Which rows are wanted is known from their totals, which are read first. */
static void choose_rows(struct reader *r)
{
    size_t i = run_file_count(r->file);
    while (i > 0 && run_file_frame(r->file, i - 1)->kind != RUN_ROWS)
        i--;
    if (!r->part->wants || i == 0)
        return;
    read_frame(r, i - 1);
    if (!r->has_rows)
        return;
    const struct stats *s = &r->s->stats;
    size_t count = 1;
    for (const struct tally *t = s->rows; t; t = t->next)
        if (t->number >= count && t->number < NUMBERS_MAX)
            count = t->number + 1;
    bool *is_wanted = mem_zalloc(count);
    for (const struct tally *t = s->rows; t; t = t->next)
        if (t->number < count)
            is_wanted[t->number] = r->part->wants(r->part->arg, s, t);
    r->rows = (struct block_rows){is_wanted, count};
}

/* ---- statistics of a run that was not written to its end ---- */

static void add_named_rows(struct reader *r)
{
    size_t i;
    json_t *name;
    json_array_foreach(r->names, i, name)
    {
        const char *kind = json_string_value(json_array_get(name, 0));
        const char *method = json_string_value(json_array_get(name, 2));
        const char *path = json_string_value(json_array_get(name, 3));
        const json_int_t number = json_integer_value(json_array_get(name, 1));
        if (!kind || strcmp(kind, "row") != 0 || !method || !path || number < 1 ||
            number > UINT32_MAX - 1)
            continue;
        r->s->stats.last_row = (uint32_t)number - 1;
        stats_row(&r->s->stats, method, strlen(method), path, strlen(path));
    }
}

static struct tally *row_of(struct stats *s, struct tally *from, uint32_t id)
{
    for (struct tally *t = from ? from : s->rows; t; t = t->next)
        if (t->number == id)
            return t;
    return from ? row_of(s, NULL, id) : NULL;
}

static void add_up(struct reader *r, const struct timeline_snap *snap)
{
    struct timeline_plan plan;
    struct timeline_merge m;
    struct tally *last = NULL;
    timeline_plan(snap, snap->first, INT64_MAX / 2, &plan);
    timeline_merge_init(&m, plan.blocks, plan.count);
    while (timeline_merge_next(&m, false)) {
        struct tally *t = m.id == TIMELINE_TOTAL    ? &r->s->stats.total
                          : m.id >= TIMELINE_WORKER ? NULL
                                                    : row_of(&r->s->stats, last, m.id);
        if (!t)
            continue;
        tally_merge(t, &m.sum);
        t->first_at = (double)snap->first;
        t->last_at = (double)snap->until;
        last = m.id == TIMELINE_TOTAL ? last : t;
    }
    timeline_merge_fini(&m);
    timeline_plan_fini(&plan);
}

/* ---- the view ---- */

static void add_failure(struct stats *s, const json_t *f)
{
    struct failure kind = {
        .method = (char *)(uintptr_t)json_string_value(json_array_get(f, 1)),
        .name = (char *)(uintptr_t)json_string_value(json_array_get(f, 2)),
        .text = (char *)(uintptr_t)json_string_value(json_array_get(f, 3)),
        .count = (uint64_t)json_integer_value(json_array_get(f, 4)),
        .first_at = json_number_value(json_array_get(f, 5)),
        .last_at = json_number_value(json_array_get(f, 6)),
    };
    const json_int_t number = json_integer_value(json_array_get(f, 0));
    if (!kind.method || !kind.name || !kind.text || number < 1 || number > UINT32_MAX - 1)
        return;
    s->last_kind = (uint32_t)number - 1;
    stats_note_failure(s, &kind);
}

static void add_exception(struct stats *s, const json_t *e)
{
    struct exception x = {
        .type = (char *)(uintptr_t)json_string_value(json_array_get(e, 0)),
        .message = (char *)(uintptr_t)json_string_value(json_array_get(e, 1)),
        .traceback = (char *)(uintptr_t)json_string_value(json_array_get(e, 2)),
        .nodes = (char *)(uintptr_t)json_string_value(json_array_get(e, 3)),
        .count = (uint64_t)json_integer_value(json_array_get(e, 4)),
        .first_at = json_number_value(json_array_get(e, 5)),
        .last_at = json_number_value(json_array_get(e, 6)),
    };
    if (x.type && x.message && x.traceback && x.nodes)
        stats_note_exception(s, &x);
}

/* Kinds are texts that are always there. */
static const char *kind_of_event(const char *name)
{
    static const char *const kinds[] = {"start",  "stop",      "users",   "stage",     "worker",
                                        "marker", "reset",     "master",  "saturated", "setup",
                                        "host",   "threshold", "scenario"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], name) == 0)
            return kinds[i];
    return "marker";
}

static struct events_list *list_events(const json_t *totals)
{
    struct events *all = events_new();
    size_t i;
    const json_t *e;
    json_array_foreach(json_object_get(totals, "events"), i, e)
    {
        const char *kind = json_string_value(json_array_get(e, 1));
        const char *text = json_string_value(json_array_get(e, 2));
        if (kind && text)
            events_add(all, json_number_value(json_array_get(e, 0)), kind_of_event(kind), "%s",
                       text);
    }
    json_array_foreach(json_object_get(totals, "saturated"), i, e)
    {
        const char *why = json_string_value(json_array_get(e, 3));
        events_restore_saturation(
            all, json_number_value(json_array_get(e, 0)), json_number_value(json_array_get(e, 1)),
            (unsigned)json_integer_value(json_array_get(e, 2)), why ? why : "");
    }
    struct events_list *list = events_snapshot(all);
    events_free(all);
    return list;
}

static size_t list_workers(const json_t *totals, struct view_worker **out)
{
    const json_t *list = json_object_get(totals, "workers"), *w;
    size_t i, count = 0;
    *out = mem_zalloc((json_array_size(list) + 1) * sizeof **out);
    json_array_foreach(list, i, w)(*out)[count++] = (struct view_worker){
        .id = text_of(w, "id"),
        .state = text_of(w, "state"),
        .index = (int)count_of(w, "index", INT_MAX),
        .requests = count_of(w, "requests", UINT64_MAX / 2),
        .cores = number_of(w, "cores"),
        .loop_lag_ms = -1,
        .lag_p99_ms = -1,
        .starved = -1,
        .clock_error_ms = -1,
        .fds = -1,
        .connections = -1,
        .is_katydid = json_is_true(json_object_get(w, "katydid")),
    };
    return count;
}

static size_t list_losses(const json_t *totals, struct view_loss **out)
{
    const json_t *list = json_object_get(totals, "lost"), *l;
    size_t i, count = 0;
    *out = mem_zalloc((json_array_size(list) + 1) * sizeof **out);
    json_array_foreach(list, i, l)
    {
        const char *worker = json_string_value(json_array_get(l, 2));
        (*out)[count++] =
            (struct view_loss){json_number_value(json_array_get(l, 0)),
                               json_number_value(json_array_get(l, 1)), worker ? worker : "?"};
    }
    return count;
}

static void make_view(struct stored *s, struct timeline_snap *snap)
{
    char *verdict = json_dumps(json_object_get(s->totals, "verdict"), JSON_COMPACT);
    struct view_worker *workers;
    struct view_loss *losses;
    struct view_builder *builder = view_builder_new();
    struct view head = {
        .now = number_of(s->meta, "ended"),
        .boot_id = text_of(s->meta, "boot"),
        .run_id = text_of(s->meta, "run"),
        .state = "stopped",
        .version = text_of(s->meta, "version"),
        .locustfile = text_of(s->meta, "locustfile"),
        .host = text_of(s->meta, "host"),
        .verdict = verdict ? verdict : "{}",
        .threshold_count =
            json_array_size(json_object_get(json_object_get(s->totals, "verdict"), "thresholds")),
        .threshold_failed = count_of(json_object_get(s->totals, "verdict"), "failed", UINT32_MAX),
        .notice = "",
        .ended_by = text_of(s->meta, "ended_by"),
        .started_at = number_of(s->meta, "started"),
        .ended_at = number_of(s->meta, "ended"),
        .run_time_s = number_of(s->meta, "run_time"),
        .spawn_rate = number_of(s->meta, "spawn_rate"),
        .next_users = -1,
        .next_rate = -1,
        .plan_count = count_of(s->meta, "plans", UINT32_MAX),
        .has_shape = json_is_true(json_object_get(s->meta, "shape")),
        .is_distributed = json_is_true(json_object_get(s->meta, "distributed")),
        .timeline = snap,
        .events = list_events(s->totals),
    };
    if (head.ended_at <= 0) /* it was interrupted */
        head.ended_at = head.now = (double)snap->until;
    head.worker_count = list_workers(s->totals, &workers);
    head.workers = workers;
    head.loss_count = list_losses(s->totals, &losses);
    head.losses = losses;
    s->view = view_builder_build(builder, &head, &s->stats);
    view_builder_free(builder);
    free(workers);
    free(losses);
    free(verdict);
}

/* ---- open ---- */

static void say(char **why, const char *path, const char *what)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "%s: %s", path, what);
    *why = sbuf_take(&text);
}

static const char *words_of(int error)
{
    return error == EBADMSG   ? "this is no file of a run"
           : error == ENOTSUP ? "it is of a newer katydid"
                              : strerror(error);
}

static void settle(struct reader *r)
{
    struct stored *s = r->s;
    struct timeline_snap *snap = timeline_levels_snapshot(r->levels);
    size_t i;
    const json_t *entry;
    const int64_t since = (int64_t)number_of(s->meta, "since");
    snap->since = since > snap->first ? since : snap->first;
    s->is_complete = r->has_rows && !s->damaged;
    if (!r->has_rows) {
        stats_fini(&s->stats);
        stats_init(&s->stats, number_of(s->meta, "started"), STATS_LIMITS_DEFAULT);
        add_named_rows(r);
        add_up(r, snap);
    }
    json_array_foreach(json_object_get(s->totals, "failures"), i, entry)
        add_failure(&s->stats, entry);
    json_array_foreach(json_object_get(s->totals, "exceptions"), i, entry)
        add_exception(&s->stats, entry);
    s->timeline = snap;
    if (r->part->has_view)
        make_view(s, snap);
}

struct stored *stored_open(const char *path, const struct stored_part *part, bool is_ours,
                           char **why)
{
    struct reader r = {.file = run_file_open(path),
                       .is_ours = is_ours,
                       .part = part,
                       .covers = {INT64_MIN, INT64_MIN, INT64_MIN}};
    if (!r.file) {
        say(why, path, words_of(errno));
        return NULL;
    }
    struct stored *s = r.s = mem_zalloc(sizeof *s);
    stats_init(&s->stats, 0, STATS_LIMITS_DEFAULT);
    r.names = json_array();
    s->totals = json_object();
    r.levels = timeline_levels_new(TIMELINE_KEEP_ALL);
    for (unsigned level = 0; level < part->finest; level++)
        r.skip_before[level] = finer_from(r.file, level, part->finest);
    choose_rows(&r);
    read_frames(&r);
    const bool is_good = s->meta && (is_ours || !s->damaged);
    if (is_good)
        settle(&r);
    timeline_levels_free(r.levels);
    timeline_builder_fini(&r.builder);
    sbuf_fini(&r.bytes);
    json_decref(r.names);
    run_file_close(r.file);
    free((void *)(uintptr_t)r.rows.is_wanted);
    if (is_good)
        return s;
    say(why, path,
        r.is_too_large ? "it is too large"
        : s->damaged   ? "it is damaged"
                       : "it says nothing of its run");
    stored_close(s);
    return NULL;
}

void stored_close(struct stored *s)
{
    if (!s)
        return;
    json_decref(s->meta);
    json_decref(s->totals);
    stats_fini(&s->stats);
    if (s->view)
        view_unref(s->view);
    else
        timeline_snap_unref(s->timeline);
    free(s);
}

json_t *stored_mend(struct stored *s, json_t **rows)
{
    json_t *meta = json_deep_copy(s->meta);
    const struct timeline_snap *t = s->timeline;
    json_object_set_new(meta, "state", json_string("interrupted"));
    json_object_set_new(meta, "valid", json_false());
    json_object_set_new(meta, "ended", json_real((double)t->until));
    json_object_set_new(meta, "duration",
                        json_real(fmax(0, (double)t->until - number_of(meta, "started"))));
    json_object_set_new(meta, "ended_by", json_string("its master was gone"));
    json_object_set_new(meta, "totals", run_totals_numbers(&s->view->total, s->view->row_count));
    const double users = run_totals_users(s->view);
    json_object_set_new(meta, "users_most", isfinite(users) ? json_real(users) : json_null());
    json_object_set_new(meta, "spark", run_totals_spark(s->view));
    *rows = run_totals_table(s->view);
    return meta;
}
