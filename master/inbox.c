// SPDX-License-Identifier: MIT
/* inbox: takes messages off the link and hands each to the file whose business it is. Messages of
 * nodes that are none of ours, and malformed ones, are dropped and counted; the log hears of it
 * once in ten seconds. */
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include "master/core.h"
#include <string.h>

#define MESSAGES_PER_TURN 500 /* then timers and the page get their turn */
#define MAX_NODE_ID 255

/* The host reads the locustfile and what it imports: questions go there, answers come back with
 * the asker's name. Before the host is there nobody answers; who asks does so again. */
static void pass_locustfile(struct master *m, const char *from, const struct message *msg)
{
    const struct host *h = &m->host;
    char asker[MAX_NODE_ID + 1] = "";
    struct sbuf out = {0};
    if (!strcmp(from, h->node_id)) {
        if (msg->node.len < sizeof asker)
            memcpy(asker, msg->node.data, msg->node.len);
        proto_relay(&out, msg->type, msg->data, asker);
        post_bytes(m, asker, &out);
    } else if (h->is_alive && h->has_script) {
        proto_relay(&out, msg->type, msg->data, from);
        post_bytes(m, h->node_id, &out);
    }
}

static void stray(struct master *m)
{
    m->trouble.stray++;
}

/* Our own script host and the user's workers speak freely: what we do not know is theirs. */
static void relay(struct master *m, const char *from, const struct message *msg)
{
    bool is_from_host = !strcmp(from, m->host.node_id);
    char to[MAX_NODE_ID + 1] = "";
    if (msg->node.len < sizeof to && is_from_host)
        memcpy(to, msg->node.data, msg->node.len);
    bool is_to_all = is_from_host && (!to[0] || !strcmp(to, m->host.node_id));
    for (size_t i = 0; is_from_host && i < m->roster.count; i++) {
        const struct worker *w = m->roster.workers[i];
        struct sbuf out = {0};
        if (!w->has_joined || w->state == WORKER_GONE || (!is_to_all && strcmp(w->id, to) != 0))
            continue;
        proto_relay(&out, msg->type, msg->data, w->id);
        post_bytes(m, w->id, &out);
    }
    if (!is_from_host && !m->is_local && m->host.is_alive) {
        struct sbuf out = {0};
        proto_relay(&out, msg->type, msg->data, from);
        post_bytes(m, m->host.node_id, &out);
    }
}

static void set_users(struct master *m, struct worker *w, const struct users_report *u)
{
    roster_set_users(&m->roster, w, u->classes, u->count);
    conduct_counts_changed(m);
}

static void on_stats(struct master *m, struct worker *w, const struct message *msg)
{
    if (msg->stats.users.classes && worker_is_active(w))
        set_users(m, w, &msg->stats.users);
    ingest_report(m, w, msg);
    struct sbuf data = {0};
    if (m->is_local || !m->host.script.hears_reports)
        return;
    proto_public_stats(&data, msg->data);
    script_tell(m, "worker_report",
                &(struct event_args){.client_id = w->id, .data = {data.data, data.len}});
    sbuf_fini(&data);
}

struct sample_taker {
    struct master *m;
    const char *worker;
};

static void take_sample(void *arg, struct sample_in *in)
{
    const struct sample_taker *t = arg;
    samples_add(t->m->samples, t->worker, in);
}

static void take_samples(struct master *m, const struct worker *w, const struct message *msg)
{
    struct sample_taker taker = {m, w->id};
    if (!proto_samples(msg->data, m->run.id, take_sample, &taker))
        m->trouble.broken++;
}

struct line_taker {
    struct master *m;
    const char *source;
    double now;
};

static void take_line(void *arg, const struct line_in *line)
{
    const struct line_taker *t = arg;
    logs_add(t->m->logs, t->now, t->source, line->at, line->level, line->logger, line->text);
}

void inbox_take_lines(struct master *m, const char *source, const struct message *msg)
{
    uint64_t dropped;
    struct line_taker taker = {m, source, master_now().unix_time};
    if (!proto_lines(msg->data, &dropped, take_line, &taker))
        m->trouble.broken++;
    logs_add_dropped(m->logs, dropped);
}

