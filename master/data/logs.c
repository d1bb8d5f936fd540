// SPDX-License-Identifier: MIT
/* A ring of lines. A line that is repeated gets a new number and moves to the end, so that who
 * reads "since N" sees it again with its count and never twice with the same. */
#include "master/data/logs.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct line {
    uint64_t seq;
    double at;
    char *level, *source, *logger, *text;
    uint64_t repeat;
    struct line *next, *prev;
};

struct source {
    char *name;
    double tokens, filled_at;
    struct line *newest; /* or NULL */
};

#define LOGS_TAG 0x6c6f6773u /* "logs" */

struct logs {
    uint32_t tag;
    pthread_mutex_t lock;
    struct line *first, *last;
    size_t count, bytes;
    uint64_t seq, dropped, errors;
    struct source *sources;
    size_t source_count;
};

struct logs *logs_new(void)
{
    struct logs *l = mem_zalloc(sizeof *l);
    HANDLE_MADE(l, LOGS_TAG);
    pthread_mutex_init(&l->lock, NULL);
    l->sources = mem_zalloc(LOGS_SOURCES * sizeof *l->sources);
    return l;
}

static void detach(struct logs *l, struct line *line)
{
    *(line->prev ? &line->prev->next : &l->first) = line->next;
    *(line->next ? &line->next->prev : &l->last) = line->prev;
    line->next = line->prev = NULL;
    l->count--;
}

static void attach(struct logs *l, struct line *line)
{
    line->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = line;
    l->last = line;
    line->seq = ++l->seq;
    l->count++;
}

static void line_free(struct line *line)
{
    free(line->level);
    free(line->source);
    free(line->logger);
    free(line->text);
    free(line);
}

static size_t line_bytes(const struct line *line)
{
    return sizeof *line + strlen(line->level) + strlen(line->source) + strlen(line->logger) +
           strlen(line->text) + 4;
}

static void forget_oldest(struct logs *l)
{
    struct line *line = l->first;
    for (size_t i = 0; i < l->source_count; i++)
        if (l->sources[i].newest == line)
            l->sources[i].newest = NULL;
    detach(l, line);
    l->bytes -= line_bytes(line);
    line_free(line);
}

void logs_free(struct logs *l)
{
    if (!l)
        return;
    HANDLE_IS(l, LOGS_TAG);
    while (l->first)
        forget_oldest(l);
    for (size_t i = 0; i < l->source_count; i++)
        free(l->sources[i].name);
    free(l->sources);
    pthread_mutex_destroy(&l->lock);
    HANDLE_ENDS(l);
    free(l);
}

/* Sources beyond the limit share the last one's rate. */
static struct source *source_of(struct logs *l, const char *name, double now)
{
    for (size_t i = 0; i < l->source_count; i++)
        if (!strcmp(l->sources[i].name, name))
            return &l->sources[i];
    if (l->source_count == LOGS_SOURCES)
        return &l->sources[LOGS_SOURCES - 1];
    struct source *s = &l->sources[l->source_count++];
    *s = (struct source){mem_strdup(name), LOGS_BURST, now, NULL};
    return s;
}

static bool may_log(struct source *s, double now)
{
    if (now > s->filled_at) {
        s->tokens += (now - s->filled_at) * LOGS_RATE;
        s->filled_at = now;
    }
    if (s->tokens > LOGS_BURST)
        s->tokens = LOGS_BURST;
    if (s->tokens < 1)
        return false;
    s->tokens -= 1;
    return true;
}

/* Whether that is what was kept of the text. */
static bool is_kept(const char *kept, const char *text, size_t most)
{
    const size_t len = utf8_cut(text, strlen(text), most);
    return strlen(kept) == len && memcmp(kept, text, len) == 0;
}

static bool is_same(const struct line *a, const char *source, const char *level, const char *logger,
                    const char *text)
{
    return a && is_kept(a->text, text, LOGS_TEXT_MAX) && is_kept(a->level, level, LOGS_LEVEL_MAX) &&
           is_kept(a->logger, logger, LOGS_LOGGER_MAX) && !strcmp(a->source, source);
}

static char *bounded(const char *text, size_t most)
{
    return mem_dup(text, utf8_cut(text, strlen(text), most));
}

