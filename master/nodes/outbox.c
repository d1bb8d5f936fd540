// SPDX-License-Identifier: MIT
/* outbox: messages to workers and to the host. A node whose queue is full, or that is not connected
 * just now, gets nothing: what must not be lost is sent again by whoever owns the duty (spawn by
 * is_changed, stop by the next second). */
#include "common/base/sbuf.h"
#include "master/nodes/nodes.h"
#include <math.h>
#include <string.h>

#define ORDER_APART_S 1e-5 /* what a double of unix time can tell apart */

bool outbox_bytes(struct nodes *n, const char *node, struct sbuf *bytes)
{
    const bool is_taken = n->above.send(n->above.arg, node, bytes->data, bytes->len);
    sbuf_fini(bytes);
    return is_taken;
}

bool outbox_plain(struct nodes *n, const char *type, const char *node)
{
    struct sbuf out = {0};
    proto_plain(&out, type, node);
    return outbox_bytes(n, node, &out);
}

static bool send_spawn(struct nodes *n, struct dispatch_worker *to)
{
    /* Steady time is set anew with a run, and may be earlier then. */
    n->order_time = fmax(nodes_now(n).unix_time, n->order_time + ORDER_APART_S);
    struct spawn_order order = {
        .timestamp = n->order_time,
        .sequence = ++n->order_number,
        .host = n->machine->load.host,
        .stop_timeout_s = n->o->stop_timeout_s,
        .run_id = n->machine->run.id,
        .class_count = dispatch_class_count(n->machine->dispatch),
        .names = dispatch_class_names(n->machine->dispatch),
        .counts = to->counts,
        .series_tags = n->series_tags,
        .labels = n->labels,
        .goodputs = n->goodputs,
        .seed = (int64_t)n->o->seed,
        .http2 = n->o->http2,
        .discards_bodies = n->o->discard_response_bodies,
        .counts_iterations = n->counts_iterations,
        .has_k6_times = n->has_k6_times,
        .scenarios = n->scenarios,
        .journals = n->journals,
        .options = {n->host.script.options, n->host.script.options_len},
    };
    struct sbuf out = {0};
    proto_spawn(&out, to->id, &order);
    return outbox_bytes(n, to->id, &out);
}

/* Before its first order of the run, each of our workers has what setup gave: one after the other
 * on the link, so it is there before any user. The host has it already. */
static bool send_setup(struct nodes *n, const char *node)
{
    const struct setup *s = &n->host.setup;
    struct worker *w = roster_find(&n->machine->roster, node);
    if (!s->len || s->run != n->machine->run.number || !w || !w->is_katydid ||
        w->set_up == s->run || !strcmp(node, n->host.node_id))
        return true;
    struct sbuf out = {0};
    proto_setup(&out, node, (struct slice){s->data, s->len});
    const bool is_taken = outbox_bytes(n, node, &out);
    w->set_up = is_taken ? s->run : 0;
    return is_taken;
}

static bool send_order(struct nodes *n, struct dispatch_worker *to)
{
    struct worker *w = roster_find(&n->machine->roster, to->id);
    if (!send_setup(n, to->id) || !send_spawn(n, to))
        return false;
    if (w) {
        w->has_load = to->load > 0 || n->scenarios;
        w->order.sent = n->order_number;
        w->order.at = nodes_now(n).mono;
    }
    return true;
}

void outbox_changed(struct nodes *n)
{
    for (size_t i = 0; i < dispatch_worker_count(n->machine->dispatch); i++) {
        struct dispatch_worker *w = dispatch_worker(n->machine->dispatch, i);
        if (w->is_changed)
            w->is_changed = !send_order(n, w);
    }
}
