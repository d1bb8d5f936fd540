// SPDX-License-Identifier: MIT
/* Three kinds of records (rows, failures, exceptions), each a list in insertion order with a hash
 * index beside it. Records are found by content, so a table can be merged into any other.
 *
 * The total is kept like a row: every sample goes into both. What does not fit a limit goes to a
 * row that stands for the rest, which is exempt from the limit: nothing is ever dropped. */
#include "common/metric/stats.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/sat.h"
#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define HASH_SEED UINT64_C(0x6B617479646964)
#define OVERFLOW_ROWS 64 /* "(other)" rows with a method of their own; then one for all methods */
#define NODES_MAX 4096   /* bytes of worker ids kept with an exception */

struct stats_index {
    struct map rows, failures, exceptions;
    struct tally **row_end; /* where the next one is hung */
    struct failure **failure_end;
    struct exception **exception_end;
};

struct text {
    const char *s;
    size_t len;
};

struct key {
    struct text part[3];
};

static struct text text_of(const char *s)
{
    return (struct text){s, strlen(s)};
}

/* Keys end at a NUL, because records hold C strings, and at a limit, because memory does. */
static struct text text_bounded(const char *s, size_t len, size_t max)
{
    const char *nul = len ? memchr(s, 0, len) : NULL;
    if (nul)
        len = (size_t)(nul - s);
    return (struct text){s, utf8_cut(s, len, max)};
}

static bool text_is(struct text t, const char *stored)
{
    return !t.len ? !*stored : strncmp(stored, t.s, t.len) == 0 && !stored[t.len];
}

static uint64_t key_hash(const struct key *k, size_t parts)
{
    uint64_t h = HASH_SEED;
    for (size_t i = 0; i < parts; i++)
        h = map_hash(h, k->part[i].s, k->part[i].len);
    return h;
}

static bool row_is(const void *value, const void *key)
{
    const struct tally *t = value;
    const struct key *k = key;
    return k->part[1].len == t->name_len && k->part[0].len == t->method_len &&
           memcmp(k->part[1].s, t->name, t->name_len) == 0 &&
           memcmp(k->part[0].s, t->method, t->method_len) == 0;
}

static bool failure_is(const void *value, const void *key)
{
    const struct failure *f = value;
    const struct key *k = key;
    return text_is(k->part[2], f->text) && text_is(k->part[1], f->name) &&
           text_is(k->part[0], f->method);
}

/* Exceptions are told apart by their traceback, as in Locust: their texts hold ids. Only the row
 * that stands for the rest has a name of its own. */
static const char *kind_of(const char *message)
{
    return strcmp(message, STATS_OTHER_EXCEPTIONS) ? "" : message;
}

static bool exception_is(const void *value, const void *key)
{
    const struct exception *e = value;
    const struct key *k = key;
    return text_is(k->part[1], e->traceback) && text_is(k->part[0], kind_of(e->message));
}

static void failure_free(struct failure *f)
{
    free(f->method);
    free(f->name);
    free(f->text);
    free(f);
}

static void exception_free(struct exception *e)
{
    free(e->message);
    free(e->traceback);
    free(e->nodes);
    free(e);
}

static void free_failures(struct stats *s)
{
    for (struct failure *f = s->failures, *next; f; f = next) {
        next = f->next;
        failure_free(f);
    }
    s->failures = NULL;
    s->failure_count = 0;
    s->index->failure_end = &s->failures;
    map_clear(&s->index->failures);
}

static void free_exceptions(struct stats *s)
{
    for (struct exception *e = s->exceptions, *next; e; e = next) {
        next = e->next;
        exception_free(e);
    }
    s->exceptions = NULL;
    s->exception_count = 0;
    s->index->exception_end = &s->exceptions;
    map_clear(&s->index->exceptions);
}

static void free_rows(struct stats *s)
{
    for (struct tally *t = s->rows, *next; t; t = next) {
        next = t->next;
        tally_fini(t);
        free(t);
    }
    s->rows = NULL;
    s->row_count = 0;
    s->index->row_end = &s->rows;
    map_clear(&s->index->rows);
}

