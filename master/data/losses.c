// SPDX-License-Identifier: MIT
/* See losses.h. */
#include "master/data/losses.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void losses_clear(struct losses *l)
{
    while (l->first) {
        struct loss *next = l->first->next;
        free(l->first->worker);
        free(l->first);
        l->first = next;
    }
    *l = (struct losses){0};
}

struct loss *losses_add(struct losses *l, const char *worker, double since, double at,
                        double bound_s)
{
    if (l->count == LOSSES_MAX) {
        l->left_out++;
        return NULL;
    }
    struct loss *new = mem_zalloc(sizeof *new);
    *new = (struct loss){
        .worker = worker ? mem_strdup(worker) : NULL, .since = since, .at = at, .bound_s = bound_s};
    *(l->end ? l->end : &l->first) = new;
    l->end = &new->next;
    l->count++;
    return new;
}

static bool is_of(const struct loss *i, const char *worker)
{
    return worker && i->worker ? !strcmp(worker, i->worker) : !worker && !i->worker;
}

struct loss *losses_back(struct losses *l, const char *worker, double at)
{
    struct loss *found = NULL;
    for (struct loss *i = l->first; i; i = i->next)
        if (is_of(i, worker) && i->back_at <= 0)
            found = i;
    if (found)
        found->back_at = at;
    return found;
}

struct loss *losses_settle(struct losses *l, const char *worker)
{
    struct loss *found = NULL;
    for (struct loss *i = l->first; i; i = i->next)
        if (is_of(i, worker) && !i->is_settled && (!worker || i->back_at > 0)) {
            i->is_settled = true;
            found = i;
        }
    return found;
}

double losses_end(const struct loss *loss)
{
    return loss->worker && loss->back_at > 0 ? loss->back_at : loss->at;
}

bool losses_misses(const struct losses *l, const char *worker)
{
    for (const struct loss *i = l->first; i; i = i->next)
        if (!i->is_settled && i->worker && strcmp(i->worker, worker) == 0)
            return true;
    return false;
}

static void add_time(struct sbuf *out, double unix_time)
{
    char text[16];
    struct tm parts;
    time_t seconds = (time_t)unix_time;
    strftime(text, sizeof text, "%H:%M:%S", localtime_r(&seconds, &parts));
    sbuf_adds(out, text);
}

static void add_span(struct sbuf *out, const char *what, double from, double to)
{
    sbuf_addf(out, "%s from ", what);
    add_time(out, from);
    sbuf_adds(out, " to ");
    add_time(out, to);
    sbuf_addf(out, " (%.0f s)", fmax(to - from, 0));
}

static void write_master(const struct loss *i, bool is_final, struct sbuf *out)
{
    add_span(out, "The master stood still", i->since, i->at);
    sbuf_adds(out,
              i->has_held ? ": workers hold their users back while it does not answer. " : ". ");
    if (i->is_unknown)
        sbuf_adds(out, "Whether stock workers lost something meanwhile cannot be known.");
    else if (i->is_settled)
        sbuf_adds(out, "Everything that was measured meanwhile has arrived.");
    else if (is_final)
        sbuf_adds(out, "Not all that was measured meanwhile has arrived: it is missing above.");
    else
        sbuf_adds(out, "What was measured meanwhile is still to come.");
}

/* What the worker had not reported when it was last heard. */
static void write_missing(const struct loss *i, bool is_final, struct sbuf *out)
{
    sbuf_adds(out, ": what it had not reported since ");
    add_time(out, i->since);
    if (i->back_at > 0 && !is_final) {
        sbuf_adds(out, " is still to come.");
        return;
    }
    if (i->bound_s > 0)
        sbuf_addf(out, ", at most %.0f s of requests,", i->bound_s);
    sbuf_adds(out, is_final ? " is missing above." : " is missing.");
}

void losses_write(const struct loss *i, bool is_final, struct sbuf *out)
{
    if (!i->worker) {
        write_master(i, is_final, out);
        return;
    }
    sbuf_addf(out, "Worker %s ", i->worker);
    if (i->is_unstopped) {
        sbuf_adds(out, "had not stopped at ");
        add_time(out, i->at);
    } else if (i->back_at > 0) {
        add_span(out, "is back: it was not heard", i->since, i->back_at);
    } else {
        sbuf_adds(out, "was lost at ");
        add_time(out, i->at);
    }
    if (i->is_settled)
        sbuf_adds(out, ". Everything that it measured has arrived.");
    else
        write_missing(i, is_final, out);
}
