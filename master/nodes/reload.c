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
#include "master/core.h"

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

static void forget(struct anew *a)
{
    free(a->why);
    free(a->whole);
    a->why = a->whole = NULL;
    a->is_late = false;
}

void anew_fini(struct master *m)
{
    forget(&m->host.anew);
}

static void restart_process(struct master *m, struct worker *w)
{
    post_plain(m, "katydid_reload", w->id);
    w->token[0] = 0; /* only the process that ends knows it */
    w->has_shown = false;
}

void anew_begin(struct master *m)
{
    struct host *h = &m->host;
    struct worker *local = roster_find(&m->machine.roster, h->node_id);
    forget(&h->anew);
    h->anew.is_on = true;
    h->has_script = false;
    h->anew.until = master_now().mono + LOAD_TIMEOUT_S;
    h->anew.files = look_at_files(m);
    script_forget_events(m); /* nobody is left to answer them */
    children_may_speak(&m->children, false);
    children_forget_refusal(&m->children);
    log_info(LOGGER, "The locustfile is loaded anew");
    if (!h->is_alive)
        master_start_host(m);
    else if (local)
        restart_process(m, local);
    else
        post_plain(m, "katydid_reload", h->node_id);
    show_publish(m);
}

/* Those that are gone are started again: what ended them was perhaps the old file. */
static void follow(struct master *m)
{
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        struct worker *w = m->machine.roster.workers[i];
        if (!w->is_katydid || !worker_is_active(w) || !strcmp(w->id, m->host.node_id))
            continue;
        restart_process(m, w);
        w->is_reloading = true;
        if (children_has(&m->children, w->id)) /* should it end, we are told */
            w->liveness = LOAD_TIMEOUT_S;
    }
    master_start_missing(m);
}

void anew_script_came(struct master *m)
{
    struct anew *a = &m->host.anew;
    if (!a->is_on)
        return; /* it came for the first time */
    a->is_on = false;
    log_info(LOGGER, "The locustfile was loaded anew");
    master_tell_page(m);
    follow(m);
    show_publish(m);
}

/* How it ended, when it did not say itself what is wrong. */
static void describe_end(const struct anew *a, const struct child *c, struct sbuf *out)
{
    if (a->is_late)
        sbuf_addf(out, "it took longer than %d s", LOAD_TIMEOUT_S);
    else if (child_signal(c))
        sbuf_addf(out, "its process was ended by signal %d", child_signal(c));
    else
        sbuf_addf(out, "its process ended with exit code %d", child_exit_code(c));
}

/* The first line of what the process left says it in short. */
static void explain(struct master *m, const struct child *c)
{
    struct anew *a = &m->host.anew;
    struct sbuf told = {0}, why = {0}, whole = {0};
    bool has_told = !a->is_late && children_refusal(&m->children, &told);
    size_t line = has_told ? strcspn(told.data, "\n") : 0;
    sbuf_adds(&why, "The locustfile could not be loaded anew: ");
    if (line > 0)
        sbuf_add(&why, told.data, line < WHY_MAX ? line : WHY_MAX);
    else
        describe_end(a, c, &why);
    sbuf_adds(&why, ". No test can be started until it is mended and loaded again");
    sbuf_addf(&whole, "%s.", why.data);
    if (line > 0 && told.data[line])
        sbuf_addf(&whole, "\n%s", told.data + line);
    a->why = sbuf_take(&why);
    a->whole = sbuf_take(&whole);
    sbuf_fini(&told);
}

void anew_failed(struct master *m, const struct child *c)
{
    struct host *h = &m->host;
    if (!h->anew.is_on) /* it was only being checked */
        h->anew.files = look_at_files(m);
    h->anew.is_on = true;
    h->has_script = h->is_alive = false;
    explain(m, c);
    log_error(MAIN_LOGGER, "%s", h->anew.why);
    show_publish(m); /* before anybody gets the answer */
}

const char *anew_obstacle(const struct master *m)
{
    const struct host *h = &m->host;
    if (h->has_script)
        return NULL;
    return h->anew.why ? h->anew.why : "The locustfile is still being loaded.";
}

void anew_second(struct master *m)
{
    struct host *h = &m->host;
    if (m->machine.finish != FINISH_NOT || !h->anew.is_on)
        return;
    if (h->is_alive && !h->anew.is_late && master_now().mono > h->anew.until) {
        h->anew.is_late = true;
        children_signal_node(&m->children, h->node_id, SIGKILL);
    } else if (!h->is_alive && look_at_files(m) != h->anew.files) {
        anew_begin(m);
    }
}
