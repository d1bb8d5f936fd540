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
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include "common/metric/failure_kind.h"

#include <stdlib.h>
#include <string.h>

#define HASH_SEED UINT64_C(0x6B617479646964)
#define OVERFLOW_ROWS 64 /* "(other)" rows with a method of their own; then one for all methods */
#define NODES_MAX 4096   /* bytes of worker ids kept with an exception */

/* What was folded into one, for as long as one of its texts is listed. */
struct failure_kind {
    char *method, *name, *text;
    uint32_t number;
    size_t texts;         /* entries of it, the rest included */
    struct failure *last; /* of them, in the list */
};

struct stats_index {
    struct map rows, failures, kinds, exceptions;
    struct sbuf folded;     /* for a moment */
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

static bool kind_is(const void *value, const void *key)
{
    const struct failure_kind *f = value;
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

static void kind_free(struct failure_kind *f)
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
    free(e->type);
    free(e);
}

static void free_failures(struct stats *s)
{
    for (struct failure *f = s->failures, *next; f; f = next) {
        next = f->next;
        if (f->kind->last == f)
            kind_free(f->kind);
        failure_free(f);
    }
    s->failures = NULL;
    s->failure_count = s->kind_count = 0;
    s->index->failure_end = &s->failures;
    map_clear(&s->index->failures);
    map_clear(&s->index->kinds);
}

void stats_forget_exceptions(struct stats *s)
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
    stats_forget_exceptions(s);
    tally_fini(&s->total);
    map_fini(&s->index->rows);
    map_fini(&s->index->failures);
    map_fini(&s->index->kinds);
    sbuf_fini(&s->index->folded);
    map_fini(&s->index->exceptions);
    free(s->index);
    *s = (struct stats){0};
}

static void restart(struct stats *s, double now)
{
    free_failures(s);
    tally_zero(&s->total);
    s->overflow = 0;
    s->started_at = now;
}

void stats_clear_requests(struct stats *s, double now)
{
    free_rows(s);
    s->clears++;
    restart(s, now);
}

void stats_clear(struct stats *s, double now)
{
    stats_clear_requests(s, now);
    stats_forget_exceptions(s);
}

void stats_reset(struct stats *s, double now)
{
    stats_reset_requests(s, now);
    stats_forget_exceptions(s);
}

void stats_reset_requests(struct stats *s, double now)
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
    if (s->has_few)
        tally_keep_few(t);
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

/* ---- failures: texts under their kind ---- */

static struct failure_kind *kind_new(struct stats *s, const struct key *k, uint64_t hash)
{
    struct failure_kind *kind = mem_zalloc(sizeof *kind);
    kind->method = mem_dup(k->part[0].s, k->part[0].len);
    kind->name = mem_dup(k->part[1].s, k->part[1].len);
    kind->text = mem_dup(k->part[2].s, k->part[2].len);
    kind->number = ++s->last_kind;
    map_add(&s->index->kinds, hash, kind);
    s->kind_count++;
    return kind;
}

static struct failure_kind *kind_get(struct stats *s, const struct key *k, size_t max)
{
    uint64_t hash = key_hash(k, 3);
    struct failure_kind *kind = map_find(&s->index->kinds, hash, kind_is, k);
    return kind || s->kind_count >= max ? kind : kind_new(s, k, hash);
}

static struct failure *failure_find(const struct stats *s, const struct key *k)
{
    return map_find(&s->index->failures, key_hash(k, 3), failure_is, k);
}

static struct failure *failure_new(struct stats *s, const struct key *k, struct failure_kind *kind)
{
    struct failure *f = mem_zalloc(sizeof *f);
    f->method = mem_dup(k->part[0].s, k->part[0].len);
    f->name = mem_dup(k->part[1].s, k->part[1].len);
    f->text = mem_dup(k->part[2].s, k->part[2].len);
    f->kind = kind;
    f->number = kind->number;
    struct failure **at = kind->last ? &kind->last->next : s->index->failure_end;
    f->next = *at;
    *at = f;
    if (!f->next)
        s->index->failure_end = &f->next;
    kind->last = f;
    kind->texts++;
    map_add(&s->index->failures, key_hash(k, 3), f);
    s->failure_count++;
    return f;
}

static struct failure *failure_get(struct stats *s, const struct key *k, struct failure_kind *kind)
{
    struct failure *f = failure_find(s, k);
    return f ? f : failure_new(s, k, kind);
}

