// SPDX-License-Identifier: MIT
#include "master/web/groups.h"

#include "common/base/handle.h"
#include "common/base/map.h"
#include "common/base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct row_group {
    char *path;
    const char *method; /* NULL: several */
    unsigned rows;      /* that have anything in the range */
    struct tally sum;
};

#define GROUPS_TAG 0x67726f75u /* "grou" */

struct groups {
    uint32_t tag;            /* handle.h */
    struct row_group **list; /* in the order of the view's rows: by name */
    size_t count;
    struct map by_path;
    struct row_group **of_row; /* by the row's id; NULL: no such row */
    const char **methods;      /* likewise */
    uint32_t ids;              /* length of both */
};

/* "https://host" of "https://host/path" is not part of the path. */
static const char *path_of(const char *name)
{
    const char *at = name;
    while (isalpha((unsigned char)*at))
        at++;
    if (at == name || strncmp(at, "://", 3) != 0)
        return name;
    return at + 3 + strcspn(at + 3, "/?#");
}

void groups_add_prefix(struct sbuf *out, const char *name, uint32_t depth)
{
    const char *at = path_of(name), *end = at + strcspn(at, "?#");
    uint32_t parts = 0;
    for (at += strspn(at, "/"); at < end; at += strspn(at, "/")) {
        size_t len = strcspn(at, "/?#");
        if (parts++ == depth) {
            sbuf_adds(out, "/*");
            return;
        }
        sbuf_addc(out, '/');
        sbuf_add(out, at, len);
        at += len;
    }
    if (parts == 0)
        sbuf_addc(out, '/');
}

static bool has_path(const void *value, const void *key)
{
    return strcmp(((const struct row_group *)value)->path, key) == 0;
}

static struct row_group *group_of(struct groups *g, const char *path)
{
    uint64_t hash = map_hash(0, path, strlen(path));
    struct row_group *found = map_find(&g->by_path, hash, has_path, path);
    if (found != NULL)
        return found;
    found = mem_zalloc(sizeof *found);
    found->path = mem_strdup(path);
    tally_init(&found->sum, NULL, NULL);
    map_add(&g->by_path, hash, found);
    g->list[g->count++] = found;
    return found;
}

struct groups *groups_new(const struct view *v, uint32_t depth)
{
    struct groups *g = mem_zalloc(sizeof *g);
    HANDLE_MADE(g, GROUPS_TAG);
    struct sbuf path = {0};
    for (size_t i = 0; i < v->row_count; i++)
        if (v->rows[i].id >= g->ids)
            g->ids = v->rows[i].id + 1;
    g->list = mem_zalloc((v->row_count + 1) * sizeof(struct row_group *));
    g->of_row = mem_zalloc((g->ids + 1) * sizeof(struct row_group *));
    g->methods = mem_zalloc((g->ids + 1) * sizeof(const char *));
    for (size_t i = 0; i < v->row_count; i++) {
        path.len = 0;
        groups_add_prefix(&path, v->rows[i].name, depth);
        g->of_row[v->rows[i].id] = group_of(g, path.data);
        g->methods[v->rows[i].id] = v->rows[i].method;
    }
    sbuf_fini(&path);
    return g;
}

void groups_free(struct groups *g)
{
    if (g == NULL)
        return;
    HANDLE_IS(g, GROUPS_TAG);
    for (size_t i = 0; i < g->count; i++) {
        tally_fini(&g->list[i]->sum);
        free(g->list[i]->path);
        free(g->list[i]);
    }
    map_fini(&g->by_path);
    free(g->list);
    free(g->of_row);
    free(g->methods);
    HANDLE_ENDS(g);
    free(g);
}

void groups_merge(struct groups *g, uint32_t id, const struct tally *t)
{
    HANDLE_IS(g, GROUPS_TAG);
    struct row_group *to = id < g->ids ? g->of_row[id] : NULL;
    if (to == NULL)
        return;
    if (to->rows++ == 0)
        to->method = g->methods[id];
    else if (to->method != NULL && strcmp(to->method, g->methods[id]) != 0)
        to->method = NULL;
    tally_merge(&to->sum, t);
}

static const struct row_group *next_group(const struct groups *g, size_t *next)
{
    while (*next < g->count) {
        const struct row_group *at = g->list[(*next)++];
        if (at->rows > 0)
            return at;
    }
    return NULL;
}

const struct tally *groups_next(const struct groups *g, size_t *next)
{
    HANDLE_IS(g, GROUPS_TAG);
    const struct row_group *at = next_group(g, next);
    return at != NULL ? &at->sum : NULL;
}

void groups_write(const struct groups *g, struct sbuf *out)
{
    HANDLE_IS(g, GROUPS_TAG);
    size_t next = 0;
    const struct row_group *at;
    const char *before = "[";
    while ((at = next_group(g, &next)) != NULL) {
        const char *method = at->method != NULL ? at->method : "*";
        sbuf_addf(out, "%s[", before);
        sbuf_add_json(out, method, strlen(method));
        sbuf_addc(out, ',');
        sbuf_add_json(out, at->path, strlen(at->path));
        sbuf_addf(out, ",%u]", at->rows);
        before = ",";
    }
    sbuf_adds(out, *before == '[' ? "[]" : "]");
}
