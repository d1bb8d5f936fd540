// SPDX-License-Identifier: MIT
#pragma once
/* front: the public listener where civetweb has none: TLS (its release in Debian 12 does not work
 * with OpenSSL 3) and IPv6 addresses.
 *
 * One thread with an event loop of its own accepts connections, ends TLS (1.2 or newer) and
 * carries the bytes to and from civetweb's listener on a loopback port. Behind the first line of a
 * request it puts the header FRONT_HEADER with a secret and the client's address: without them
 * that listener answers nobody (web.c).
 *
 * Bounded: FRONT_CONNECTIONS_MAX connections, 64 KB on the way in each direction of each,
 * FRONT_ARRIVAL_S for handshake and first line together, FRONT_IDLE_S without a byte either way.
 * Who speaks plain HTTP to the TLS port is told so.
 */
#include <stdbool.h>

#define FRONT_CONNECTIONS_MAX 128
#define FRONT_ARRIVAL_S 10
#define FRONT_IDLE_S 310
#define FRONT_HEADER "X-Katydid-Front"

struct ssl_ctx_st;
struct front;

struct front_config {
    int fd;                 /* listening socket; the front closes it */
    struct ssl_ctx_st *tls; /* NULL: plain; the front frees it */
    int inner_port;         /* of civetweb on 127.0.0.1 */
    const char *secret;     /* copied */
};

/* NULL when memory or threads are out; what the front would own is closed then too. */
struct front *front_start(const struct front_config *c);
void front_stop(struct front *f); /* cuts every connection; NULL is fine */

/* The TLS context of a certificate chain and its key (PEM files). NULL, and *why says cause and
 * mend (malloced). */
struct ssl_ctx_st *front_load_tls(const char *cert, const char *key, char **why);
