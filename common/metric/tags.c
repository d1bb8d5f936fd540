// SPDX-License-Identifier: MIT
/* A set is found by the hash of its keys and values in order, each with its NUL, so that no two
 * different sets are the same bytes. */
#include "common/metric/tags.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SEED UINT64_C(0x7461677365747321)

static struct tags *set_new(uint32_t number, const struct tag *list, size_t count)
{
    struct tags *set = mem_zalloc(sizeof *set + count * sizeof *list);
    set->number = number;
    set->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        set->list[i] = (struct tag){mem_strdup(list[i].key), mem_strdup(list[i].value)};
    return set;
}

static void text_free(const char *text)
{
    free((char *)(uintptr_t)text);
}

static void set_free(struct tags *set)
{
    for (size_t i = 0; set && i < set->count; i++) {
        text_free(set->list[i].key);
        text_free(set->list[i].value);
    }
    free(set);
}

/* A list of tags that is sorted, each key once, no value empty. */
struct draft {
    struct tag list[TAGS_MOST];
    size_t count;
};

static uint64_t hash_of(const struct draft *d)
{
    uint64_t h = HASH_SEED;
    for (size_t i = 0; i < d->count; i++) {
        h = map_hash(h, d->list[i].key, strlen(d->list[i].key) + 1);
        h = map_hash(h, d->list[i].value, strlen(d->list[i].value) + 1);
    }
    return h;
}

static bool set_is(const void *value, const void *key)
{
    const struct tags *set = value;
    const struct draft *d = key;
    if (set->count != d->count)
        return false;
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(set->list[i].key, d->list[i].key) != 0 ||
            strcmp(set->list[i].value, d->list[i].value) != 0)
            return false;
    return true;
}

static const struct tags *intern(struct tags_table *t, const struct draft *d)
{
    const uint64_t hash = hash_of(d);
    if (!d->count)
        return t->none;
    const struct tags *known = map_find(&t->index, hash, set_is, d);
    if (known)
        return known;
    if (t->count >= t->most) {
        t->overflow++;
        return t->other;
    }
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 16;
        t->sets = mem_realloc(t->sets, t->cap * sizeof(struct tags *));
    }
    struct tags *set = set_new((uint32_t)t->count + 2, d->list, d->count);
    t->sets[t->count++] = set;
    map_add(&t->index, hash, set);
    return set;
}

void tags_init(struct tags_table *t, size_t most)
{
    *t = (struct tags_table){.most = most};
    t->other = set_new(0, NULL, 0);
    t->none = set_new(1, NULL, 0);
}

void tags_fini(struct tags_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        set_free(t->sets[i]);
    set_free(t->other);
    set_free(t->none);
    free(t->sets);
    map_fini(&t->index);
    *t = (struct tags_table){0};
}

bool tags_is_key(const char *key)
{
    size_t i = 0;
    for (; i <= TAG_KEY_MOST && key[i]; i++) {
        const unsigned char c = (unsigned char)key[i];
        if (c >= 0x80 || !(isalpha(c) || c == '_' || (i && isdigit(c))))
            return false;
    }
    return i && i <= TAG_KEY_MOST;
}

static size_t place_of(const struct draft *d, const char *key)
{
    size_t at = 0;
    while (at < d->count && strcmp(d->list[at].key, key) < 0)
        at++;
    return at;
}

static void take_out(struct draft *d, size_t at)
{
    d->count--;
    memmove(&d->list[at], &d->list[at + 1], (d->count - at) * sizeof *d->list);
}

static bool set_tag(struct draft *d, struct tag tag)
{
    const size_t at = place_of(d, tag.key);
    const bool is_there = at < d->count && strcmp(d->list[at].key, tag.key) == 0;
    if (is_there && !*tag.value)
        take_out(d, at);
    else if (is_there)
        d->list[at] = tag;
    if (is_there || !*tag.value)
        return true;
    if (d->count == TAGS_MOST)
        return false;
    memmove(&d->list[at + 1], &d->list[at], (d->count - at) * sizeof *d->list);
    d->list[at] = tag;
    d->count++;
    return true;
}

/* Cut values, which are few, are in `cut`: freed by who made the draft. */
static bool draft_add(struct draft *d, struct tag tag, char **cut)
{
    const size_t len = strlen(tag.value);
    if (!tags_is_key(tag.key) || utf8_valid_prefix(tag.value, len) < len)
        return false;
    if (len > TAG_VALUE_MOST)
        tag.value = *cut = mem_dup(tag.value, utf8_cut(tag.value, len, TAG_VALUE_MOST));
    return set_tag(d, tag);
}

const struct tags *tags_of(struct tags_table *t, const struct tag *list, size_t count)
{
    struct draft d = {.count = 0};
    char **cut = mem_zalloc((count + 1) * sizeof(char *));
    bool is_good = true;
    for (size_t i = 0; i < count && is_good; i++)
        is_good = draft_add(&d, list[i], &cut[i]);
    const struct tags *set = is_good ? intern(t, &d) : NULL;
    for (size_t i = 0; i < count; i++)
        free(cut[i]);
    free(cut);
    return set;
}

const struct tags *tags_with(struct tags_table *t, const struct tags *base, struct tag more)
{
    struct draft d = {.count = base->count};
    char *cut = NULL;
    if (base == t->other)
        return base;
    memcpy(d.list, base->list, base->count * sizeof *d.list);
    const struct tags *set = draft_add(&d, more, &cut) ? intern(t, &d) : NULL;
    free(cut);
    return set;
}

const char *tags_get(const struct tags *set, const char *key)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->list[i].key, key) == 0)
            return set->list[i].value;
    return NULL;
}

bool tags_have(const struct tags *set, const struct tags *of)
{
    for (size_t i = 0; i < of->count; i++) {
        const char *value = tags_get(set, of->list[i].key);
        if (!value || strcmp(value, of->list[i].value) != 0)
            return false;
    }
    return true;
}
