// SPDX-License-Identifier: MIT
#include "master/store/summary_file.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/bucket_json.h"
#include "master/store/json_slice.h"
#include "master/store/run_load.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX (64 << 20)
#define READ_BYTES (1u << 20)
#define PIECE_MOST (1u << 20) /* bytes of a row: read, JSON takes up to 45 times as much */
#define OCTAVES_MOST 200000
#define MS_MAX 1e12

static uint64_t count_of(const json_t *object, const char *key)
{
    const json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 && n <= BUCKET_COUNT_MAX ? (uint64_t)n : 0;
}

static double ms_of(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);
    const double ms = json_is_number(value) ? json_number_value(value) : NAN;
    return ms >= 0 && ms < MS_MAX ? ms : otherwise;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- rows ---- */

static bool take_histogram(const json_t *from, struct hist *h)
{
    size_t i;
    const json_t *pair;
    if (json_integer_value(json_object_get(from, "sub_bits")) != HIST_SUB_BITS ||
        strcmp(text_of(from, "unit"), "us") != 0)
        return false;
    json_array_foreach(json_object_get(from, "buckets"), i, pair)
    {
        if (!bucket_json_add(h, json_integer_value(json_array_get(pair, 0)),
                             json_integer_value(json_array_get(pair, 1))))
            return false;
    }
    return true;
}

static bool take_row(const json_t *from, struct tally *t)
{
    const json_t *hist = json_object_get(from, "histogram");
    t->requests += count_of(from, "requests");
    t->failures += count_of(from, "failures");
    t->none_requests += count_of(from, "without_time");
    t->bytes += count_of(from, "body_bytes");
    t->cut += count_of(from, "cut");
    if (json_is_null(hist))
        return true;
    if (!take_histogram(hist, &t->hist))
        return false;
    if (t->hist.count == 0)
        return true;
    t->min_us = (uint64_t)(ms_of(from, "min_ms", 0) * 1e3);
    t->max_us = (uint64_t)(ms_of(from, "max_ms", (double)HIST_MAX_US / 1e3) * 1e3);
    t->sum_us += (uint64_t)(ms_of(from, "mean_ms", 0) * 1e3 * (double)t->hist.count);
    return true;
}

struct reading { /* of one file */
    struct stats *stats;
    size_t octaves; /* of histograms: a kilobyte each */
    bool is_bad, is_large;
};

/* NULL: it is none, or too large, or no JSON. */
static json_t *load_piece(struct reading *r, struct json_slice piece)
{
    r->is_large |= piece.len > PIECE_MOST;
    return piece.text && piece.len <= PIECE_MOST
               ? json_loadb(piece.text, piece.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)
               : NULL;
}

static bool take_tally(struct reading *r, struct json_slice piece, struct tally *total)
{
    json_t *row = load_piece(r, piece);
    const char *method = text_of(row, "method"), *name = text_of(row, "name");
    struct tally *t =
        total ? total : stats_row(r->stats, method, strlen(method), name, strlen(name));
    r->is_bad |= !json_is_object(row) || !take_row(row, t);
    for (unsigned i = 0; i < HIST_OCTAVES; i++)
        r->octaves += t->hist.octave[i] != NULL;
    r->is_large |= r->octaves > OCTAVES_MOST;
    json_decref(row);
    return !r->is_bad && !r->is_large;
}

static bool take_next_row(void *arg, struct json_slice key, struct json_slice piece)
{
    (void)key;
    return take_tally(arg, piece, NULL);
}

static bool take_failure(void *arg, struct json_slice key, struct json_slice piece)
{
    struct reading *r = arg;
    json_t *e = load_piece(r, piece);
    (void)key;
    if (count_of(e, "count") > 0)
        stats_note_failure(r->stats,
                           &(struct failure){.method = (char *)(uintptr_t)text_of(e, "method"),
                                             .name = (char *)(uintptr_t)text_of(e, "name"),
                                             .text = (char *)(uintptr_t)text_of(e, "text"),
                                             .count = count_of(e, "count"),
                                             .first_at = ms_of(e, "first", 0),
                                             .last_at = ms_of(e, "last", 0)});
    json_decref(e);
    return !r->is_large;
}

/* ---- what is known of the run ---- */

