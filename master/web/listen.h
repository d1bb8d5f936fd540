// SPDX-License-Identifier: MIT
#pragma once
/* listen: where the server listens: address, port and certificate, as civetweb's options or by the
 * front (front.h).
 *
 * civetweb only says that it did not start. So the address is resolved and bound once beforehand,
 * and the certificate is loaded beforehand, to name the cause.
 */
#include "master/web.h"

#include <stdbool.h>

struct front;
struct mg_context;
struct ssl_ctx_st;

struct listen {
    int port;       /* the public one */
    int inner_port; /* civetweb's; the same, unless there is a front */
    bool has_tls, has_front;
    char spec[96];          /* civetweb's listening_ports */
    int fd;                 /* for the front; -1 none */
    struct ssl_ctx_st *tls; /* for the front */
    struct front *front;
    const char *options[40];
};

/* bound: the address or name without brackets. false with cause and mend in *why. listen_stop in
 * any case. */
bool listen_init(struct listen *l, const struct web_config *c, const char *bound, char **why);
/* Once civetweb runs: knows the ports, starts the front. */
bool listen_start(struct listen *l, struct mg_context *ctx, const char *secret, char **why);
void listen_stop(struct listen *l);
