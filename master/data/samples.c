// SPDX-License-Identifier: MIT
/* Samples hang under their kind: one of failures (failure_kind.h), or a row's slow requests. Kinds
 * are found by a hash, and stand in a list by when they were last fed, so that what is given up is
 * what nobody adds to any more. The hash index knows no removal; it is made anew when kinds go,
 * which is rare: they go a quarter of all at a time. */
#include "master/data/samples.h"

#include "common/base/handle.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/metric/failure_kind.h"
#include "master/proto/proto_in.h"

#include <stdlib.h>
#include <string.h>

struct sample {
    double time_ms;
    size_t len;
    char *json; /* owned */
};

struct key {
    const char *method, *name, *text; /* text "": slow ones of the row */
};

struct kind {
    char *method, *name, *text;
    bool is_failure;
    struct sample list[SAMPLES_PER_ROW];
    size_t count;
    struct kind *next, *prev; /* next was fed later */
};

#define SAMPLES_TAG 0x73616d70u /* "samp" */

struct samples {
    uint32_t tag;
    struct map kinds;
    struct kind *oldest, *newest;
    size_t bytes, max_bytes;
};

struct samples *samples_new(size_t max_bytes)
{
    struct samples *s = mem_zalloc(sizeof *s);
    HANDLE_MADE(s, SAMPLES_TAG);
    s->max_bytes = max_bytes;
    return s;
}

