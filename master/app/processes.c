// SPDX-License-Identifier: MIT
/* processes: those of this machine: the host's, and the workers of --processes. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/app/core.h"
#include "common/run/exit_code.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool processes_are_only_asked(const struct options *o)
{
    return o->check_thresholds || o->show_plan;
}

int processes_wanted(const struct options *o)
{
    if (processes_are_only_asked(o))
        return 0;
    if (o->processes == 0)
        return o->master ? 0 : 1;
    return o->processes > 0 ? o->processes : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Where our own workers find us: "*" is no place to connect to. */
static char *own_endpoint(const struct master *m)
{
    struct sbuf endpoint = {0};
    if (m->has_keys)
        return sbuf_words("ipc://%s/link", m->nodes.children.folder);
    const char *bound = link_endpoint(m->nodes.link);
    const char *port = strrchr(bound, ':');
    const char *host = m->o->master_bind_host;
    bool is_everywhere = !strcmp(host, "*") || !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
    if (m->o->master && is_everywhere && port && !strncmp(bound, "tcp:", 4))
        sbuf_addf(&endpoint, "tcp://127.0.0.1%s", port);
    else
        sbuf_adds(&endpoint, bound);
    return sbuf_take(&endpoint);
}

void processes_node_id(char *to, size_t size)
{
    char host[64] = "localhost", hex[33];
    gethostname(host, sizeof host - 1);
    secret_hex(hex, 32);
    snprintf(to, size, "%.50s_%s", host, hex);
}

static int start_child(struct master *m, const char *role, const char *endpoint,
                       const char *node_id)
{
    char *why = NULL;
    struct child_config config = {
        .role = role,
        .endpoint = endpoint,
        .node_id = node_id,
        .options_json = m->options_json,
        .o = m->o,
        .is_quiet = !strcmp(role, "worker"),
        .is_host = strcmp(role, "worker") != 0,
    };
    if (children_start(&m->nodes.children, &config, &why) != 0)
        return master_failure(EXIT_FAILED, why);
    if (!strcmp(role, "worker"))
        log_debug("root", "Started child worker with pid #%d",
                  (int)m->nodes.children.list[m->nodes.children.count - 1].pid);
    return 0;
}

int processes_start_host(struct master *m)
{
    const struct link *own = m->nodes.host.link;
    char *endpoint = own ? mem_strdup(link_endpoint(own)) : own_endpoint(m);
    int rc = start_child(m, m->nodes.is_local ? "local" : "script-host", endpoint,
                         m->nodes.host.node_id);
    m->nodes.host.is_alive = rc == 0;
    free(endpoint);
    return rc;
}

static int start_workers(struct master *m, size_t count)
{
    char *endpoint = own_endpoint(m);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        char node_id[96];
        processes_node_id(node_id, sizeof node_id);
        rc = start_child(m, "worker", endpoint, node_id);
    }
    free(endpoint);
    return rc;
}

void processes_start_missing(struct master *m)
{
    size_t wanted = m->nodes.is_local ? 0 : (size_t)processes_wanted(m->o);
    size_t there = children_running(&m->nodes.children) - m->nodes.host.is_alive;
    if (there < wanted)
        start_workers(m, wanted - there);
}

int processes_start(struct master *m)
{
    int rc = processes_start_host(m);
    return rc || m->nodes.is_local ? rc : start_workers(m, (size_t)processes_wanted(m->o));
}
