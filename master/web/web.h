// SPDX-License-Identifier: MIT
#pragma once
/* web: the HTTP and WebSocket server (civetweb), its route table, limits and security headers.
 *
 * Serves the embedded page, the page's API (docs/api.md) and Locust's routes for scripts that
 * poll them. Runs on civetweb's threads and touches nothing but the bridge, and the files of stored
 * runs.
 */
#include <stdbool.h>

struct audit;
struct bridge;
struct web;

struct web_config {
    const char *host;               /* "" or "*" = all interfaces; default "127.0.0.1" */
    int port;                       /* 0 = pick one */
    const char *tls_cert, *tls_key; /* both or neither */
    const char *base_path;          /* "" or "/prefix" */
    struct audit *audit;            /* not the server's own */
    const char *tokens;             /* of --web-token (door.h); NULL: none are asked for */
    bool web_login;                 /* nothing is answered without a session of the host's app */
    const char *runs;               /* the folder of stored runs; NULL: none are shown */
    const char *secret;             /* 32 characters that admit the host's requests; NULL none */
};

/* false, and *why says cause and mend (malloced), when the certificate cannot be used. */
bool web_check_tls(const struct web_config *c, char **why);
bool web_check_tokens(const struct web_config *c, char **why); /* likewise */
/* NULL on failure, and *why says cause and mend (malloced; caller frees). */
struct web *web_start(const struct web_config *c, struct bridge *b, char **why);
int web_port(const struct web *w);
int web_inner_port(const struct web *w); /* for requests of the host: plain HTTP, loopback */
void web_stop(struct web *w);