size_t samples_bytes(const struct samples *s)
{
    HANDLE_IS(s, SAMPLES_TAG);
    return s->bytes;
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static bool is_kind(const void *value, const void *key)
{
    const struct kind *k = value;
    const struct key *want = key;
    return k->is_failure == (want->text != NULL) && !strcmp(k->name, want->name) &&
           !strcmp(k->method, want->method) && (!want->text || !strcmp(k->text, want->text));
}

static uint64_t hash_of(const struct key *key)
{
    uint64_t h = map_hash(key->text != NULL, key->method, strlen(key->method) + 1);
    h = map_hash(h, key->name, strlen(key->name) + 1);
    return key->text ? map_hash(h, key->text, strlen(key->text)) : h;
}

static struct kind *find(const struct samples *s, const struct key *key)
{
    return map_find(&s->kinds, hash_of(key), is_kind, key);
}

static size_t kind_bytes(const struct kind *k)
{
    return sizeof *k + strlen(k->method) + strlen(k->name) + strlen(k->text);
}

static void unlink_kind(struct samples *s, struct kind *k)
{
    *(k->prev ? &k->prev->next : &s->oldest) = k->next;
    *(k->next ? &k->next->prev : &s->newest) = k->prev;
    k->next = k->prev = NULL;
}

static void link_newest(struct samples *s, struct kind *k)
{
    k->prev = s->newest;
    *(s->newest ? &s->newest->next : &s->oldest) = k;
    s->newest = k;
}

static struct kind *kind_new(struct samples *s, const struct key *key)
{
    struct kind *k = mem_zalloc(sizeof *k);
    k->method = mem_strdup(key->method);
    k->name = mem_strdup(key->name);
    k->text = mem_strdup(key->text ? key->text : "");
    k->is_failure = key->text != NULL;
    map_add(&s->kinds, hash_of(key), k);
    s->bytes += kind_bytes(k);
    return k;
}

static void drop(struct samples *s, struct kind *k, size_t i)
{
    s->bytes -= k->list[i].len;
    free(k->list[i].json);
    memmove(&k->list[i], &k->list[i + 1], (--k->count - i) * sizeof *k->list);
}

static void kind_free(struct samples *s, struct kind *k)
{
    unlink_kind(s, k);
    s->bytes -= kind_bytes(k);
    while (k->count)
        drop(s, k, k->count - 1);
    free(k->method);
    free(k->name);
    free(k->text);
    free(k);
}

void samples_clear(struct samples *s)
{
    HANDLE_IS(s, SAMPLES_TAG);
    while (s->oldest)
        kind_free(s, s->oldest);
    map_clear(&s->kinds);
}

void samples_free(struct samples *s)
{
    if (!s)
        return;
    HANDLE_IS(s, SAMPLES_TAG);
    samples_clear(s);
    map_fini(&s->kinds);
    HANDLE_ENDS(s);
    free(s);
}

static void make_room(struct samples *s)
{
    if (s->bytes <= s->max_bytes)
        return;
    while (s->oldest != s->newest && s->bytes > s->max_bytes / 4 * 3)
        kind_free(s, s->oldest);
    map_clear(&s->kinds);
    for (struct kind *k = s->oldest; k; k = k->next) {
        const struct key key = {k->method, k->name, k->is_failure ? k->text : NULL};
        map_add(&s->kinds, hash_of(&key), k);
    }
}

/* ---- samples -------------------------------------------------------------------------------- */

/* Where it belongs: failures the newest first, slow ones the slowest first. */
static size_t place_of(const struct kind *k, const struct sample *one)
{
    size_t at = 0;
    while (!k->is_failure && at < k->count && k->list[at].time_ms >= one->time_ms)
        at++;
    return at;
}

static struct sample make(const char *worker, struct sample_in *in)
{
    struct sbuf *json = &in->json;
    json->data[--json->len] = 0; /* its closing brace */
    sbuf_adds(json, ",\"worker\":");
    sbuf_add_json(json, worker, strlen(worker));
    sbuf_addc(json, '}');
    const size_t len = json->len; /* what grew by doubling may be twice as long */
    return (struct sample){in->time_ms, len, mem_realloc(sbuf_take(json), len + 1)};
}

/* The kind of a failure's text, NULL of NULL; the caller ends it. */
static const char *fold(const char *text, struct sbuf *out)
{
    if (!text)
        return NULL;
    failure_kind_add(out, text);
    return out->len ? out->data : "";
}

void samples_add(struct samples *s, const char *worker, struct sample_in *in)
{
    HANDLE_IS(s, SAMPLES_TAG);
    struct sbuf kind = {0};
    const struct key key = {in->method, in->name, fold(in->is_failed ? in->error : NULL, &kind)};
    struct kind *k = find(s, &key);
    if (k)
        unlink_kind(s, k);
    else
        k = kind_new(s, &key);
    sbuf_fini(&kind);
    link_newest(s, k);
    const size_t max = k->is_failure ? SAMPLES_PER_FAILURE : SAMPLES_PER_ROW;
    const struct sample one = make(worker, in);
    size_t at = place_of(k, &one);
    if (at == max) {
        free(one.json);
        return;
    }
    if (k->count == max)
        drop(s, k, max - 1);
    memmove(&k->list[at + 1], &k->list[at], (k->count++ - at) * sizeof *k->list);
    k->list[at] = one;
    s->bytes += one.len;
    make_room(s);
}

static void write_one(const struct sample *one, bool has_more, struct sbuf *out)
{
    sbuf_adds(out, has_more ? "," : "");
    sbuf_add(out, one->json, one->len);
}

static void write_list(const struct kind *k, struct sbuf *out)
{
    sbuf_addc(out, '[');
    for (size_t i = 0; k && i < k->count; i++)
        write_one(&k->list[i], i > 0, out);
    sbuf_addc(out, ']');
}

void samples_write(const struct samples *s, const char *method, const char *name, const char *text,
                   struct sbuf *out)
{
    HANDLE_IS(s, SAMPLES_TAG);
    struct sbuf kind = {0};
    sbuf_adds(out, "{\"samples\":");
    write_list(find(s, &(struct key){method, name, fold(text, &kind)}), out);
    sbuf_fini(&kind);
    sbuf_adds(out, "}\n");
}

/* As the worker writes it: "check failed: NAME", and then what was raised, behind a colon. */
static bool is_of_check(const struct kind *k, const char *words)
{
    const size_t len = strlen(words);
    return k->is_failure && strncmp(k->text, words, len) == 0 &&
           (k->text[len] == '\0' || k->text[len] == ':');
}

void samples_write_check(const struct samples *s, const char *check, struct sbuf *out)
{
    HANDLE_IS(s, SAMPLES_TAG);
    struct sbuf text = {0}, words = {0};
    size_t count = 0;
    sbuf_addf(&text, "check failed: %s", check);
    const char *folded = fold(text.data, &words);
    sbuf_adds(out, "{\"samples\":[");
    for (const struct kind *k = s->newest; k; k = k->prev)
        for (size_t i = 0; i < k->count && count < SAMPLES_PER_FAILURE && is_of_check(k, folded);
             i++)
            write_one(&k->list[i], count++ > 0, out);
    sbuf_adds(out, "]}\n");
    sbuf_fini(&text);
    sbuf_fini(&words);
}

static void write_kind(const struct kind *k, struct sbuf *out)
{
    sbuf_addc(out, '[');
    sbuf_add_json(out, k->method, strlen(k->method));
    sbuf_addc(out, ',');
    sbuf_add_json(out, k->name, strlen(k->name));
    sbuf_addc(out, ',');
    if (k->is_failure)
        sbuf_add_json(out, k->text, strlen(k->text));
    else
        sbuf_adds(out, "null");
    sbuf_addc(out, ',');
    write_list(k, out);
    sbuf_addc(out, ']');
}

void samples_write_all(const struct samples *s, size_t max_bytes, struct sbuf *out)
{
    HANDLE_IS(s, SAMPLES_TAG);
    size_t left_out = 0;
    const char *comma = "";
    struct sbuf one = {0};
    const size_t start = out->len;
    sbuf_adds(out, "{\"kinds\":[");
    for (const struct kind *k = s->newest; k; k = k->prev) {
        one.len = 0;
        write_kind(k, &one);
        if (out->len - start + one.len > max_bytes) {
            left_out++;
            continue;
        }
        sbuf_adds(out, comma);
        sbuf_add(out, one.data, one.len);
        comma = ",";
    }
    sbuf_fini(&one);
    sbuf_addf(out, "],\"left_out\":%zu}", left_out);
}

size_t samples_count(const struct samples *s, const char *method, const char *name,
                     const char *text)
{
    HANDLE_IS(s, SAMPLES_TAG);
    const struct kind *k = find(s, &(struct key){method, name, text});
    return k ? k->count : 0;
}