static void copy(json_t *to, const char *key, const json_t *from, const char *of)
{
    json_t *value = json_object_get(from, of);
    if (value && !json_is_null(value))
        json_object_set(to, key, value);
}

/* By the file's name it is called, for of its id nobody here has heard. */
static json_t *meta_of(const json_t *run, const json_t *verdict, size_t plans, const char *path)
{
    static const char *const same[] = {"started", "ended",      "duration", "version",
                                       "host",    "users",      "run_time", "spawn_rate",
                                       "profile", "locustfile", "sha256",   "tags"};
    const char *slash = strrchr(path, '/');
    json_t *meta = json_pack("{s:s,s:i}", "id", slash ? slash + 1 : path, "plans", (int)plans);
    if (!meta) /* a name that is no UTF-8 */
        meta = json_pack("{s:s,s:i}", "id", "the summary", "plans", (int)plans);
    copy(meta, "run", run, "id");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        copy(meta, same[i], run, same[i]);
    copy(meta, "valid", verdict, "valid");
    return meta;
}

/* ---- open ---- */

/* A pipe would keep who asks waiting. */
static bool read_file(const char *path, struct sbuf *out, char **why)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0)
        *why = sbuf_words("%s: %s", path, strerror(errno));
    else if (!S_ISREG(about.st_mode))
        *why = sbuf_words("%s: this is no file", path);
    else if (about.st_size > BYTES_MAX)
        *why = sbuf_words("%s: it is too large", path);
    ssize_t n = 1;
    while (!*why && n > 0 && out->len <= BYTES_MAX) {
        sbuf_reserve(out, READ_BYTES);
        n = read(fd, out->data + out->len, READ_BYTES);
        out->len += n > 0 ? (size_t)n : 0;
    }
    if (!*why && n < 0)
        *why = sbuf_words("%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return !*why;
}

static char *take_all(struct stored *s, struct json_slice all, const char *path)
{
    struct reading r = {.stats = &s->stats};
    const struct json_slice rows = json_slice_member(all, "rows");
    json_t *schema = load_piece(&r, json_slice_member(all, "schema"));
    json_t *run = load_piece(&r, json_slice_member(all, "run"));
    json_t *verdict = load_piece(&r, json_slice_member(all, "verdict"));
    const char *kind = json_string_value(schema);
    const bool is_ours = kind && strcmp(kind, "katydid-summary/1") == 0;
    stats_init(&s->stats, ms_of(run, "started", 0), STATS_LIMITS_DEFAULT);
    const struct json_slice plans = json_slice_member(all, "scenarios");
    /* without what is too large there they are compared by their rows */
    json_t *scenarios = plans.len <= PIECE_MOST ? load_piece(&r, plans) : NULL;
    s->meta = meta_of(run, verdict, json_slice_count(json_slice_member(plans, "scenarios")), path);
    run_load_note(s->meta, scenarios);
    if (is_ours && take_tally(&r, json_slice_member(all, "total"), &s->stats.total) && rows.text)
        r.is_bad |= !json_slice_each(rows, take_next_row, &r);
    if (is_ours && !r.is_bad && !r.is_large)
        json_slice_each(json_slice_member(all, "errors"), take_failure, &r);
    json_decref(scenarios);
    json_decref(schema);
    json_decref(run);
    json_decref(verdict);
    return !is_ours     ? sbuf_words("%s: this is no file of --summary", path)
           : r.is_large ? sbuf_words("%s: it is too large", path)
           : r.is_bad   ? sbuf_words("%s: its rows are damaged", path)
                        : NULL;
}

static bool is_any(void *arg, struct json_slice key, struct json_slice value)
{
    (void)arg;
    (void)key;
    (void)value;
    return true;
}

struct stored *summary_file_open(const char *path, char **why)
{
    struct sbuf text = {0};
    struct stored *s = NULL;
    if (!read_file(path, &text, why)) {
        sbuf_fini(&text);
        return NULL;
    }
    const struct json_slice all = {text.data, text.len};
    if (!json_slice_each(all, is_any, NULL)) {
        *why = sbuf_words("%s: it is no good JSON", path);
    } else {
        s = mem_zalloc(sizeof *s);
        s->totals = json_object();
        *why = take_all(s, all, path);
    }
    sbuf_fini(&text);
    if (!*why)
        return s;
    stored_close(s);
    return NULL;
}
