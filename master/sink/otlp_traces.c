// SPDX-License-Identifier: MIT
/* Spans come on the main thread, in pieces of a worker each, and wait in a list of bounded size for
 * the output's next tick, which makes pushes of them; from there on the courier keeps and counts
 * them. Workers wrote them as they are sent, so nothing of them is read here. */
#include "master/sink/otlp_traces.h"
#include "common/base/mem.h"
#include "common/base/protobuf.h"
#include "master/sink/otlp_link.h"
#include <pthread.h>
#include <stdlib.h>

#define WAITING_BYTES (32u << 20)
#define PUSH_BYTES (1u << 20) /* before packing; gRPC's receivers take 4 MB as a rule */
#define SPANS_KEY (2 << 3 | PB_BYTES)

struct piece {
    struct piece *next;
    char *worker;
    uint64_t count;
    struct sbuf spans;
};

struct traces {
    struct sink_spec *spec;
    struct otlp_link *link;
    pthread_mutex_t lock; /* of all below */
    struct piece *first, *last;
    size_t bytes;
    uint64_t lost;
};

bool traces_are(const struct sink_kind *kind)
{
    return kind == &sink_otlp_traces;
}

bool traces_check(const void *spans, size_t len, uint64_t count)
{
    const unsigned char *p = spans, *end = p + len;
    uint64_t key, size, seen = 0;
    for (; p < end; seen++) {
        if (!varint_read(&p, end, &key) || key != SPANS_KEY || !varint_read(&p, end, &size) ||
            size > (uint64_t)(end - p))
            return false;
        p += size;
    }
    return seen == count;
}

static void piece_free(struct piece *p)
{
    sbuf_fini(&p->spans);
    free(p->worker);
    free(p);
}

void traces_add(void *output_self, const char *worker, const void *spans, size_t len,
                uint64_t count, uint64_t lost)
{
    struct traces *t = courier_self(output_self);
    pthread_mutex_lock(&t->lock);
    t->lost += lost;
    if (t->bytes + len > WAITING_BYTES) {
        t->lost += count;
    } else if (count) {
        struct piece *p = mem_zalloc(sizeof *p);
        p->worker = mem_strdup(worker);
        p->count = count;
        sbuf_add(&p->spans, spans, len);
        if (t->last)
            t->last->next = p;
        else
            t->first = p;
        t->last = p;
        t->bytes += len;
    }
    pthread_mutex_unlock(&t->lock);
}

/* ---- as a courier's kind ----------------------------------------------------------------- */

static bool has_more(void *self)
{
    struct traces *t = self;
    pthread_mutex_lock(&t->lock);
    const bool has = t->first || t->lost;
    pthread_mutex_unlock(&t->lock);
    return has;
}

static void put_piece(const struct traces *t, const struct snapshot *s, const struct piece *p,
                      struct sbuf *b)
{
    const size_t resource_spans = pb_open(b, 1);
    otlp_put_resource(b, t->spec, s, p->worker);
    const size_t scope_spans = pb_open(b, 2);
    otlp_put_scope(b);
    sbuf_add(b, p->spans.data, p->spans.len);
    pb_close(b, scope_spans);
    pb_close(b, resource_spans);
}

static void pack(void *self, const struct moment *m, struct parcels *out)
{
    struct traces *t = self;
    pthread_mutex_lock(&t->lock);
    struct piece *all = t->first;
    out->lost = t->lost;
    out->why = "there was no room for them: fewer are sampled by a smaller --trace";
    t->first = t->last = NULL;
    t->bytes = 0;
    t->lost = 0;
    pthread_mutex_unlock(&t->lock);
    while (all) {
        struct parcel *parcel = parcels_add(out, 0);
        parcel->count = 0;
        while (all && parcel->body.len < PUSH_BYTES) {
            struct piece *p = all;
            all = p->next;
            put_piece(t, m->s, p, &parcel->body);
            parcel->count += p->count;
            piece_free(p);
        }
        otlp_link_seal(t->link, &parcel->body);
    }
}

static enum delivery deliver(void *self, const struct parcel *p, double timeout_s,
                             struct delivery_trouble *t)
{
    return otlp_link_deliver(((struct traces *)self)->link, p, timeout_s, t);
}

static int reach(void *self, double timeout_s, struct sbuf *why)
{
    return otlp_link_reach(((struct traces *)self)->link, timeout_s, why);
}

static void close_it(void *self)
{
    struct traces *t = self;
    while (t->first) {
        struct piece *p = t->first;
        t->first = p->next;
        piece_free(p);
    }
    pthread_mutex_destroy(&t->lock);
    otlp_link_free(t->link);
    free(t);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    static const struct courier_kind kind = {pack, deliver, reach, close_it};
    struct otlp_link *link = otlp_link_new(spec, OTLP_TRACES, why);
    if (!link) {
        sink_spec_free(spec);
        return -1;
    }
    struct traces *t = mem_zalloc(sizeof *t);
    t->spec = spec;
    t->link = link;
    pthread_mutex_init(&t->lock, NULL);
    *out = courier_output(&kind, t, spec);
    courier_packs_more(out->self, "spans", has_more);
    return 0;
}

static const struct sink_key KEYS[] = {
    {"tasks", SINK_FLAG, NULL, NULL,
     "a span for each execution of a task, above those of its requests; sampled as one"},
    OTLP_KEYS,
    SINK_PUSH_KEYS("1s")};

const struct sink_kind sink_otlp_traces = {
    .name = "otlp-traces",
    .summary = "spans of the requests that are sampled (--trace), likewise",
    .target = "http://HOST:4318, of gRPC http://HOST:4317",
    .keys = KEYS,
    .key_count = sizeof KEYS / sizeof KEYS[0],
    .make = make,
};