static bool is_same(struct text a, struct text b)
{
    return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* The key of its kind; the text lies in the index for the moment. */
static struct key key_of_kind(struct stats *s, const struct key *k)
{
    struct sbuf *folded = &s->index->folded;
    char *text = mem_dup(k->part[2].s, k->part[2].len); /* it ends at its NUL */
    sbuf_clear(folded);
    failure_kind_add(folded, text);
    free(text);
    return (struct key){{k->part[0], k->part[1], {folded->len ? folded->data : "", folded->len}}};
}

/* What finds no place is counted with its endpoint, of which there are not more than rows. */
static struct failure *failure_other(struct stats *s, const struct key *k)
{
    struct key other = {{k->part[0], k->part[1], text_of(STATS_OTHER_FAILURES)}};
    if (!row_find(s, k, key_hash(k, 2))) {
        const struct tally *row = row_overflow(s, k->part[0]);
        other.part[0] = text_of(row->method);
        other.part[1] = text_of(row->name);
    }
    return failure_get(s, &other, kind_get(s, &other, SIZE_MAX));
}

static struct failure *failure_place(struct stats *s, const struct key *k)
{
    const struct key of_kind = key_of_kind(s, k);
    struct failure_kind *kind = kind_get(s, &of_kind, s->limits.max_failures);
    if (!kind)
        return NULL;
    if (kind->texts == 0)
        return failure_new(s, k, kind);
    const bool is_full =
        kind->texts >= STATS_KIND_TEXTS || s->failure_count >= s->limits.max_failures;
    if (!is_full && !is_same(of_kind.part[2], k->part[2]) && !failure_find(s, &of_kind))
        return failure_new(s, k, kind);
    struct failure *rest = failure_get(s, &of_kind, kind);
    rest->is_rest = true;
    return rest;
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
    struct failure *f = failure_find(s, &k);
    if (!f)
        f = failure_place(s, &k);
    if (!f) {
        f = failure_other(s, &k);
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

/* Its class, told by the first that knows it. */
static void type_add(struct exception *e, const char *type)
{
    if (!type || !*type || *e->type)
        return;
    struct text bounded = text_bounded(type, strlen(type), STATS_TYPE_MAX);
    free(e->type);
    e->type = mem_dup(bounded.s, bounded.len);
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
    e->type = mem_strdup("");
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
    } else {
        type_add(e, src->type);
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

static void take_from(uint64_t *count, uint64_t *n)
{
    const uint64_t taken = *n < *count ? *n : *count;
    *count -= taken;
    *n -= taken;
}

const struct failure *stats_failure_line(const struct failure *at, struct failure *line)
{
    const struct failure *rest = at, *end = at->next;
    while (!rest->is_rest && rest->next && rest->next->number == at->number)
        rest = rest->next;
    *line = *(rest->is_rest ? rest : at);
    if (!rest->is_rest)
        return end;
    for (const struct failure *f = at; f && f->number == at->number; f = end = f->next) {
        if (f == rest)
            continue;
        line->count = sat_add(line->count, f->count);
        seen(&line->first_at, &line->last_at, f->first_at, f->last_at);
    }
    return end;
}

void stats_less_failure(struct stats *s, const struct failure *src)
{
    struct key k = {{text_of(src->method), text_of(src->name), text_of(src->text)}};
    uint64_t left = src->count;
    struct failure *f = failure_find(s, &k);
    if (!f)
        return;
    take_from(&f->count, &left);
    if (!f->is_rest)
        return;
    for (f = s->failures; f && left; f = f->next) /* the line that stood for its kind */
        if (text_is(k.part[0], f->method) && text_is(k.part[1], f->name) &&
            !strcmp(f->kind->text, src->text))
            take_from(&f->count, &left);
}

void stats_less_exception(struct stats *s, const struct exception *src)
{
    struct key k = {{text_of(kind_of(src->message)), text_of(src->traceback)}};
    struct exception *e = map_find(&s->index->exceptions, key_hash(&k, 2), exception_is, &k);
    uint64_t left = src->count;
    if (e)
        take_from(&e->count, &left);
}

/* The entry before it is of the same kind, or of another one. */
static void leave_kind(struct stats *s, const struct failure *f, struct failure *before)
{
    struct failure_kind *kind = f->kind;
    if (kind->last == f)
        kind->last = before;
    if (--kind->texts)
        return;
    struct key k = {{text_of(kind->method), text_of(kind->name), text_of(kind->text)}};
    map_remove(&s->index->kinds, key_hash(&k, 3), kind);
    kind_free(kind);
    s->kind_count--;
}

static void prune_failures(struct stats *s)
{
    struct failure *before = NULL;
    for (struct failure **at = &s->failures, *f; (f = *at);) {
        if (f->count) {
            before = f;
            at = &f->next;
            continue;
        }
        leave_kind(s, f, before);
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

static struct tally *row_for(struct stats *dst, const struct tally *t)
{
    const uint32_t last = dst->last_row;
    struct tally *row = stats_row(dst, t->method, strlen(t->method), t->name, strlen(t->name));
    if (dst->last_row == last)
        return row;
    row->number = t->number;
    dst->last_row = t->number > last ? t->number : last;
    return row;
}

static void merge_row(struct stats *dst, struct tally *row, const struct tally *t)
{
    tally_merge(row, t);
    if (row->is_overflow && !t->is_overflow)
        dst->overflow = sat_add(dst->overflow, t->requests);
}

static void merge_rest(struct stats *dst, const struct stats *src)
{
    tally_merge(&dst->total, &src->total);
    for (const struct failure *f = src->failures; f; f = f->next)
        stats_note_failure(dst, f);
    for (const struct exception *e = src->exceptions; e; e = e->next)
        stats_note_exception(dst, e);
    dst->overflow = sat_add(dst->overflow, src->overflow);
}

void stats_merge(struct stats *dst, const struct stats *src)
{
    for (const struct tally *t = src->rows; t; t = t->next)
        merge_row(dst, row_for(dst, t), t);
    merge_rest(dst, src);
}

void stats_move(struct stats *dst, struct stats *src, double now)
{
    for (struct tally *t = src->rows; t; t = t->next) {
        if (!t->moved_to)
            t->moved_to = row_for(dst, t);
        if (tally_is_empty(t))
            continue;
        merge_row(dst, t->moved_to, t);
        tally_zero(t);
    }
    merge_rest(dst, src);
    restart(src, now);
    stats_forget_exceptions(src);
}
