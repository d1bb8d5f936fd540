// SPDX-License-Identifier: MIT
/* spans: see the header. */
#include "master/app/spans.h"
#include "common/base/mem.h"
#include "common/base/sat.h"
#include "common/base/sbuf.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"
#include "master/proto/proto_out.h"
#include "master/sink/otlp_traces.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_USUAL 0.01

int spans_note(struct master *m, bool has_tasks, void *output_self)
{
    struct spans *s = &m->spans;
    if (s->count == SPANS_OUTPUTS) {
        fprintf(stderr, "%s: error: --out: there are more than %d outputs of traces\n",
                options_program(), SPANS_OUTPUTS);
        return EXIT_USAGE;
    }
    s->outputs[s->count++] = output_self;
    s->has_tasks |= has_tasks;
    return 0;
}

static void forget(struct spans *s)
{
    for (size_t i = 0; i < s->known_count; i++)
        free(s->known[i].worker);
    s->known_count = 0;
}

void spans_begin(struct master *m)
{
    const double share = m->o->trace;
    const bool has_outputs = m->spans.count > 0;
    m->nodes.journals.trace = (struct trace_order){.is_on = share >= 0 || has_outputs,
                                                   .share = share >= 0 ? share : SHARE_USUAL,
                                                   .has_spans = has_outputs,
                                                   .has_tasks = m->spans.has_tasks};
    forget(&m->spans);
}

static struct spans_of *find(struct spans *s, const char *worker)
{
    for (size_t i = 0; i < s->known_count; i++)
        if (!strcmp(s->known[i].worker, worker))
            return &s->known[i];
    if (s->known_count == s->known_cap) {
        s->known_cap = s->known_cap * 2 + 8;
        s->known = mem_realloc(s->known, s->known_cap * sizeof *s->known);
    }
    s->known[s->known_count] = (struct spans_of){.worker = mem_strdup(worker)};
    return &s->known[s->known_count++];
}

/* Whether it is a piece that was not there yet. */
static bool is_new(struct spans_of *of, const struct message_spans *s)
{
    if (strcmp(of->sender, s->sender) != 0) { /* the process is another one */
        snprintf(of->sender, sizeof of->sender, "%s", s->sender);
        of->number = of->dropped = 0;
    }
    const bool is = s->number > of->number;
    if (is)
        of->number = s->number;
    return is;
}

static void pass_on(struct master *m, const struct worker *w, const struct message_spans *s)
{
    struct spans_of *of = find(&m->spans, w->id);
    if (!is_new(of, s))
        return;
    if (!traces_check(s->spans.data, s->spans.len, s->count)) {
        m->record.trouble.broken++;
        return;
    }
    const uint64_t lost = sat_sub(s->dropped, of->dropped);
    of->dropped += lost;
    for (size_t i = 0; i < m->spans.count; i++)
        traces_add(m->spans.outputs[i], w->id, s->spans.data, s->spans.len, s->count, lost);
}

void spans_came(struct master *m, const struct worker *w, const struct message_spans *s)
{
    struct sbuf answer = {0};
    if (m->outputs && !strcmp(s->run, m->machine.run.id))
        pass_on(m, w, s);
    proto_spans_heard(&answer, w->id, s->number);
    outbox_bytes(&m->nodes, w->id, &answer);
}

void spans_fini(struct master *m)
{
    forget(&m->spans);
    free(m->spans.known);
    m->spans = (struct spans){0};
}
