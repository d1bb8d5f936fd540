// SPDX-License-Identifier: MIT
#include "master/store/run_writer.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/data/timeline_levels.h"
#include "master/store/block_bytes.h"
#include "master/store/run_about.h"
#include "master/store/run_file.h"
#include "master/store/run_id.h"
#include "master/store/run_kept.h"
#include "master/store/run_load.h"
#include "master/store/run_metric.h"
#include "master/store/run_totals.h"
#include "master/store/steady.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOGGER "katydid.history"
#define PATIENCE_S 20
#define FULL_PERCENT 125 /* of HISTORY_FILE_BYTES: then a file is thinned while it is written */

/* Blocks gathered before they become a frame: what a second has goes at once, what is added up of
 * seconds that are there already may wait. */
static const unsigned BATCH[STORED_LEVELS] = {1, 6, 10};

struct batch {
    struct sbuf bytes;
    int64_t from, to;
    unsigned count;
};

struct writer {
    char *folder, *source;
    json_t *about, *git;
    struct history_keep keep;
    bool is_broken;
    struct history *history;
    struct run_file *file; /* of the run that goes on; NULL: none does */
    char id[RUN_ID_SIZE];
    char run[64];     /* the view's name of the run that was met last */
    uint64_t kept[2]; /* hashes of what was put last of courses and traces */
    uint64_t said;    /* requests, when all of it was written last; UINT64_MAX: it was not */
    int64_t next[STORED_LEVELS]; /* where what was not taken yet begins */
    int64_t gone[STORED_LEVELS]; /* what was before it is not in the file */
    struct batch batches[STORED_LEVELS];
    uint32_t last_row, last_kind;
    json_t *meta;
};

/* ---- what may go wrong ---- */

/* Takes why. */
static void give_up(struct writer *w, char *why)
{
    if (!w->is_broken)
        log_warning(LOGGER, "This run is not stored: %s. --no-history asks for that in silence",
                    why);
    w->is_broken = true;
    free(why);
}

static void give_up_file(struct writer *w)
{
    struct sbuf text = {0};
    const int error = errno;
    char *path = history_path(w->history, w->id);
    sbuf_addf(&text, "cannot write %s: %s", path, strerror(error));
    free(path);
    give_up(w, sbuf_take(&text));
}

/* ---- a run begins ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
    json_t *value = json_string(text ? text : "");
    json_object_set_new(object, key, value ? value : json_string(""));
}

static void set_number(json_t *object, const char *key, double value)
{
    json_object_set_new(object, key,
                        isfinite(value) && value >= 0 ? json_real(value) : json_null());
}

static void set_head(struct writer *w, const struct snapshot *s)
{
    const struct view *v = s->view;
    set_text(w->meta, "run", v->run_id);
    set_text(w->meta, "boot", v->boot_id);
    set_text(w->meta, "version", v->version);
    set_text(w->meta, "locustfile", v->locustfile);
    set_text(w->meta, "host", v->host);
    set_text(w->meta, "ended_by", v->ended_by);
    set_number(w->meta, "started", v->started_at);
    set_number(w->meta, "ended", v->ended_at > 0 ? v->ended_at : NAN);
    set_number(w->meta, "duration", s->run_age_s);
    if (v->scenario_count > 0) { /* as they need them: "users_most" says how many */
        json_object_set_new(w->meta, "users", json_null());
        json_object_set_new(w->meta, "spawn_rate", json_null());
    } else {
        set_number(w->meta, "users", s->target_users ? s->target_users : s->wishes.users);
        set_number(w->meta, "spawn_rate", s->wishes.spawn_rate);
    }
    set_number(w->meta, "run_time", s->wishes.run_time_s);
    json_object_set_new(w->meta, "since",
                        json_integer(v->timeline ? (json_int_t)v->timeline->since : 0));
    json_object_set_new(w->meta, "plans", json_integer((json_int_t)v->plan_count));
    json_object_set_new(w->meta, "shape", json_boolean(v->has_shape));
    json_object_set_new(w->meta, "distributed", json_boolean(v->is_distributed));
}

