// SPDX-License-Identifier: MIT
#pragma once
/* guard: which requests may be answered at all. Pure: texts in, verdict out.
 *
 * Against DNS rebinding the Host header must name us. Against forged requests from other sites a
 * command must come from our own page or from a program that is no browser. Against cross-site
 * sockets the Origin must be ours.
 */
#include <stdbool.h>

#define GUARD_NAME_MAX 256 /* longest name of a host, with its NUL */

struct guard {
    bool is_wildcard;             /* bound to every interface */
    char bound[GUARD_NAME_MAX];   /* the bound address or name, without brackets */
    char machine[GUARD_NAME_MAX]; /* gethostname(), "" unknown */
    const char *allowed;          /* further names, comma-separated; "" none; borrowed */
};

/* Binding: "" or "*" mean every interface. allowed may be NULL. */
void guard_init(struct guard *g, const char *web_host, const char *machine, const char *allowed);
/* The bound address is reachable from this machine only. */
bool guard_is_loopback(const struct guard *g);

/* The Host header (with or without port) names us. NULL and "" do not. */
bool guard_host_ok(const struct guard *g, const char *host);
/* The Origin header has the host and port of the Host header. NULL does not. */
bool guard_origin_ok(const char *origin, const char *host);

struct guard_request { /* header values, NULL when absent */
    const char *host, *origin, *referer, *fetch_site, *user_agent;
};
/* The page's own commands: what a browser tells about the sender must be ourselves. */
bool guard_page_ok(const struct guard_request *r);
/* Locust's routes, called by scripts with GET or a plain form: as above, and a browser that does
 * not tell where the request comes from is refused. */
bool guard_script_ok(const struct guard_request *r);
