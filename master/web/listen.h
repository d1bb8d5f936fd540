// SPDX-License-Identifier: MIT
#pragma once
/* listen: where the server listens: address, port and certificate as civetweb's options.
 *
 * civetweb only says that it did not start. So the address is resolved and bound once beforehand,
 * and the certificate is loaded beforehand, to name the cause.
 */
#include "master/web.h"

#include <stdbool.h>

struct mg_context;

struct listen {
    int port; /* the real one after listen_read_port */
    bool has_tls;
    char spec[96];                  /* civetweb's listening_ports */
    const char *tls_cert, *tls_key; /* borrowed from the configuration */
    const char *options[40];
};

/* bound: the address or name without brackets. false with cause and mend in *why. */
bool listen_init(struct listen *l, const struct web_config *c, const char *bound, char **why);
void listen_read_port(struct listen *l, struct mg_context *ctx);
/* Loads the certificate into an SSL_CTX. 1, or -1. */
int listen_load_tls(const struct listen *l, void *ssl_ctx);