static void set_environment(struct writer *w, const struct view *v)
{
    size_t workers = 0;
    for (size_t i = 0; i < v->worker_count; i++)
        workers += strcmp(v->workers[i].state, "lost") != 0;
    json_object_set_new(w->meta, "workers", json_integer((json_int_t)workers));
    json_object_set_new(w->meta, "environment",
                        run_about_environment(json_object_get(w->meta, "machine"), workers));
}

static void forget_run(struct writer *w)
{
    run_file_close(w->file);
    w->file = NULL;
    json_decref(w->meta);
    w->meta = NULL;
    w->last_row = w->last_kind = 0;
    w->kept[0] = w->kept[1] = 0;
    w->said = UINT64_MAX;
    for (size_t i = 0; i < STORED_LEVELS; i++) {
        sbuf_clear(&w->batches[i].bytes);
        w->batches[i].count = 0;
        w->next[i] = 0;
        w->gone[i] = INT64_MIN;
    }
}

static bool open_history(struct writer *w)
{
    char *why = NULL;
    if (!w->history)
        w->history = history_open(w->folder, true, &why);
    if (why)
        give_up(w, why);
    return w->history != NULL;
}

static void look_around(struct writer *w)
{
    if (!json_object_get(w->about, "machine")) {
        json_t *pipeline = run_about_pipeline();
        json_object_set_new(w->about, "machine", run_about_machine());
        json_object_set_new(w->about, "command", run_about_own_command());
        if (pipeline)
            json_object_set_new(w->about, "pipeline", pipeline);
    }
    if (w->source && !w->git)
        w->git = run_about_git(w->source);
}

static bool begin(struct writer *w, const struct snapshot *s)
{
    unsigned char random[RUN_ID_RANDOM];
    forget_run(w);
    snprintf(w->run, sizeof w->run, "%s", s->view->run_id);
    if (!open_history(w))
        return false;
    look_around(w);
    secret_bytes(random, sizeof random);
    run_id_make(w->id, s->view->started_at, random);
    char *path = history_path(w->history, w->id);
    w->file = run_file_create(path);
    free(path);
    if (!w->file) {
        give_up_file(w);
        return false;
    }
    w->meta = json_deep_copy(w->about);
    set_text(w->meta, "id", w->id);
    set_text(w->meta, "state", "running");
    if (w->git)
        json_object_set(w->meta, "git", w->git);
    return true;
}

/* ---- what is new ---- */

static int put(struct writer *w, const struct run_frame *head, const struct sbuf *bytes)
{
    return run_file_put(w->file, head, bytes->data ? bytes->data : "", bytes->len);
}

static int flush(struct writer *w, unsigned level)
{
    struct batch *b = &w->batches[level];
    if (b->count == 0)
        return 0;
    const int rc = put(
        w, &(struct run_frame){.kind = RUN_BLOCKS, .level = level, .from = b->from, .to = b->to},
        &b->bytes);
    sbuf_clear(&b->bytes);
    b->count = 0;
    return rc;
}

static int put_gone(struct writer *w, unsigned level, int64_t to)
{
    w->gone[level] = to;
    return run_file_put(w->file, &(struct run_frame){.kind = RUN_GONE, .level = level, .to = to},
                        "", 0);
}

/* The memory may have given up what was not taken in time. */
static int take_blocks(struct writer *w, unsigned level, const struct timeline_snap *t)
{
    struct batch *b = &w->batches[level];
    const struct timeline_block *block;
    if (t->levels[level].covers_from > w->next[level] &&
        put_gone(w, level, t->levels[level].covers_from))
        return -1;
    while ((block = timeline_snap_after(t, level, w->next[level]))) {
        const struct timeline_span *span = timeline_block_span(block);
        if (b->count++ == 0)
            b->from = span->start;
        b->to = w->next[level] = span->start + span->span;
        block_bytes_put(&b->bytes, block);
    }
    return b->count >= BATCH[level] ? flush(w, level) : 0;
}

