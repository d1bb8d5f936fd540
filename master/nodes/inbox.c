// SPDX-License-Identifier: MIT
/* inbox: takes messages off the link and hands each to the file whose business it is. Messages of
 * nodes that are none of ours, and malformed ones, are dropped and counted; the log hears of it
 * once in ten seconds.
 *
 * In slices of time, so that timers, the page and signals have their turn however much there is to
 * read. A master that cannot keep up says so, and asks its workers for fewer and longer reports. */
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include "master/core.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COLLECT_S 0.01 /* of a turn: to take off the link */
#define HANDLE_S 0.02  /* to handle what waits */
#define CLOCK_EVERY 16 /* messages taken off between two looks at the clock */
#define FLUSH_S 1.0    /* for the last words of a process that ended */
#define PATIENCE_S 2.0 /* longer, and the master is behind */
#define REPORT_INTERVAL_MAX_S 10.0
#define BEHIND_NOTICE                                                                              \
    "The master cannot keep up with its workers: what you see is some seconds old. Nothing is "    \
    "lost."
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
    m->record.trouble.stray++;
}

/* Our own script host and the user's workers speak freely: what we do not know is theirs. */
static void relay(struct master *m, const char *from, const struct message *msg)
{
    bool is_from_host = !strcmp(from, m->host.node_id);
    char to[MAX_NODE_ID + 1] = "";
    if (msg->node.len < sizeof to && is_from_host)
        memcpy(to, msg->node.data, msg->node.len);
    bool is_to_all = is_from_host && (!to[0] || !strcmp(to, m->host.node_id));
    for (size_t i = 0; is_from_host && i < m->machine.roster.count; i++) {
        const struct worker *w = m->machine.roster.workers[i];
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

static void set_users(struct master *m, struct worker *w, const struct users_report *u,
                      bool is_running)
{
    roster_set_users(&m->machine.roster, w, u->classes, u->count);
    run_on(m,
           &(struct machine_event){.kind = ON_WORKER_USERS, .worker = w, .is_running = is_running});
}

static void acknowledge(struct master *m, const struct worker *w, const struct message_stats *s)
{
    struct sbuf ack = {0};
    proto_report_ack(&ack, w->id, s->epoch, s->seq, m->inbox.report_interval_s);
    post_bytes(m, w->id, &ack);
}

static void ask_names(struct master *m, const struct worker *w, const struct message_stats *s)
{
    struct sbuf question = {0};
    proto_report_nameless(&question, w->id, s->epoch, s->seq, m->inbox.report_interval_s);
    post_bytes(m, w->id, &question);
}

static void take_report(struct master *m, struct worker *w, const struct message *msg)
{
    if (msg->stats.is_katydid && record_needs_names(&m->record, w, &msg->stats)) {
        ask_names(m, w, &msg->stats);
        return;
    }
    const bool is_new = record_report(&m->record, w, msg, m->inbox.handled.steady);
    if (!msg->stats.is_katydid) {
        run_on(m, &(struct machine_event){.kind = ON_WORKER_REPORT, .worker = w});
        return;
    }
    if (is_new) {
        hands_watch_cpu(m, w);
        away_reported(m, w, msg->stats.sent_at);
    }
    acknowledge(m, w, &msg->stats);
}

static void on_stats(struct master *m, struct worker *w, const struct message *msg)
{
    if (msg->stats.users.classes && worker_is_active(w))
        set_users(m, w, &msg->stats.users, false);
    take_report(m, w, msg);
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
    samples_add(t->m->record.samples, t->worker, in);
}

static void take_samples(struct master *m, const struct worker *w, const struct message *msg)
{
    struct sample_taker taker = {m, w->id};
    if (!proto_samples(msg->data, m->machine.run.id, take_sample, &taker))
        m->record.trouble.broken++;
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
        m->record.trouble.broken++;
    logs_add_dropped(m->logs, dropped);
}

static bool ends_something(enum message_kind kind)
{
    return kind == MESSAGE_QUIT || kind == MESSAGE_CLIENT_STOPPED || kind == MESSAGE_CALL;
}

static void from_worker(struct master *m, struct worker *w, const struct message *msg)
{
    if (ends_something(msg->kind) && !hands_know(w, msg->token)) {
        stray(m);
        return;
    }
    switch (msg->kind) {
    case MESSAGE_STATS:
        on_stats(m, w, msg);
        break;
    case MESSAGE_SPAWNING:
        run_on(m, &(struct machine_event){.kind = ON_WORKER_SPAWNS, .worker = w});
        break;
    case MESSAGE_SPAWNING_COMPLETE:
        if (worker_is_active(w))
            set_users(m, w, &msg->spawned, true);
        break;
    case MESSAGE_EXCEPTION:
        record_exception(&m->record, w, &msg->exception, master_now().unix_time);
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
            m->record.trouble.broken++;
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
        hands_heartbeat(m, node, &msg->heartbeat, msg->token);
    } else {
        struct worker *w = roster_find(&m->machine.roster, node);
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

static void open_letter(struct master *m, const struct link_message *raw, struct clk_moment came)
{
    struct message msg;
    m->inbox.handled = came;
    if (raw->node && is_node_id(raw->node) && proto_parse(raw->bytes, raw->len, &msg) == PROTO_OK) {
        handle(m, raw->node, &msg);
        message_fini(&msg);
    } else {
        m->record.trouble.broken++;
    }
}

static bool is_type(const struct slice *type, const char *name)
{
    return type->len == strlen(name) && memcmp(type->data, name, type->len) == 0;
}

/* What may not wait behind the reports of all: signs of life, the host's answers, newcomers. Of one
 * worker everything else stays in order: "stopped" comes after the last report. */
static bool is_urgent(struct master *m, const struct link_message *raw)
{
    struct slice type;
    if (!raw->node || !proto_peek_type(raw->bytes, raw->len, &type))
        return true; /* nobody's: only counted */
    const struct worker *w = roster_find(&m->machine.roster, raw->node);
    if (!w || is_type(&type, "heartbeat"))
        return true;
    bool is_host = !strcmp(raw->node, m->host.node_id);
    return (is_host && !m->is_local) || (w->letters == 0 && !is_type(&type, "stats"));
}

/* Off the link, until it is empty or `until`. */
static void collect(struct master *m, double until)
{
    struct inbox *in = &m->inbox;
    struct link_message raw;
    struct clk_moment now = clk_now();
    if (!in->has_unread)
        in->unread_since = now.mono;
    in->has_unread = true;
    for (unsigned n = 1; !mail_is_full(&in->mail); n++) {
        if (link_recv(m->link, &raw) != LINK_OK) {
            in->has_unread = false;
            return;
        }
        if (is_urgent(m, &raw)) {
            open_letter(m, &raw, now);
            link_message_free(&raw);
        } else {
            roster_find(&m->machine.roster, raw.node)->letters++;
            mail_put(&in->mail, &raw, now);
        }
        if (n % CLOCK_EVERY == 0 && (now = clk_now()).mono >= until)
            return;
    }
}

static void open_mail(struct master *m, double until)
{
    struct letter *l;
    while ((l = mail_take(&m->inbox.mail)) != NULL) {
        struct worker *w = roster_find(&m->machine.roster, l->raw.node);
        if (w && w->letters > 0)
            w->letters--;
        open_letter(m, &l->raw, l->came);
        letter_free(l);
        if (clk_now().mono >= until)
            return;
    }
}

static bool is_empty(const struct inbox *in)
{
    return !in->has_unread && in->mail.count == 0;
}

/* Never by making the event active: libevent runs those before it looks at any timer, descriptor or
 * signal again, and while there is mail there would be nothing else. */
void inbox_soon(struct master *m)
{
    if (m->drain && !evtimer_pending(m->drain, NULL))
        event_add(m->drain, &(struct timeval){0, 0});
}

void inbox_drain(struct master *m)
{
    collect(m, clk_now().mono + COLLECT_S);
    open_mail(m, clk_now().mono + HANDLE_S);
    if (!is_empty(&m->inbox))
        inbox_soon(m);
}

void inbox_flush(struct master *m)
{
    const double until = clk_now().mono + FLUSH_S;
    do {
        collect(m, until);
        open_mail(m, until);
    } while (!is_empty(&m->inbox) && clk_now().mono < until);
    if (!is_empty(&m->inbox))
        inbox_soon(m);
}

double inbox_delay_s(const struct master *m)
{
    return m->inbox.waits_s + m->inbox.report_interval_s - 1;
}

bool inbox_is_behind(const struct master *m)
{
    return !is_empty(&m->inbox);
}

static void fall_behind(struct master *m, struct run_clock now)
{
    struct inbox *in = &m->inbox;
    in->is_behind = true;
    in->behind_since = now.mono;
    log_warning(LOGGER,
                "The master cannot keep up: reports of its workers wait for %.1f s. "
                "Nothing is lost; give it more processor time, or have fewer workers "
                "or request names",
                in->waits_s);
    events_add(m->record.events, now.unix_time, "master",
               "The master cannot keep up: figures come late, none is lost");
    snprintf(m->notice, sizeof m->notice, "%s", BEHIND_NOTICE);
}

static void catch_up(struct master *m, struct run_clock now)
{
    struct inbox *in = &m->inbox;
    const double seconds = now.mono - in->behind_since;
    in->is_behind = false;
    in->behind_s += seconds;
    log_info(LOGGER, "The master has caught up after %.0f s; figures came up to %.1f s late",
             seconds, in->longest_s);
    events_add(m->record.events, now.unix_time, "master", "The master has caught up after %.0f s",
               seconds);
    if (!strcmp(m->notice, BEHIND_NOTICE))
        m->notice[0] = 0;
}

/* Reports are made of rows, whatever time they cover: who has not time enough for all of them asks
 * for fewer, and for the usual number again when the mail is read. */
static void pace(struct inbox *in)
{
    if (in->waits_s > PATIENCE_S)
        in->report_interval_s = fmin(in->report_interval_s * 1.5, REPORT_INTERVAL_MAX_S);
    else if (in->waits_s < PATIENCE_S / 2)
        in->report_interval_s = fmax(in->report_interval_s * 0.9, 1);
}

void inbox_second(struct master *m)
{
    struct inbox *in = &m->inbox;
    const struct run_clock now = master_now();
    in->waits_s = mail_waits_s(&in->mail, now.mono);
    if (in->has_unread)
        in->waits_s = fmax(in->waits_s, now.mono - in->unread_since);
    in->longest_s = fmax(in->longest_s, in->waits_s);
    pace(in);
    if (!in->is_behind && in->waits_s > PATIENCE_S)
        fall_behind(m, now);
    else if (in->is_behind && in->waits_s < PATIENCE_S / 4)
        catch_up(m, now);
}

double inbox_behind_s(const struct master *m)
{
    const struct inbox *in = &m->inbox;
    return in->behind_s + (in->is_behind ? master_now().mono - in->behind_since : 0);
}

void inbox_begin_run(struct master *m)
{
    struct inbox *in = &m->inbox;
    in->behind_s = in->longest_s = 0;
    in->behind_since = master_now().mono;
}

void inbox_fini(struct master *m)
{
    mail_fini(&m->inbox.mail);
}
