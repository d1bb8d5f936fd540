// SPDX-License-Identifier: MIT
#pragma once
/* Cookies of a session: no Python, times and places are arguments. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

struct cookie {
    char *text; /* name, value, domain, path; each NUL-terminated, one allocation */
    uint32_t value_at, domain_at, path_at;
    double expires; /* 0 = session cookie */
    bool is_secure, has_domain, has_path, has_value, is_http_only;
};
struct jar {
    struct cookie *cookies;
    uint32_t count, capacity;
};
struct jar_place { /* which request a cookie is for or from */
    const char *host;
    size_t host_len;
    const char *path; /* request target; a query is ignored */
    size_t path_len;
    bool is_tls;
};

/* From what a Host header says: without the port and, for IPv6, the brackets. */
void jar_place_host(struct jar_place *place, const char *host, size_t len);
void jar_fini(struct jar *jar);
void jar_put(struct jar *jar, struct cookie cookie); /* takes the cookie */
bool jar_parse(struct cookie *out, const char *line, size_t len, const struct jar_place *place,
               double now); /* false: to be ignored */
void jar_remove(struct jar *jar, const struct cookie *like);
void cookie_fini(struct cookie *cookie);
struct cookie cookie_make(const char *name, const char *value, const char *domain,
                          const char *path);
/* Appends "a=b; c=d" of the matching ones. now: 1970 seconds. */
void jar_header(struct sbuf *out, const struct jar *jar, const struct jar_place *place, double now);
