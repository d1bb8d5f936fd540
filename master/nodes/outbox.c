// SPDX-License-Identifier: MIT
/* outbox: messages to workers and to the host. A node whose queue is full, or that is not connected
 * just now, gets nothing: what must not be lost is sent again by whoever owns the duty (spawn by
 * is_changed, stop by the next second). */
#include "common/base/sbuf.h"
#include "master/core.h"
#include <math.h>

#define ORDER_APART_S 1e-5 /* what a double of unix time can tell apart */

bool post_bytes(struct master *m, const char *node, struct sbuf *bytes)
{
    enum link_rc rc = link_send(m->link, node, bytes->data, bytes->len);
    sbuf_fini(bytes);
    inbox_soon(m); /* the link may hold messages its descriptor tells once */
    return rc == LINK_OK;
}

bool post_plain(struct master *m, const char *type, const char *node)
{
    struct sbuf out = {0};
    proto_plain(&out, type, node);
    return post_bytes(m, node, &out);
}

bool post_spawn(struct master *m, struct dispatch_worker *to)
{
    /* Steady time is set anew with a run, and may be earlier then. */
    m->order_time = fmax(master_now().unix_time, m->order_time + ORDER_APART_S);
    struct spawn_order order = {
        .timestamp = m->order_time,
        .sequence = ++m->order_number,
        .host = m->machine.load.host,
        .stop_timeout_s = m->o->stop_timeout_s,
        .run_id = m->machine.run.id,
        .class_count = dispatch_class_count(m->machine.dispatch),
        .names = dispatch_class_names(m->machine.dispatch),
        .counts = to->counts,
        .options = {m->host.script.options, m->host.script.options_len},
    };
    struct sbuf out = {0};
    proto_spawn(&out, to->id, &order);
    return post_bytes(m, to->id, &out);
}

void post_changed(struct master *m)
{
    for (size_t i = 0; i < dispatch_worker_count(m->machine.dispatch); i++) {
        struct dispatch_worker *w = dispatch_worker(m->machine.dispatch, i);
        if (w->is_changed)
            w->is_changed = !post_spawn(m, w);
    }
}