static int put_names(struct writer *w, const struct snapshot *s)
{
    struct sbuf names = {0};
    int rc = 0;
    if (run_totals_put_names(&names, s, &w->last_row, &w->last_kind))
        rc = put(w, &(struct run_frame){.kind = RUN_NAMES}, &names);
    sbuf_fini(&names);
    return rc;
}

/* ---- no file grows for ever ---- */

struct thinning {
    const struct writer *w;
    unsigned level;
    int64_t to; /* its frames before it go */
};

static bool is_kept(void *arg, const struct run_frame *f)
{
    const struct thinning *t = arg;
    return f->kind != RUN_BLOCKS || f->level != t->level || f->to > t->to;
}

static uint64_t level_bytes(const struct run_file *f, unsigned level, int64_t before)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < run_file_count(f); i++) {
        const struct run_frame *frame = run_file_frame(f, i);
        if (frame->kind == RUN_BLOCKS && frame->level == level && frame->to <= before)
            bytes += frame->packed;
    }
    return bytes;
}

/* The oldest of the level that takes most go first, as far as the one above has what they say. */
static struct thinning choose(const struct writer *w, uint64_t excess)
{
    struct thinning t = {.w = w};
    uint64_t most = 0, sum = 0;
    for (unsigned level = 0; level + 1 < STORED_LEVELS; level++) {
        const int64_t covered = w->next[level + 1] - 1;
        const uint64_t bytes = level_bytes(w->file, level, covered);
        if (bytes > most)
            t.level = level;
        most = bytes > most ? bytes : most;
    }
    const int64_t covered = w->next[t.level + 1];
    for (size_t i = 0; most > 0 && i < run_file_count(w->file) && sum < excess; i++) {
        const struct run_frame *f = run_file_frame(w->file, i);
        if (f->kind != RUN_BLOCKS || f->level != t.level || f->to > covered)
            continue;
        sum += f->packed;
        t.to = f->to;
    }
    return t;
}

static int thin(struct writer *w, unsigned percent)
{
    const uint64_t limit = (uint64_t)HISTORY_FILE_BYTES / 100 * percent;
    for (int rounds = 0; run_file_bytes(w->file) > limit && rounds < 8; rounds++) {
        struct thinning t = choose(w, run_file_bytes(w->file) - HISTORY_FILE_BYTES / 10 * 9);
        if (t.to == 0)
            return 0;
        if (run_file_thin(w->file, is_kept, &t) != 0 || put_gone(w, t.level, t.to) != 0)
            return -1;
    }
    return 0;
}

static int take_new(struct writer *w, const struct snapshot *s)
{
    const struct timeline_snap *t = s->view->timeline;
    int rc = put_names(w, s);
    for (unsigned level = 0; level < STORED_LEVELS && t && rc == 0; level++)
        rc = take_blocks(w, level, t);
    return rc == 0 ? thin(w, FULL_PERCENT) : rc;
}

/* ---- all of it ---- */

static int put_json(struct writer *w, enum run_frame_kind kind, const json_t *value)
{
    struct sbuf text = {.data = json_dumps(value, JSON_COMPACT)};
    text.len = text.data ? strlen(text.data) : 0;
    text.cap = text.len + 1;
    const int rc = put(w, &(struct run_frame){.kind = kind}, &text);
    free(text.data);
    return rc;
}

/* What the comparison with a baseline said, in a word, and whether that fails. */
static void note_gate(const struct snapshot *s, json_t *verdict)
{
    json_t *baseline = s->end.baseline ? json_loads(s->end.baseline, 0, NULL) : NULL;
    if (baseline) {
        json_object_set(verdict, "baseline", json_object_get(baseline, "answer"));
        json_object_set(verdict, "gate_failed", json_object_get(baseline, "failed"));
    }
    json_decref(baseline);
}

/* T of the first threshold that has one: it is a figure of each row then. */
static void note_apdex(struct writer *w, const json_t *thresholds)
{
    static const char start[] = "apdex(";
    const json_t *each;
    size_t i;
    json_array_foreach(thresholds, i, each)
    {
        const char *stat = json_string_value(json_object_get(each, "stat"));
        if (!stat || strncmp(stat, start, sizeof start - 1) != 0)
            continue;
        json_object_set_new(w->meta, "apdex_ms", json_real(strtod(stat + sizeof start - 1, NULL)));
        return;
    }
}

