// SPDX-License-Identifier: MIT
#include "worker/journal/journal_place.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MOST 20000 /* names that are made for each request are without end */

void journal_pack(struct sbuf *texts, const char *text, size_t len)
{
    const uint16_t n =
        (uint16_t)(len <= JOURNAL_TEXT_MOST ? len : utf8_cut(text, len, JOURNAL_TEXT_MOST));
    sbuf_add(texts, &n, sizeof n);
    sbuf_add(texts, text, n);
}

struct journal_text texts_next(const char **at, const char *end)
{
    uint16_t n;
    if ((size_t)(end - *at) < sizeof n)
        return (struct journal_text){"", 0};
    memcpy(&n, *at, sizeof n);
    const struct journal_text text = {*at + sizeof n, n};
    *at += sizeof n + n;
    return text;
}

/* ---- of who records ------------------------------------------------------------------------- */

static bool has_texts(const void *value, const void *key)
{
    const struct journal_place *p = value;
    const struct sbuf *texts = key;
    return p->len == texts->len && memcmp(p->texts, texts->data, p->len) == 0;
}

static struct journal_place *make(const struct sbuf *texts, uint32_t number)
{
    struct journal_place *p = mem_zalloc(sizeof *p + texts->len);
    p->number = number;
    p->len = texts->len;
    memcpy(p->texts, texts->data, texts->len);
    return p;
}

struct journal_place *places_get(struct journal_places *all, const struct sbuf *texts, bool *is_new)
{
    const uint64_t hash = map_hash(0, texts->data, texts->len);
    struct journal_place *p = map_find(&all->by_texts, hash, has_texts, texts);
    *is_new = !p;
    if (p)
        return p;
    if (all->count == PLACES_MOST) {
        free(all->odd);
        return all->odd = make(texts, PLACE_NO_NUMBER);
    }
    p = make(texts, ++all->count);
    map_add(&all->by_texts, hash, p);
    return p;
}

void places_fini(struct journal_places *all)
{
    for (size_t i = 0; i < all->by_texts.cap; i++)
        free(all->by_texts.slots[i].value);
    map_fini(&all->by_texts);
    free(all->odd);
}

/* ---- of who writes -------------------------------------------------------------------------- */

void seen_read(struct journal_seen *s, const char *texts, size_t len)
{
    seen_fini(s);
    s->texts = mem_dup(texts, len);
    const char *at = s->texts, *end = at + len;
    for (int i = 0; i < JOURNAL_PARTS; i++)
        s->part[i] = texts_next(&at, end);
    while (at < end && s->tag_count < JOURNAL_TAGS_MOST) {
        s->key[s->tag_count] = texts_next(&at, end);
        s->value[s->tag_count++] = texts_next(&at, end);
    }
}

void seen_fini(struct journal_seen *s)
{
    free(s->texts);
    sbuf_fini(&s->ready);
    *s = (struct journal_seen){0};
}

void seen_metric_read(struct journal_seen_metric *m, const char *texts, size_t len)
{
    seen_metric_fini(m);
    m->texts = mem_dup(texts, len);
    const char *type = m->texts + strlen(m->texts) + 1;
    m->metric = (struct journal_metric){m->texts, type, type + strlen(type) + 1};
}

void seen_metric_fini(struct journal_seen_metric *m)
{
    free(m->texts);
    sbuf_fini(&m->before);
    *m = (struct journal_seen_metric){.texts = NULL};
}
