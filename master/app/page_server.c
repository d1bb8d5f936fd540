// SPDX-License-Identifier: MIT
/* page_server: the server of the page, from its start to its end. */
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/app/core.h"
#include "common/run/exit_code.h"
#include "master/store/history.h"
#include "master/web/audit.h"
#include "master/web/web.h"
#include <stdlib.h>
#include <string.h>

static char *page_url(const struct master *m, const struct web_config *c)
{
    struct sbuf url = {0};
    bool is_any = !c->host || !c->host[0] || !strcmp(c->host, "*");
    const char *host = is_any ? "0.0.0.0" : c->host;
    if (m->o->web_host_display_name)
        sbuf_adds(&url, m->o->web_host_display_name);
    else
        sbuf_addf(&url, strchr(host, ':') ? "%s://[%s]:%d%s" : "%s://%s:%d%s",
                  c->tls_cert && c->tls_key ? "https" : "http", host, web_port(m->web),
                  c->base_path);
    return sbuf_take(&url);
}

void page_tell_host(struct master *m)
{
    if (m->web)
        script_tell_page(&m->nodes, web_inner_port(m->web), m->page_secret);
}

/* --no-history stores nothing, but what is stored may be looked at. */
static char *runs_folder(const struct options *o)
{
    return history_is_off(o->history) ? NULL : history_folder(o->history);
}

static struct web *start(struct master *m, struct web_config *config, char **why)
{
    char *runs = runs_folder(m->o);
    config->runs = runs;
    struct web *web = web_start(config, m->bridge, why);
    free(runs);
    return web;
}

/* A token is for nobody who lists processes, and not for what this one starts. */
static void hide_tokens(const struct options *o)
{
    unsetenv("KATYDID_WEB_TOKEN");
    for (int i = 1; o->web_token && o->web_token[0] != '@' && i < o->argc; i++) {
        char *at = strstr(o->argv[i], o->web_token);
        if (at)
            memset(at, '*', strlen(at));
    }
}

int page_prepare(struct master *m)
{
    char *why = NULL;
    const struct web_config config = {.tokens = m->o->web_token};
    hide_tokens(m->o);
    if (!m->o->headless && !web_check_tokens(&config, &why))
        return master_failure(EXIT_USAGE, why);
    m->audit = audit_open(m->o->audit_log, m->o->web_token != NULL, &why);
    return m->audit ? 0 : master_failure(EXIT_OUTPUT_FILE, why);
}

void page_audit(const struct master *m, const char *who, const char *action, double users)
{
    char *detail = users >= 0 ? sbuf_words("{\"users\":%.0f}", users) : NULL;
    audit_note(m->audit, &(struct audit_entry){.name = who,
                                               .login = "",
                                               .role = "",
                                               .address = "",
                                               .action = action,
                                               .object = "",
                                               .detail = detail});
    free(detail);
}

int page_open(struct master *m)
{
    char *why = NULL;
    bool has_tls = m->o->tls_cert && m->o->tls_key;
    struct web_config config = {
        .host = m->o->web_host,
        .port = m->o->web_port,
        .tls_cert = has_tls ? m->o->tls_cert : NULL,
        .tls_key = has_tls ? m->o->tls_key : NULL,
        .base_path = m->o->web_base_path ? m->o->web_base_path : "",
        .web_login = m->o->web_login,
        .tokens = m->o->web_token,
        .audit = m->audit,
        .secret = m->page_secret,
    };
    secret_hex(m->page_secret, 32);
    if (m->o->headless)
        return 0;
    if (!web_check_tls(&config, &why))
        return master_failure(EXIT_CERTIFICATE, why);
    publish_view(m);
    m->web = start(m, &config, &why);
    if (!m->web)
        return master_failure(m->o->is_locust ? EXIT_UNHANDLED : EXIT_ADDRESS, why);
    page_tell_host(m);
    m->page_url = page_url(m, &config);
    log_info(MAIN_LOGGER, "Starting web interface at %s, press enter to open your default browser.",
             m->page_url);
    return 0;
}

void page_close(struct master *m)
{
    questions_host_ended(m); /* threads of the server wait for these answers */
    bridge_close(m->bridge);
    web_stop(m->web);
    m->web = NULL;
}