void stats_init(struct stats *s, double now, struct stats_limits limits)
{
    *s = (struct stats){.started_at = now, .limits = limits};
    tally_init(&s->total, mem_strdup(""), mem_strdup("Aggregated"));
    s->index = mem_zalloc(sizeof *s->index);
    s->index->row_end = &s->rows;
    s->index->failure_end = &s->failures;
    s->index->exception_end = &s->exceptions;
}

void stats_fini(struct stats *s)
{
    if (!s->index)
        return;
    free_rows(s);
    free_failures(s);
    free_exceptions(s);
    tally_fini(&s->total);
    map_fini(&s->index->rows);
    map_fini(&s->index->failures);
    map_fini(&s->index->exceptions);
    free(s->index);
    *s = (struct stats){0};
}

static void restart(struct stats *s, double now)
{
    free_failures(s);
    free_exceptions(s);
    tally_zero(&s->total);
    s->overflow = 0;
    s->started_at = now;
}

void stats_clear(struct stats *s, double now)
{
    free_rows(s);
    s->clears++;
    restart(s, now);
}

void stats_reset(struct stats *s, double now)
{
    for (struct tally *t = s->rows; t; t = t->next)
        if (!tally_is_empty(t))
            tally_zero(t);
    restart(s, now);
}

static struct tally *row_new(struct stats *s, const struct key *k, uint64_t hash)
{
    struct tally *t = mem_zalloc(sizeof *t);
    tally_init(t, mem_dup(k->part[0].s, k->part[0].len), mem_dup(k->part[1].s, k->part[1].len));
    t->method_len = (uint32_t)k->part[0].len;
    t->name_len = (uint32_t)k->part[1].len;
    t->number = ++s->last_row;
    *s->index->row_end = t;
    s->index->row_end = &t->next;
    map_add(&s->index->rows, hash, t);
    s->row_count++;
    return t;
}

static struct tally *row_find(const struct stats *s, const struct key *k, uint64_t hash)
{
    return map_find(&s->index->rows, hash, row_is, k);
}

static struct tally *row_get(struct stats *s, const struct key *k, size_t max_rows)
{
    uint64_t hash = key_hash(k, 2);
    struct tally *t = row_find(s, k, hash);
    return t || s->row_count >= max_rows ? t : row_new(s, k, hash);
}

static struct tally *row_overflow(struct stats *s, struct text method)
{
    struct text other = text_of(STATS_OTHER);
    struct tally *t =
        row_get(s, &(struct key){{method, other}}, s->limits.max_rows + OVERFLOW_ROWS);
    if (!t)
        t = row_get(s, &(struct key){{text_of(""), other}}, SIZE_MAX);
    t->is_overflow = true;
    return t;
}

struct tally *stats_row(struct stats *s, const char *method, size_t method_len, const char *name,
                        size_t name_len)
{
    struct key k = {{{method, method_len}, {name, name_len}}};
    struct tally *t = row_find(s, &k, key_hash(&k, 2));
    if (t)
        return t; /* so it is within the bounds */
    k.part[0] = text_bounded(method, method_len, STATS_METHOD_MAX);
    k.part[1] = text_bounded(name, name_len, STATS_NAME_MAX);
    t = row_get(s, &k, s->limits.max_rows);
    return t ? t : row_overflow(s, k.part[0]);
}

const struct tally *stats_find(const struct stats *s, const char *method, const char *name)
{
    struct key k = {{text_of(method), text_of(name)}};
    return row_find(s, &k, key_hash(&k, 2));
}

void stats_add_cut(struct stats *s, struct tally *row)
{
    row->cut++;
    s->total.cut++;
}

void stats_add_discarded(struct stats *s, struct tally *row)
{
    row->discarded++;
    s->total.discarded++;
}

void stats_add_resent(struct stats *s, struct tally *row, uint64_t n)
{
    row->resent += n;
    s->total.resent += n;
}