static void note_verdict(struct writer *w, const struct snapshot *s)
{
    const struct view *v = s->view;
    static const char *const taken[] = {"code", "passed", "failed", "reasons", "fail_on_invalid"};
    json_t *verdict = json_loads(v->verdict ? v->verdict : "{}", 0, NULL), *kept = json_object();
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (json_object_get(verdict, taken[i]))
            json_object_set(kept, taken[i], json_object_get(verdict, taken[i]));
    json_object_set_new(
        kept, "thresholds",
        json_integer((json_int_t)json_array_size(json_object_get(verdict, "thresholds"))));
    note_apdex(w, json_object_get(verdict, "thresholds"));
    note_gate(s, kept);
    json_object_set_new(w->meta, "valid",
                        json_boolean(json_is_true(json_object_get(verdict, "valid"))));
    json_object_set_new(w->meta, "verdict", kept);
    steady_note_invalid(w->meta, json_object_get(verdict, "invalid"));
    json_decref(verdict);
}

static uint64_t hash_of(const struct sbuf *bytes) /* FNV-1a */
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes->len; i++)
        hash = (hash ^ (unsigned char)bytes->data[i]) * UINT64_C(1099511628211);
    return hash;
}

/* The end of a run may be told twice. */
static int put_kept(struct writer *w, const struct snapshot *s)
{
    static const enum run_frame_kind kinds[] = {RUN_COURSES, RUN_TRACES};
    int rc = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && rc == 0; i++) {
        struct sbuf text = {0};
        run_kept_put(&text, kinds[i], s);
        const uint64_t hash = hash_of(&text);
        if (text.len > 0 && hash != w->kept[i])
            rc = put(w, &(struct run_frame){.kind = kinds[i]}, &text);
        w->kept[i] = text.len > 0 ? hash : w->kept[i];
        sbuf_fini(&text);
    }
    return rc;
}

static int put_rest(struct writer *w, const struct snapshot *s)
{
    struct sbuf rows = {0}, rest = {0};
    run_totals_put_rows(&rows, &s->stats);
    run_totals_put_rest(&rest, s->view);
    const bool is_new = w->said != s->view->total.requests;
    const int rc = (is_new && put(w, &(struct run_frame){.kind = RUN_ROWS}, &rows)) ||
                           put(w, &(struct run_frame){.kind = RUN_TOTALS}, &rest)
                       ? -1
                       : 0;
    sbuf_fini(&rows);
    sbuf_fini(&rest);
    return rc;
}

/* Behind the rest: it takes longest, and the run is stored without it. */
static int put_metrics(const struct writer *w, const struct snapshot *s, const json_t *rows,
                       char **why)
{
    const struct contrast_run run = {s->view->timeline, &s->stats, w->meta};
    json_t *metrics = run_metric_table(&run, rows);
    const int rc = history_put_metrics(w->history, w->id, metrics, why);
    json_decref(metrics);
    return rc;
}

static int put_table(struct writer *w, const json_t *rows)
{
    char *why = NULL;
    int rc = history_put(w->history, w->meta, &why);
    if (rc == 0 && rows)
        rc = history_put_rows(w->history, w->id, rows, &why);
    if (why)
        give_up(w, why);
    return rc;
}

static int put_all(struct writer *w, const struct snapshot *s)
{
    int rc = take_new(w, s);
    for (unsigned level = 0; level < STORED_LEVELS && rc == 0; level++)
        rc = flush(w, level);
    rc = rc == 0 ? thin(w, 100) : rc;
    rc = rc == 0 ? put_kept(w, s) : rc;
    rc = rc == 0 ? put_rest(w, s) : rc;
    json_object_set_new(w->meta, "bytes", json_integer((json_int_t)run_file_bytes(w->file)));
    return rc == 0 ? put_json(w, RUN_META, w->meta) : rc;
}

