// SPDX-License-Identifier: MIT
/* guard: see guard.h. Names are compared without case and without the port: behind a container's
 * port mapping the browser's port is not ours. Origins are compared with the Host header as a
 * whole, which is the browser's own idea of "same origin" and survives mapping and proxies. */
#include "master/web/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "name:port", "[v6]:port", "name" -> the name without brackets; false if it is no such thing. */
static bool host_name(const char *host, char out[GUARD_NAME_MAX])
{
    const char *start = host, *end;
    if (host == NULL || host[0] == '\0')
        return false;
    if (host[0] == '[') {
        start = host + 1;
        end = strchr(start, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
    } else {
        end = start + strcspn(start, ":");
    }
    size_t len = (size_t)(end - start);
    if (len == 0 || len >= GUARD_NAME_MAX)
        return false;
    const char *port = *end == ']' ? end + 1 : end;
    if (*port == ':' && strspn(port + 1, "0123456789") != strlen(port + 1))
        return false;
    memcpy(out, start, len);
    out[len] = '\0';
    if (len > 1 && out[len - 1] == '.') /* the fully qualified form of the same name */
        out[len - 1] = '\0';
    return true;
}

static bool is_address(const char *name)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool is_loopback_name(const char *name)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, name, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(name, "localhost") == 0;
}

static bool is_listed(const char *list, const char *name)
{
    size_t want = strlen(name);
    while (*list != '\0') {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ", ");
        if (len == want && strncasecmp(list, name, len) == 0)
            return true;
        list += len;
    }
    return false;
}

void guard_init(struct guard *g, const char *web_host, const char *machine, const char *allowed)
{
    memset(g, 0, sizeof *g);
    if (web_host == NULL || web_host[0] == '\0' || strcmp(web_host, "*") == 0)
        web_host = "0.0.0.0";
    /* A bare IPv6 address has colons of its own: it is taken as it is. */
    if (is_address(web_host) || !host_name(web_host, g->bound))
        snprintf(g->bound, sizeof g->bound, "%s", web_host);
    g->is_wildcard = strcmp(g->bound, "0.0.0.0") == 0 || strcmp(g->bound, "::") == 0;
    snprintf(g->machine, sizeof g->machine, "%s", machine != NULL ? machine : "");
    g->allowed = allowed != NULL ? allowed : "";
}

bool guard_is_loopback(const struct guard *g)
{
    return is_loopback_name(g->bound);
}

bool guard_host_ok(const struct guard *g, const char *host)
{
    char name[GUARD_NAME_MAX];
    if (!host_name(host, name))
        return false;
    if (is_listed(g->allowed, name))
        return true;
    if (guard_is_loopback(g))
        return is_loopback_name(name);
    if (strcasecmp(name, g->bound) == 0)
        return true;
    if (g->machine[0] != '\0' && strcasecmp(name, g->machine) == 0)
        return true;
    return g->is_wildcard && (is_address(name) || is_loopback_name(name));
}

bool guard_origin_ok(const char *origin, const char *host)
{
    if (origin == NULL || host == NULL)
        return false;
    const char *rest;
    const char *default_port;
    if (strncasecmp(origin, "http://", 7) == 0) {
        rest = origin + 7;
        default_port = ":80";
    } else if (strncasecmp(origin, "https://", 8) == 0) {
        rest = origin + 8;
        default_port = ":443";
    } else {
        return false;
    }
    size_t len = strcspn(rest, "/?#");
    size_t want = strlen(host), port = strlen(default_port);
    if (want > port && strcmp(host + want - port, default_port) == 0 && len == want - port)
        return strncasecmp(rest, host, len) == 0;
    return len == want && strncasecmp(rest, host, len) == 0;
}

bool guard_page_ok(const struct guard_request *r)
{
    if (r->origin != NULL && !guard_origin_ok(r->origin, r->host))
        return false;
    if (r->fetch_site != NULL && strcmp(r->fetch_site, "same-origin") != 0 &&
        strcmp(r->fetch_site, "none") != 0)
        return false;
    return true;
}

bool guard_script_ok(const struct guard_request *r)
{
    if (!guard_page_ok(r))
        return false;
    if (r->referer != NULL && !guard_origin_ok(r->referer, r->host))
        return false;
    bool is_browser = r->user_agent != NULL && strncmp(r->user_agent, "Mozilla/", 8) == 0;
    bool is_told = r->fetch_site != NULL || r->origin != NULL || r->referer != NULL;
    return !is_browser || is_told;
}