static void add(struct logs *l, double now, const char *source, double at, const char *level,
                const char *logger, const char *text)
{
    struct source *s = source_of(l, source, now);
    if (is_same(s->newest, source, level, logger, text)) {
        detach(l, s->newest);
        s->newest->repeat++;
        s->newest->at = at;
        attach(l, s->newest);
        return;
    }
    if (!may_log(s, now)) {
        l->dropped++;
        return;
    }
    if (l->count == LOGS_LINES)
        forget_oldest(l);
    struct line *line = mem_zalloc(sizeof *line);
    *line = (struct line){.at = at,
                          .level = bounded(level, LOGS_LEVEL_MAX),
                          .source = mem_strdup(source),
                          .logger = bounded(logger, LOGS_LOGGER_MAX),
                          .text = bounded(text, LOGS_TEXT_MAX),
                          .repeat = 1};
    l->bytes += line_bytes(line);
    attach(l, line);
    s->newest = line;
}

void logs_add(struct logs *l, double now, const char *source, double at, const char *level,
              const char *logger, const char *text)
{
    HANDLE_IS(l, LOGS_TAG);
    pthread_mutex_lock(&l->lock);
    l->errors += !strcmp(level, "ERROR") || !strcmp(level, "CRITICAL");
    add(l, now, source, at, level, logger, text);
    pthread_mutex_unlock(&l->lock);
}

void logs_add_dropped(struct logs *l, uint64_t count)
{
    HANDLE_IS(l, LOGS_TAG);
    pthread_mutex_lock(&l->lock);
    l->dropped += count;
    pthread_mutex_unlock(&l->lock);
}

/* "[time] host/LEVEL/logger: text" */
void logs_add_line(struct logs *l, double now, const char *source, const char *line)
{
    HANDLE_IS(l, LOGS_TAG);
    const char *host = strstr(line, "] ");
    const char *level = host ? strchr(host + 2, '/') : NULL;
    const char *logger = level ? strchr(level + 1, '/') : NULL;
    const char *text = logger ? strstr(logger + 1, ": ") : NULL;
    if (!text) {
        logs_add(l, now, source, now, "INFO", "", line);
        return;
    }
    char *level_name = mem_dup(level + 1, (size_t)(logger - level - 1));
    char *logger_name = mem_dup(logger + 1, (size_t)(text - logger - 1));
    logs_add(l, now, source, now, level_name, logger_name, text + 2);
    free(level_name);
    free(logger_name);
}

uint64_t logs_errors(struct logs *l)
{
    HANDLE_IS(l, LOGS_TAG);
    pthread_mutex_lock(&l->lock);
    uint64_t errors = l->errors;
    pthread_mutex_unlock(&l->lock);
    return errors;
}

size_t logs_bytes(struct logs *l)
{
    HANDLE_IS(l, LOGS_TAG);
    pthread_mutex_lock(&l->lock);
    size_t bytes = l->bytes;
    pthread_mutex_unlock(&l->lock);
    return bytes;
}

uint64_t logs_seq(struct logs *l)
{
    HANDLE_IS(l, LOGS_TAG);
    pthread_mutex_lock(&l->lock);
    uint64_t seq = l->seq;
    pthread_mutex_unlock(&l->lock);
    return seq;
}

static void write_line(const struct line *line, struct sbuf *out)
{
    sbuf_addf(out, "[%llu,%.3f,", (unsigned long long)line->seq, line->at);
    const char *texts[] = {line->level, line->source, line->logger, line->text};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sbuf_add_json(out, texts[i], strlen(texts[i]));
        sbuf_addc(out, ',');
    }
    sbuf_addf(out, "%llu]", (unsigned long long)line->repeat);
}

void logs_write(struct logs *l, uint64_t since, size_t limit, size_t max_bytes, struct sbuf *out)
{
    HANDLE_IS(l, LOGS_TAG);
    pthread_mutex_lock(&l->lock);
    const struct line *from = NULL;
    size_t count = 0, bytes = 0;
    for (const struct line *at = l->last; at && at->seq > since && count < limit; at = at->prev) {
        bytes += strlen(at->text);
        if (bytes > max_bytes)
            break;
        from = at;
        count++;
    }
    sbuf_addf(out, "{\"seq\":%llu,\"first\":%llu,\"dropped\":%llu,\"lines\":[",
              (unsigned long long)l->seq, (unsigned long long)(l->first ? l->first->seq : 0),
              (unsigned long long)l->dropped);
    for (const struct line *at = from; at; at = at->next) {
        if (at != from)
            sbuf_addc(out, ',');
        write_line(at, out);
    }
    pthread_mutex_unlock(&l->lock);
    sbuf_adds(out, "]}\n");
}
