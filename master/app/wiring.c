// SPDX-License-Identifier: MIT
/* wiring: what the rooms below are given when they are made: time, chance, each other, and what is
 * done up here when something has come. */
#include "common/base/clk.h"
#include "common/base/secret.h"
#include "master/app/core.h"
#include <string.h>

static struct run_clock now(void *arg)
{
    (void)arg;
    return master_now();
}

static double wall(void *arg)
{
    (void)arg;
    return clk_wall();
}

static double boot(void *arg)
{
    (void)arg;
    return clk_boot();
}

static void random_bytes(void *arg, void *bytes, size_t len)
{
    (void)arg;
    secret_bytes(bytes, len);
}

static void on(void *arg, const struct machine_event *e)
{
    run_on(arg, e);
}

/* Never by making the event active: libevent runs those before it looks at any timer, descriptor or
 * signal again, and while there is mail there would be nothing else. */
static void soon(void *arg)
{
    struct master *m = arg;
    if (m->drain && !evtimer_pending(m->drain, NULL))
        event_add(m->drain, &(struct timeval){0, 0});
}

static struct link *link_to(const struct nodes *n, const char *node)
{
    return n->host.link && !strcmp(node, n->host.node_id) ? n->host.link : n->link;
}

static bool send_bytes(void *arg, const char *node, const void *bytes, size_t len)
{
    struct master *m = arg;
    const bool is_taken = link_send(link_to(&m->nodes, node), node, bytes, len) == LINK_OK;
    soon(m); /* the link may hold messages its descriptor tells once */
    return is_taken;
}

static void publish(void *arg)
{
    publish_view(arg);
}

static void settings(void *arg)
{
    settings_take(arg);
}

static void loaded(void *arg, bool is_script)
{
    if (is_script) {
        reload_script_came(arg);
        page_tell_host(arg);
    }
    questions_loaded_anew(arg);
}

static void answered(void *arg, struct message_answer *a)
{
    questions_answered(arg, a);
}

static bool html_report(void *arg, struct sbuf *html)
{
    return results_html_report(arg, html);
}

static void told(void *arg, const struct worker *w, const struct message_stats *s)
{
    if (s->scenario_count)
        plans_told(arg, w, s);
    receivers_told(arg, w, &s->journals);
}

static void asked(void *arg, const struct worker *w, const struct message_iterations *it)
{
    plans_asked(arg, w, it);
}

static void spans(void *arg, const struct worker *w, const struct message_spans *s)
{
    spans_came(arg, w, s);
}

void wiring_make(struct master *m)
{
    m->clock = (struct clock){now, wall, boot, random_bytes, m};
    m->record.run = &m->machine.run;
    m->record.roster = &m->machine.roster;
    m->record.tunables = &m->tunables;
    m->record.is_local = m->nodes.is_local;
    m->nodes.above = (struct nodes_above){.arg = m,
                                          .on = on,
                                          .send = send_bytes,
                                          .soon = soon,
                                          .publish = publish,
                                          .settings = settings,
                                          .loaded = loaded,
                                          .answered = answered,
                                          .html_report = html_report,
                                          .told = told,
                                          .asked = asked,
                                          .spans = spans};
    m->nodes.clock = &m->clock;
    m->nodes.o = m->o;
    m->nodes.machine = &m->machine;
    m->nodes.record = &m->record;
    m->nodes.tunables = &m->tunables;
    m->nodes.logs = m->logs;
    m->nodes.node_logs = m->node_logs;
    m->nodes.inbox.report_interval_s = 1;
}