static struct failure *failure_new(struct stats *s, const struct key *k, uint64_t hash)
{
    struct failure *f = mem_zalloc(sizeof *f);
    f->method = mem_dup(k->part[0].s, k->part[0].len);
    f->name = mem_dup(k->part[1].s, k->part[1].len);
    f->text = mem_dup(k->part[2].s, k->part[2].len);
    f->number = ++s->last_failure;
    *s->index->failure_end = f;
    s->index->failure_end = &f->next;
    map_add(&s->index->failures, hash, f);
    s->failure_count++;
    return f;
}

static struct failure *failure_get(struct stats *s, const struct key *k, size_t max)
{
    uint64_t hash = key_hash(k, 3);
    struct failure *f = map_find(&s->index->failures, hash, failure_is, k);
    return f || s->failure_count >= max ? f : failure_new(s, k, hash);
}

static void seen(double *first, double *last, double from, double to)
{
    if (from > 0 && (*first == 0 || from < *first))
        *first = from;
    if (to > *last)
        *last = to;
}

const struct failure *stats_note_failure(struct stats *s, const struct failure *src)
{
    struct key k = {{text_bounded(src->method, strlen(src->method), STATS_METHOD_MAX),
                     text_bounded(src->name, strlen(src->name), STATS_NAME_MAX),
                     text_bounded(src->text, strlen(src->text), STATS_TEXT_MAX)}};
    struct failure *f = failure_get(s, &k, s->limits.max_failures);
    if (!f) {
        struct key rest = {{text_of(""), text_of(""), text_of(STATS_OTHER_FAILURES)}};
        f = failure_get(s, &rest, SIZE_MAX);
        s->overflow = sat_add(s->overflow, src->count);
    }
    f->count = sat_add(f->count, src->count);
    seen(&f->first_at, &f->last_at, src->first_at, src->last_at);
    return f;
}

const struct failure *stats_add_failure(struct stats *s, struct tally *row, double now,
                                        const char *text, size_t len)
{
    tally_add_failure(row, now);
    tally_add_failure(&s->total, now);
    struct text bounded = text_bounded(text, len, STATS_TEXT_MAX);
    struct failure one = {.method = row->method,
                          .name = row->name,
                          .text = mem_dup(bounded.s, bounded.len),
                          .count = 1,
                          .first_at = now,
                          .last_at = now};
    const struct failure *counted = stats_note_failure(s, &one);
    free(one.text);
    return counted;
}

