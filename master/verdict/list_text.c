// SPDX-License-Identifier: MIT
/* list_text: the list itself, texts that come into it, and the words for what is wrong. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"
#include "master/verdict/list_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void threshold_list_fini(struct threshold_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        threshold_fini(&l->items[i]);
    free(l->items);
    *l = (struct threshold_list){0};
}

/* Takes t. */
static void add(struct threshold_list *l, const struct threshold *t)
{
    l->items = mem_realloc(l->items, (l->count + 1) * sizeof *l->items);
    l->items[l->count++] = *t;
}

void threshold_list_add_all(struct threshold_list *dst, const struct threshold_list *src)
{
    for (size_t i = 0; i < src->count; i++) {
        struct threshold copy;
        threshold_copy(&copy, &src->items[i]);
        add(dst, &copy);
    }
}

/* ---- what is wrong ---- */

int list_fail(char **why, const char *source, const char *what, const struct threshold_error *e)
{
    struct sbuf text = {0};
    sbuf_adds(&text, source);
    if (what)
        sbuf_addf(&text, ": %s", what);
    if (e->column > 0)
        sbuf_addf(&text, ": column %zu", e->column);
    sbuf_addf(&text, ": %s", e->text);
    *why = sbuf_take(&text);
    return -1;
}

static int fail_in(char **why, const char *source, const char *text,
                   const struct threshold_error *e)
{
    struct sbuf what = {0};
    sbuf_addf(&what, "'%.200s'", text);
    list_fail(why, source, what.data, e);
    sbuf_fini(&what);
    return -1;
}

int list_fail_words(char **why, const char *source, const char *what, const char *words)
{
    struct threshold_error e = {0};
    snprintf(e.text, sizeof e.text, "%s", words);
    return list_fail(why, source, what, &e);
}

/* ---- texts ---- */

int list_take(struct threshold_list *l, struct threshold *t, const char *source, char **why)
{
    if (l->count >= THRESHOLDS_MAX) {
        threshold_fini(t);
        return list_fail_words(why, source, NULL, "there are more than 1000 thresholds");
    }
    t->source = mem_strdup(source);
    add(l, t);
    return 0;
}

int threshold_list_text(struct threshold_list *l, const char *text, const char *source, char **why)
{
    struct threshold t;
    struct threshold_error e = {0};
    if (threshold_parse(text, &t, &e) != 0)
        return fail_in(why, source, text, &e);
    return list_take(l, &t, source, why);
}

int list_add_k6(struct threshold_list *l, const char *key, const char *expression,
                const char *source, char **why)
{
    struct threshold t;
    struct threshold_error e = {0};
    bool is_key = false;
    if (threshold_parse_k6(key, expression, &t, &e, &is_key) != 0)
        return fail_in(why, source, is_key ? key : expression, &e);
    return list_take(l, &t, source, why);
}
