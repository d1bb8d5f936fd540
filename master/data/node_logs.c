// SPDX-License-Identifier: MIT
/* node_logs: see node_logs.h. */
#include "master/data/node_logs.h"

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/json_out.h"
#include "master/data/logs.h"
#include "master/proto/proto_in.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct lines { /* a ring, once there are NODE_LOGS_LINES; until then as large as what is in it */
    struct written {
        char *line;
        double mono; /* when it was written; the time in the line is the wall clock's */
    } * list;
    size_t first, count, cap;
};

struct writer {
    char *node;
    struct lines lines;
};

#define NODE_LOGS_TAG 0x6e6c6f67u /* "nlog" */

struct node_logs {
    uint32_t tag;
    pthread_mutex_t lock; /* of own */
    struct lines own;
    struct logs *logs; /* or NULL */
    struct writer **writers;
    size_t count;
};

static void lines_add(struct lines *l, double mono, const char *text, size_t len)
{
    size_t at = (l->first + l->count) % NODE_LOGS_LINES;
    if (l->count == NODE_LOGS_LINES) {
        free(l->list[at].line);
        l->first = (l->first + 1) % NODE_LOGS_LINES;
        l->count--;
    } else if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 8;
        l->list = mem_realloc(l->list, l->cap * sizeof *l->list);
    }
    l->list[at] =
        (struct written){mem_dup(text, len < NODE_LOGS_LINE_MAX ? len : NODE_LOGS_LINE_MAX), mono};
    l->count++;
}

static void lines_fini(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->list[(l->first + i) % NODE_LOGS_LINES].line);
    free(l->list);
    memset(l, 0, sizeof *l);
}

static const char *lines_get(const struct lines *l, size_t i)
{
    return l->list[(l->first + i) % NODE_LOGS_LINES].line;
}

struct node_logs *node_logs_new(struct logs *logs)
{
    struct node_logs *b = mem_zalloc(sizeof *b);
    HANDLE_MADE(b, NODE_LOGS_TAG);
    b->logs = logs;
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void node_logs_free(struct node_logs *b)
{
    if (!b)
        return;
    HANDLE_IS(b, NODE_LOGS_TAG);
    lines_fini(&b->own);
    for (size_t i = 0; i < b->count; i++) {
        lines_fini(&b->writers[i]->lines);
        free(b->writers[i]->node);
        free(b->writers[i]);
    }
    free(b->writers);
    pthread_mutex_destroy(&b->lock);
    HANDLE_ENDS(b);
    free(b);
}

static void on_line(void *arg, enum log_level level, const char *line)
{
    struct node_logs *b = arg;
    (void)level;
    pthread_mutex_lock(&b->lock);
    lines_add(&b->own, clk_now().mono, line, strlen(line));
    pthread_mutex_unlock(&b->lock);
    if (b->logs)
        logs_add_line(b->logs, clk_steady(), "master", line);
}

void node_logs_attach(struct node_logs *b)
{
    HANDLE_IS(b, NODE_LOGS_TAG);
    log_set_sink(on_line, b);
}

void node_logs_detach(void)
{
    log_set_sink(NULL, NULL);
}

static struct writer *find(const struct node_logs *b, const char *node)
{
    for (size_t i = 0; i < b->count; i++)
        if (!strcmp(b->writers[i]->node, node))
            return b->writers[i];
    return NULL;
}

static void forget_oldest(struct node_logs *b)
{
    lines_fini(&b->writers[0]->lines);
    free(b->writers[0]->node);
    free(b->writers[0]);
    memmove(b->writers, b->writers + 1, --b->count * sizeof *b->writers);
}

static struct writer *make(struct node_logs *b, const char *node)
{
    if (b->count == NODE_LOGS_WRITERS)
        forget_oldest(b);
    b->writers = mem_realloc(b->writers, (b->count + 1) * sizeof *b->writers);
    struct writer *w = mem_zalloc(sizeof *w);
    w->node = mem_strdup(node);
    return b->writers[b->count++] = w;
}

static void take_line(void *arg, double mono, const char *text, size_t len)
{
    lines_add(arg, mono, text, len);
}

/* How many lines at the start of now stood in before: a node sends its whole ring each time. */
static size_t count_known(const struct lines *before, const struct lines *now)
{
    if (!before->count)
        return 0;
    const char *last = lines_get(before, before->count - 1);
    for (size_t i = now->count; i > 0; i--)
        if (!strcmp(lines_get(now, i - 1), last))
            return i;
    return 0;
}

int node_logs_take(struct node_logs *b, const char *node, const struct slice *data, struct logs *to)
{
    HANDLE_IS(b, NODE_LOGS_TAG);
    struct writer *w = find(b, node);
    if (!w)
        w = make(b, node);
    struct lines before = w->lines;
    memset(&w->lines, 0, sizeof w->lines);
    int rc = proto_logs(*data, take_line, &w->lines) ? 0 : -1;
    size_t i = to ? count_known(&before, &w->lines) : w->lines.count;
    for (; i < w->lines.count; i++)
        logs_add_line(to, clk_steady(), node, lines_get(&w->lines, i));
    lines_fini(&before);
    return rc;
}

static double lines_mono(const struct lines *l, size_t i)
{
    return l->list[(l->first + i) % NODE_LOGS_LINES].mono;
}

static void write_merged(struct json_out *j, const struct lines *a, const struct lines *b)
{
    static const struct lines none = {.count = 0};
    size_t i = 0, k = 0;
    b = b ? b : &none;
    size_t skip = a->count + b->count > NODE_LOGS_LINES ? a->count + b->count - NODE_LOGS_LINES : 0;
    while (i < a->count || k < b->count) {
        bool is_a = k == b->count || (i < a->count && lines_mono(a, i) <= lines_mono(b, k));
        const char *line = is_a ? lines_get(a, i++) : lines_get(b, k++);
        if (skip > 0)
            skip--;
        else
            json_out_text(j, NULL, line);
    }
}

static int by_node(const void *a, const void *b)
{
    return strcmp((*(struct writer *const *)a)->node, (*(struct writer *const *)b)->node);
}

static void write_workers(struct json_out *j, const struct node_logs *b, const struct writer *host)
{
    struct writer **sorted = mem_zalloc((b->count + 1) * sizeof *sorted);
    mem_copy(sorted, b->writers, b->count * sizeof *sorted);
    qsort(sorted, b->count, sizeof *sorted, by_node);
    json_out_open(j, "workers", '{');
    for (size_t i = 0; i < b->count; i++) {
        if (sorted[i] == host)
            continue;
        json_out_open(j, sorted[i]->node, '[');
        for (size_t k = 0; k < sorted[i]->lines.count; k++)
            json_out_text(j, NULL, lines_get(&sorted[i]->lines, k));
        json_out_close(j, ']');
    }
    json_out_close(j, '}');
    free(sorted);
}

void node_logs_write(struct node_logs *b, const char *host, struct sbuf *out)
{
    HANDLE_IS(b, NODE_LOGS_TAG);
    struct json_out j;
    const struct writer *h = find(b, host);
    json_out_init(&j, out);
    json_out_open(&j, NULL, '{');
    json_out_open(&j, "master", '[');
    pthread_mutex_lock(&b->lock);
    write_merged(&j, &b->own, h ? &h->lines : NULL);
    pthread_mutex_unlock(&b->lock);
    json_out_close(&j, ']');
    write_workers(&j, b, h);
    json_out_close(&j, '}');
}
