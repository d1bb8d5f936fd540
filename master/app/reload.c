// SPDX-License-Identifier: MIT
/* reload: the locustfile is loaded anew, and what if that fails at the last moment.
 *
 * The host's process begins again in its own place (so that ports and files that the old
 * locustfile holds are free for the new one); when it has introduced the new file the workers
 * follow. If it ends instead, or takes too long, the master stays, with all figures, and says why:
 * no test can be started until loading succeeds, by the page's button or because the file was
 * changed. Workers keep the file they have until then. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOAD_TIMEOUT_S 90
#define WHY_MAX 300 /* bytes of the reason that are told in a sentence */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x100000001b3u;
}

/* Another number when one of the files that -f names was written to. */
static uint64_t look_at_files(const struct master *m)
{
    char *names = mem_strdup(m->o->locustfile ? m->o->locustfile : ""), *rest = names;
    uint64_t hash = 0xcbf29ce484222325u;
    for (char *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
        struct stat st;
        name += strspn(name, " ");
        if (stat(name, &st) != 0)
            continue;
        hash = mix(hash, (uint64_t)st.st_ino);
        hash = mix(hash, (uint64_t)st.st_size);
        hash = mix(hash, (uint64_t)st.st_mtim.tv_sec);
        hash = mix(hash, (uint64_t)st.st_mtim.tv_nsec);
    }
    free(names);
    return hash;
}

static void forget(struct reload *a)
{
    free(a->why);
    free(a->whole);
    a->why = a->whole = NULL;
    a->is_late = false;
}

void reload_fini(struct master *m)
{
    forget(&m->reload);
    free(m->reload.file);
}

/* From now on as if -f had named it. */
void reload_choose(struct master *m, const char *file)
{
    char *chosen = mem_strdup(file);
    m->live.locustfile = chosen;
    free(m->reload.file);
    m->reload.file = chosen;
    free(m->options_json);
    m->options_json = options_json(m->o);
}

/* With the file that was chosen: the process knows the one that it was started with. */
static void tell_to_restart(struct master *m, const char *node)
{
    static const char type[] = "katydid_reload";
    struct sbuf data = {0}, out = {0};
    if (!m->reload.file) {
        outbox_plain(&m->nodes, type, node);
        return;
    }
    proto_pack_text(&data, m->reload.file);
    proto_relay(&out, (struct slice){type, strlen(type)}, (struct slice){data.data, data.len},
                node);
    outbox_bytes(&m->nodes, node, &out);
    sbuf_fini(&data);
}

static void restart_process(struct master *m, struct worker *w)
{
    tell_to_restart(m, w->id);
    registry_forget_token(w);
}

void reload_begin(struct master *m)
{
    struct host *h = &m->nodes.host;
    struct worker *local = roster_find(&m->machine.roster, h->node_id);
    forget(&m->reload);
    m->reload.is_on = true;
    h->has_script = false;
    m->reload.until = master_now().mono + LOAD_TIMEOUT_S;
    m->reload.files = look_at_files(m);
    script_forget_events(&m->nodes); /* nobody is left to answer them */
    children_may_speak(&m->nodes.children, false);
    children_forget_refusal(&m->nodes.children);
    log_info(LOGGER, "The locustfile is loaded anew");
    if (!h->is_alive)
        processes_start_host(m);
    else if (local)
        restart_process(m, local);
    else
        tell_to_restart(m, h->node_id);
    publish_view(m);
}

/* Those that are gone are started again: what ended them was perhaps the old file. */
static void follow(struct master *m)
{
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        struct worker *w = m->machine.roster.workers[i];
        if (!w->is_katydid || !worker_is_active(w) || !strcmp(w->id, m->nodes.host.node_id))
            continue;
        restart_process(m, w);
        w->is_reloading = true;
        if (children_has(&m->nodes.children, w->id)) /* should it end, we are told */
            w->liveness = LOAD_TIMEOUT_S;
    }
    processes_start_missing(m);
}

void reload_script_came(struct master *m)
{
    struct reload *a = &m->reload;
    if (!a->is_on)
        return; /* it came for the first time */
    a->is_on = false;
    log_info(LOGGER, "The locustfile was loaded anew");
    follow(m);
    publish_view(m);
}

/* How it ended, when it did not say itself what is wrong. */
static void describe_end(const struct reload *a, int exit_code, int signal_number, struct sbuf *out)
{
    if (a->is_late)
        sbuf_addf(out, "it took longer than %d s", LOAD_TIMEOUT_S);
    else if (signal_number)
        sbuf_addf(out, "its process was ended by signal %d", signal_number);
    else
        sbuf_addf(out, "its process ended with exit code %d", exit_code);
}

/* The first line of what the process left says it in short. */
static void explain(struct master *m, int exit_code, int signal_number)
{
    struct reload *a = &m->reload;
    struct sbuf told = {0}, why = {0}, whole = {0};
    bool has_told = !a->is_late && children_refusal(&m->nodes.children, &told);
    size_t line = has_told ? strcspn(told.data, "\n") : 0;
    sbuf_adds(&why, "The locustfile could not be loaded anew: ");
    if (line > 0)
        sbuf_add(&why, told.data, line < WHY_MAX ? line : WHY_MAX);
    else
        describe_end(a, exit_code, signal_number, &why);
    sbuf_adds(&why, ". No test can be started until it is mended and loaded again");
    sbuf_addf(&whole, "%s.", why.data);
    if (line > 0 && told.data[line])
        sbuf_addf(&whole, "\n%s", told.data + line);
    a->why = sbuf_take(&why);
    a->whole = sbuf_take(&whole);
    sbuf_fini(&told);
}

void reload_failed(struct master *m, int exit_code, int signal_number)
{
    struct host *h = &m->nodes.host;
    if (!m->reload.is_on) /* it was only being checked */
        m->reload.files = look_at_files(m);
    m->reload.is_on = true;
    h->has_script = h->is_alive = false;
    explain(m, exit_code, signal_number);
    log_error(MAIN_LOGGER, "%s", m->reload.why);
    publish_view(m); /* before anybody gets the answer */
}

const char *reload_obstacle(const struct master *m)
{
    const struct host *h = &m->nodes.host;
    if (h->has_script)
        return NULL;
    return m->reload.why ? m->reload.why : "The locustfile is still being loaded.";
}

void reload_second(struct master *m)
{
    struct host *h = &m->nodes.host;
    if (m->machine.finish != FINISH_NOT || !m->reload.is_on)
        return;
    if (h->is_alive && !m->reload.is_late && master_now().mono > m->reload.until) {
        m->reload.is_late = true;
        children_signal_node(&m->nodes.children, h->node_id, SIGKILL);
    } else if (!h->is_alive && look_at_files(m) != m->reload.files) {
        reload_begin(m);
    }
}
