// SPDX-License-Identifier: MIT
#pragma once
/* listen: where the server listens: address, port and certificate of the front (front.h), which is
 * the public side, and the options of civetweb, which is on a loopback port behind it.
 */
#include "master/web/web.h"

#include <stdbool.h>

struct front;
struct mg_context;
struct ssl_ctx_st;

struct listen {
    int port;       /* the public one */
    int inner_port; /* civetweb's */
    bool has_tls;
    const char *cert, *key; /* their files; borrowed until listen_start */
    int fd;                 /* for the front; -1 none */
    struct ssl_ctx_st *tls; /* for the front */
    struct front *front;
    const char *options[40];
};

/* bound: the address or name without brackets. false with cause and mend in *why. listen_stop in
 * any case. */
bool listen_init(struct listen *l, const struct web_config *c, const char *bound, char **why);
/* Once civetweb runs: starts the front. */
bool listen_start(struct listen *l, struct mg_context *ctx, const char *secret, char **why);
void listen_stop(struct listen *l);
/* Ends civetweb, in the time it needs and not in that of its clock. */
void listen_end(const struct listen *l, struct mg_context *ctx);