/* By it people see whether the test itself was changed. */
static void note_script(struct writer *w, const struct snapshot *s)
{
    json_t *script = s->end.script ? json_loads(s->end.script, 0, NULL) : NULL;
    const json_t *hash = json_object_get(script, "sha256");
    if (json_is_string(hash))
        set_text(w->meta, "sha256", json_string_value(hash));
    json_decref(script);
}

static void note_load(struct writer *w, const struct snapshot *s)
{
    json_t *scenarios = s->end.plans ? json_loads(s->end.plans, 0, NULL) : NULL;
    run_load_note(w->meta, scenarios);
    json_decref(scenarios);
}

static void end(struct writer *w, const struct snapshot *s)
{
    char *why = NULL;
    if (!w->file)
        return;
    set_head(w, s);
    set_environment(w, s->view);
    set_text(w->meta, "state", "done");
    note_script(w, s);
    note_load(w, s);
    note_verdict(w, s);
    json_object_set_new(w->meta, "totals", run_totals_numbers(&s->view->total, s->view->row_count));
    set_number(w->meta, "users_most", run_totals_users(s->view));
    json_object_set_new(w->meta, "spark", run_totals_spark(s->view));
    if (put_all(w, s) != 0) {
        give_up_file(w);
        return;
    }
    json_t *rows = run_totals_table(s->view);
    const bool is_new = w->said != s->view->total.requests;
    if (put_table(w, rows) == 0 && ((is_new && put_metrics(w, s, rows, &why) != 0) ||
                                    history_prune(w->history, &w->keep, s->view->now, &why) < 0))
        give_up(w, why);
    json_decref(rows);
    w->said = s->view->total.requests;
}

/* Nothing of a run that was replaced while nobody looked is lost but what came since the last tick.
 */
static void tick_run(struct writer *w, const struct snapshot *s)
{
    const struct view *v = s->view;
    const bool is_new = strcmp(w->run, v->run_id) != 0;
    const bool is_over = !s->is_live && v->ended_at > 0;
    if (is_new && !begin(w, s))
        return;
    if (!w->file)
        return;
    if (is_over && w->said == UINT64_MAX) {
        end(w, s);
        return;
    }
    if (is_over)
        return;
    if (take_new(w, s) != 0) {
        give_up_file(w);
        return;
    }
    if (is_new) {
        set_head(w, s);
        set_environment(w, v);
        if (put_json(w, RUN_META, w->meta) != 0)
            give_up_file(w);
        else
            put_table(w, NULL);
    }
}

/* ---- the output ---- */

static double interval(const void *self, const struct wishes *wishes)
{
    (void)self;
    (void)wishes;
    return HISTORY_INTERVAL_S;
}

static int tick(void *self, const struct snapshot *s, char **why)
{
    struct writer *w = self;
    (void)why;
    if (!w->is_broken && s->view && *s->view->run_id)
        tick_run(w, s);
    return 0;
}

/* The verdict has its last word only now. */
static int run_end(void *self, const struct snapshot *last, char **why)
{
    struct writer *w = self;
    (void)why;
    if (w->is_broken || !last->view || !*last->view->run_id)
        return 0;
    if (strcmp(w->run, last->view->run_id) != 0 && !begin(w, last))
        return 0;
    end(w, last);
    return 0;
}

static void release(void *self)
{
    struct writer *w = self;
    forget_run(w);
    for (size_t i = 0; i < STORED_LEVELS; i++)
        sbuf_fini(&w->batches[i].bytes);
    history_close(w->history);
    json_decref(w->about);
    json_decref(w->git);
    free(w->folder);
    free(w->source);
    free(w);
}

struct output history_output(const struct history_wish *wish)
{
    struct writer *w = mem_zalloc(sizeof *w);
    w->folder = mem_strdup(wish->folder);
    w->about = wish->about;
    w->keep = wish->keep;
    w->source = wish->source ? mem_strdup(wish->source) : NULL;
    forget_run(w);
    return (struct output){.name = "history",
                           .self = w,
                           .patience_s = PATIENCE_S,
                           .is_extra = true,
                           .each_run = true,
                           .interval_s = interval,
                           .tick = tick,
                           .run_end = run_end,
                           .close = release};
}