static bool nodes_have(const char *nodes, struct text node)
{
    for (const char *at = nodes; *at;) {
        size_t len = strcspn(at, ",");
        if (len == node.len && memcmp(at, node.s, len) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

/* Adds each of the comma-separated ids that is not there yet. */
static void nodes_add(struct exception *e, const char *more)
{
    while (*more) {
        struct text node = {more, strcspn(more, ",")};
        size_t len = strlen(e->nodes);
        if (node.len && len + node.len + 2 <= NODES_MAX && !nodes_have(e->nodes, node)) {
            e->nodes = mem_realloc(e->nodes, len + node.len + 2);
            if (len)
                e->nodes[len++] = ',';
            memcpy(e->nodes + len, node.s, node.len);
            e->nodes[len + node.len] = 0;
        }
        more += node.len + (more[node.len] == ',');
    }
}

static struct exception *exception_get(struct stats *s, const struct key *k, const char *message,
                                       size_t max)
{
    uint64_t hash = key_hash(k, 2);
    struct exception *e = map_find(&s->index->exceptions, hash, exception_is, k);
    if (e || s->exception_count >= max)
        return e;
    e = mem_zalloc(sizeof *e);
    struct text bounded = text_bounded(message, strlen(message), STATS_TEXT_MAX);
    e->message = mem_dup(bounded.s, bounded.len);
    e->traceback = mem_dup(k->part[1].s, k->part[1].len);
    e->nodes = mem_strdup("");
    *s->index->exception_end = e;
    s->index->exception_end = &e->next;
    map_add(&s->index->exceptions, hash, e);
    s->exception_count++;
    return e;
}

void stats_note_exception(struct stats *s, const struct exception *src)
{
    struct key k = {{text_of(kind_of(src->message)),
                     text_bounded(src->traceback, strlen(src->traceback), STATS_TRACEBACK_MAX)}};
    struct exception *e = exception_get(s, &k, src->message, s->limits.max_exceptions);
    if (!e) {
        struct key rest = {{text_of(STATS_OTHER_EXCEPTIONS), text_of("")}};
        e = exception_get(s, &rest, STATS_OTHER_EXCEPTIONS, SIZE_MAX);
        s->overflow = sat_add(s->overflow, src->count);
    }
    e->count = sat_add(e->count, src->count);
    nodes_add(e, src->nodes);
    seen(&e->first_at, &e->last_at, src->first_at, src->last_at);
}

void stats_add_exception(struct stats *s, double now, const char *message, const char *traceback,
                         const char *node, uint64_t n)
{
    struct exception one = {.message = mem_strdup(message),
                            .traceback = mem_strdup(traceback),
                            .nodes = mem_strdup(node),
                            .count = n,
                            .first_at = now,
                            .last_at = now};
    stats_note_exception(s, &one);
    free(one.message);
    free(one.traceback);
    free(one.nodes);
}

static void take_from(uint64_t *count, uint64_t n)
{
    *count -= n < *count ? n : *count;
}

void stats_less_failure(struct stats *s, const struct failure *src)
{
    struct key k = {{text_of(src->method), text_of(src->name), text_of(src->text)}};
    struct failure *f = map_find(&s->index->failures, key_hash(&k, 3), failure_is, &k);
    if (f)
        take_from(&f->count, src->count);
}

void stats_less_exception(struct stats *s, const struct exception *src)
{
    struct key k = {{text_of(kind_of(src->message)), text_of(src->traceback)}};
    struct exception *e = map_find(&s->index->exceptions, key_hash(&k, 2), exception_is, &k);
    if (e)
        take_from(&e->count, src->count);
}

static void prune_failures(struct stats *s)
{
    for (struct failure **at = &s->failures, *f; (f = *at);) {
        if (f->count) {
            at = &f->next;
            continue;
        }
        struct key k = {{text_of(f->method), text_of(f->name), text_of(f->text)}};
        map_remove(&s->index->failures, key_hash(&k, 3), f);
        *at = f->next;
        if (!f->next)
            s->index->failure_end = at;
        failure_free(f);
        s->failure_count--;
    }
}

static void prune_exceptions(struct stats *s)
{
    for (struct exception **at = &s->exceptions, *e; (e = *at);) {
        if (e->count) {
            at = &e->next;
            continue;
        }
        struct key k = {{text_of(kind_of(e->message)), text_of(e->traceback)}};
        map_remove(&s->index->exceptions, key_hash(&k, 2), e);
        *at = e->next;
        if (!e->next)
            s->index->exception_end = at;
        exception_free(e);
        s->exception_count--;
    }
}

void stats_prune(struct stats *s)
{
    prune_failures(s);
    prune_exceptions(s);
}

void stats_merge(struct stats *dst, const struct stats *src)
{
    for (const struct tally *t = src->rows; t; t = t->next) {
        struct tally *row = stats_row(dst, t->method, strlen(t->method), t->name, strlen(t->name));
        tally_merge(row, t);
        if (row->is_overflow && !t->is_overflow)
            dst->overflow = sat_add(dst->overflow, t->requests);
    }
    tally_merge(&dst->total, &src->total);
    for (const struct failure *f = src->failures; f; f = f->next)
        stats_note_failure(dst, f);
    for (const struct exception *e = src->exceptions; e; e = e->next)
        stats_note_exception(dst, e);
    dst->overflow = sat_add(dst->overflow, src->overflow);
}

static int by_name(const void *a, const void *b)
{
    const struct tally *x = *(const struct tally *const *)a, *y = *(const struct tally *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->method, y->method);
}

size_t stats_sorted(const struct stats *s, const struct tally ***out)
{
    const struct tally **rows = mem_zalloc((s->row_count + 1) * sizeof *rows);
    size_t n = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        if (!tally_is_hidden(t))
            rows[n++] = t;
    qsort(rows, n, sizeof *rows, by_name);
    *out = rows;
    return n;
}
