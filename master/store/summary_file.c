// SPDX-License-Identifier: MIT
#include "master/store/summary_file.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/bucket_json.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTES_MAX (64 << 20)
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

static bool take_rows(const json_t *all, struct stats *s)
{
    size_t i;
    const json_t *row, *total = json_object_get(all, "total");
    bool is_good = json_is_object(total) && take_row(total, &s->total);
    json_array_foreach(json_object_get(all, "rows"), i, row)
    {
        const char *method = text_of(row, "method"), *name = text_of(row, "name");
        is_good =
            is_good && take_row(row, stats_row(s, method, strlen(method), name, strlen(name)));
    }
    return is_good;
}

static void take_failures(const json_t *all, struct stats *s)
{
    size_t i;
    const json_t *e;
    json_array_foreach(json_object_get(all, "errors"), i, e) if (count_of(e, "count") > 0)
        stats_note_failure(s, &(struct failure){.method = (char *)(uintptr_t)text_of(e, "method"),
                                                .name = (char *)(uintptr_t)text_of(e, "name"),
                                                .text = (char *)(uintptr_t)text_of(e, "text"),
                                                .count = count_of(e, "count"),
                                                .first_at = ms_of(e, "first", 0),
                                                .last_at = ms_of(e, "last", 0)});
}

/* ---- what is known of the run ---- */

static void copy(json_t *to, const char *key, const json_t *from, const char *of)
{
    json_t *value = json_object_get(from, of);
    if (value && !json_is_null(value))
        json_object_set(to, key, value);
}

/* By the file's name it is called, for of its id nobody here has heard. */
static json_t *meta_of(const json_t *all, const char *path)
{
    static const char *const same[] = {"started", "ended",      "duration", "version",
                                       "host",    "users",      "run_time", "spawn_rate",
                                       "profile", "locustfile", "sha256",   "tags"};
    const json_t *run = json_object_get(all, "run");
    const json_t *plans = json_object_get(json_object_get(all, "scenarios"), "scenarios");
    const char *slash = strrchr(path, '/');
    json_t *meta = json_pack("{s:s,s:i}", "id", slash ? slash + 1 : path, "plans",
                             (int)json_array_size(plans));
    if (!meta) /* a name that is no UTF-8 */
        meta = json_pack("{s:s,s:i}", "id", "the summary", "plans", (int)json_array_size(plans));
    copy(meta, "run", run, "id");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        copy(meta, same[i], run, same[i]);
    copy(meta, "valid", json_object_get(all, "verdict"), "valid");
    return meta;
}

/* ---- open ---- */

/* A pipe would keep who asks waiting. */
static json_t *load(const char *path, char **why)
{
    struct stat about;
    json_error_t error;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &about) != 0) {
        *why = sbuf_words("%s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    json_t *all = NULL;
    FILE *file = fdopen(fd, "r"); /* jansson reads a descriptor byte by byte */
    if (!file)
        *why = sbuf_words("%s: %s", path, strerror(errno));
    else if (!S_ISREG(about.st_mode))
        *why = sbuf_words("%s: this is no file", path);
    else if (about.st_size > BYTES_MAX)
        *why = sbuf_words("%s: it is too large", path);
    else if (!(all = json_loadf(file, JSON_REJECT_DUPLICATES, &error)))
        *why = sbuf_words("%s: line %d: it is no good JSON: %s", path, error.line, error.text);
    if (file)
        fclose(file);
    else
        close(fd);
    return all;
}

struct stored *summary_file_open(const char *path, char **why)
{
    json_t *all = load(path, why);
    if (!all)
        return NULL;
    struct stored *s = mem_zalloc(sizeof *s);
    stats_init(&s->stats, ms_of(json_object_get(all, "run"), "started", 0), STATS_LIMITS_DEFAULT);
    s->totals = json_object();
    s->meta = meta_of(all, path);
    if (strcmp(text_of(all, "schema"), "katydid-summary/1") != 0)
        *why = sbuf_words("%s: this is no file of --summary", path);
    else if (!take_rows(all, &s->stats))
        *why = sbuf_words("%s: its rows are damaged", path);
    take_failures(all, &s->stats);
    json_decref(all);
    if (!*why)
        return s;
    stored_close(s);
    return NULL;
}