static void from_worker(struct master *m, struct worker *w, const struct message *msg)
{
    switch (msg->kind) {
    case MESSAGE_STATS:
        on_stats(m, w, msg);
        break;
    case MESSAGE_SPAWNING:
        hands_spawning(m, w);
        break;
    case MESSAGE_SPAWNING_COMPLETE:
        if (worker_is_active(w)) {
            w->state = WORKER_RUNNING;
            set_users(m, w, &msg->spawned);
        }
        break;
    case MESSAGE_EXCEPTION:
        ingest_exception(m, w, &msg->exception);
        break;
    case MESSAGE_CLIENT_STOPPED:
        hands_stopped(m, w);
        break;
    case MESSAGE_QUIT:
        hands_quit(m, w);
        break;
    case MESSAGE_CALL:
        if (msg->call.method != CALL_START)
            script_on_call(m, &msg->call);
        break;
    case MESSAGE_CUSTOM:
        relay(m, w->id, msg);
        break;
    case MESSAGE_LOGS:
        if (logbook_take(m->logbook, w->id, &msg->data, w->is_katydid ? NULL : m->logs) != 0)
            m->trouble.broken++;
        break;
    case MESSAGE_SAMPLES:
        take_samples(m, w, msg);
        break;
    case MESSAGE_LINES:
        inbox_take_lines(m, w->id, msg);
        break;
    case MESSAGE_CLIENT_READY:
    case MESSAGE_HEARTBEAT:
    case MESSAGE_LOCUSTFILE:
    case MESSAGE_SCRIPT:
    case MESSAGE_TICKED:
    case MESSAGE_DONE:
    case MESSAGE_ANSWER:
    case MESSAGE_WEB:
    case MESSAGE_WANT:
        stray(m);
        break;
    }
}

static bool is_for_host(enum message_kind kind)
{
    return kind == MESSAGE_SCRIPT || kind == MESSAGE_CALL || kind == MESSAGE_TICKED ||
           kind == MESSAGE_DONE || kind == MESSAGE_WANT || kind == MESSAGE_WEB ||
           kind == MESSAGE_ANSWER;
}

static void handle(struct master *m, const char *node, struct message *msg)
{
    bool is_host = !strcmp(node, m->host.node_id);
    if (msg->kind == MESSAGE_LOCUSTFILE) {
        pass_locustfile(m, node, msg);
        return;
    }
    if (is_host && (is_for_host(msg->kind) || !m->is_local)) {
        if (msg->kind == MESSAGE_CUSTOM)
            relay(m, node, msg);
        else if (msg->kind == MESSAGE_HEARTBEAT)
            post_plain(m, "heartbeat", node);
        else
            script_on_message(m, msg);
        return;
    }
    if (msg->kind == MESSAGE_CLIENT_READY) {
        hands_ready(m, node, &msg->ready);
    } else if (msg->kind == MESSAGE_HEARTBEAT) {
        hands_heartbeat(m, node, &msg->heartbeat);
    } else {
        struct worker *w = roster_find(&m->roster, node);
        if (w && w->has_joined && w->state != WORKER_GONE)
            from_worker(m, w, msg);
        else
            stray(m);
    }
}

/* An identity is printed, shown on the page and packed as text: it must be one. */
static bool is_node_id(const char *id)
{
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f)
            return false;
    return len > 0 && len <= MAX_NODE_ID && utf8_valid_prefix(id, len) == len;
}

void inbox_drain(struct master *m)
{
    struct link_message raw;
    struct message msg;
    for (unsigned n = 0; n < MESSAGES_PER_TURN; n++) {
        if (link_recv(m->link, &raw) != LINK_OK)
            return;
        if (raw.node && is_node_id(raw.node) && proto_parse(raw.bytes, raw.len, &msg) == PROTO_OK) {
            handle(m, raw.node, &msg);
            message_fini(&msg);
        } else {
            m->trouble.broken++;
        }
        link_message_free(&raw);
    }
    event_active(m->drain, EV_TIMEOUT, 0);
}
