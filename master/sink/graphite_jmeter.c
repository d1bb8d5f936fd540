// SPDX-License-Identifier: MIT
#include "master/sink/graphite_jmeter.h"
#include "common/base/sat.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

struct jmeter {
    struct sbuf *out;
    struct sbuf base; /* PREFIX.CONTEXT. */
    int64_t at;
};

static void add_whole(struct jmeter *j, const char *what, uint64_t value)
{
    sbuf_addf(j->out, "%s%s %" PRIu64 " %" PRId64 "\n", j->base.data, what, value, j->at);
}

static void add_ms(struct jmeter *j, const char *kind, const char *what, double ms)
{
    sbuf_addf(j->out, "%s%s.%s %.10g %" PRId64 "\n", j->base.data, kind, what, ms, j->at);
}

static double ms_of(const struct hist *h, double share)
{
    return (double)hist_quantile_us(h, share) / 1000;
}

static void add_sum(void *arg, uint64_t mid_us, uint64_t n)
{
    *(double *)arg += (double)mid_us * (double)n;
}

/* As JMeter has them; nothing where nothing has a time. */
static void add_times(struct jmeter *j, const char *kind, const struct hist *h)
{
    static const struct {
        const char *what;
        double share;
    } of[] = {{"min", 0}, {"max", 1}, {"pct90", 0.9}, {"pct95", 0.95}, {"pct99", 0.99}};
    double sum_us = 0;
    if (h->count == 0)
        return;
    hist_each(h, add_sum, &sum_us);
    add_ms(j, kind, "avg", sum_us / 1000 / (double)h->count);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        add_ms(j, kind, of[i].what, ms_of(h, of[i].share));
}

static void add_tally(struct jmeter *j, const struct tally *t, const struct tally *old)
{
    static const struct tally nothing;
    const struct tally *was = old ? old : &nothing;
    const uint64_t requests = sat_sub(t->requests, was->requests);
    const uint64_t failures = sat_sub(t->failures, was->failures);
    if (requests == 0)
        return;
    struct hist all = hist_since(&t->hist, &was->hist), bad = hist_since(t->failed, was->failed);
    struct hist good = hist_since(&all, &bad);
    add_whole(j, "ok.count", sat_sub(requests, failures));
    add_whole(j, "ko.count", failures);
    add_whole(j, "a.count", requests);
    add_whole(j, "h.count", requests);
    add_whole(j, "sb.bytes", sat_sub(t->extra.sent_bytes, was->extra.sent_bytes));
    add_whole(j, "rb.bytes", sat_sub(t->extra.received_bytes, was->extra.received_bytes));
    add_times(j, "ok", &good);
    add_times(j, "ko", &bad);
    add_times(j, "a", &all);
    hist_fini(&all);
    hist_fini(&bad);
    hist_fini(&good);
}

/* JMeter's own signs; and none that would end the path or the line. */
static void add_node(struct sbuf *out, const char *text)
{
    for (; *text; text++)
        sbuf_addc(out, *text == '.'                                          ? '_'
                       : (unsigned char)*text <= ' ' || strchr("\\;", *text) ? '-'
                                                                             : *text);
}

static void begin(struct jmeter *j, const char *prefix, const char *method, const char *name)
{
    sbuf_clear(&j->base);
    sbuf_addf(&j->base, "%s.", prefix);
    add_node(&j->base, method);
    sbuf_adds(&j->base, *method ? "-" : "");
    add_node(&j->base, name);
    sbuf_addc(&j->base, '.');
}

void graphite_add_jmeter(struct sbuf *out, const char *prefix, const struct moment *m, size_t names,
                         int64_t at)
{
    struct jmeter j = {.out = out, .at = at};
    const struct stats *now = &m->s->stats, *before = m->since ? &m->since->stats : NULL;
    const struct tally *old = before ? before->rows : NULL;
    const unsigned users = m->s->view->users;
    size_t place = 0;
    begin(&j, prefix, "", "all");
    add_tally(&j, &now->total, before ? &before->total : NULL);
    for (const struct tally *t = now->rows; t && place < names; t = t->next, place++) {
        while (old && old->number < t->number)
            old = old->next;
        begin(&j, prefix, t->method, t->name);
        add_tally(&j, t, old && old->number == t->number ? old : NULL);
    }
    begin(&j, prefix, "", "test");
    add_whole(&j, "minAT", users);
    add_whole(&j, "maxAT", users);
    add_whole(&j, "meanAT", users);
    sbuf_fini(&j.base);
}
