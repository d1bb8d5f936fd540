// SPDX-License-Identifier: MIT
#pragma once
/* front: the public listener. civetweb, behind it, only meets requests that are there as a whole.
 *
 * civetweb has a thread for each connection, and so few of them that slow clients could hold them
 * all; its TLS (of the release in Debian 12) does not work with OpenSSL 3, and it has no IPv6. So
 * one thread with an event loop of its own accepts connections, ends TLS (1.2 or newer), waits for
 * head and body, and carries the bytes to and from civetweb's listener on a loopback port. Behind
 * the first line of a request it puts the header FRONT_HEADER with a secret and the client's
 * address: without them that listener answers nobody (web.c).
 *
 * Bounded: FRONT_CONNECTIONS_MAX connections; when one more comes, the oldest that has not asked
 * yet, or does not take its answer, has to go. FRONT_ARRIVAL_S for handshake, head and body
 * together. Bodies above FRONT_BODY_MAX are passed on as they come, FRONT_UPLOADS_MAX at a time,
 * and may not pause longer than FRONT_ARRIVAL_S, nor than FRONT_PAUSE_MS where another waits for
 * its turn. Answers are taken from civetweb as fast as it makes them, up to FRONT_ANSWER_MAX of
 * each and FRONT_HELD_MAX of all; who takes nothing of his for FRONT_STALL_S is cut off. An answer
 * that is larger holds a thread of civetweb while its client is slow: of more than
 * FRONT_STALLED_MAX such, the one that took nothing for longest has to go. FRONT_IDLE_S without a
 * byte either way. Who speaks plain HTTP to the TLS port is told so.
 */
#include <stdbool.h>

#define FRONT_CONNECTIONS_MAX 512
#define FRONT_ARRIVAL_S 10
#define FRONT_BODY_MAX 81920
#define FRONT_UPLOADS_MAX 16
#define FRONT_STALLED_MAX 16
#define FRONT_PAUSE_MS 500
#define FRONT_ANSWER_MAX (2u << 20)
#define FRONT_HELD_MAX (64u << 20)
#define FRONT_STALL_S 20
#define FRONT_IDLE_S 310
#define FRONT_LOOK_S 2
#define FRONT_HEADER "X-Katydid-Front"

struct ssl_ctx_st;
struct front;

struct front_config {
    int fd;                 /* listening socket; the front closes it */
    struct ssl_ctx_st *tls; /* NULL: plain; the front frees it */
    const char *cert, *key; /* the files that it is of, which may change; copied; NULL: plain */
    int inner_port;         /* of civetweb on 127.0.0.1 */
    const char *secret;     /* copied */
};

/* NULL when memory or threads are out; what the front would own is closed then too. */
struct front *front_start(const struct front_config *c);
/* Ends every connection, after a moment for what is on its way; NULL is fine. */
void front_stop(struct front *f);

/* The files of a certificate, looked at every FRONT_LOOK_S: once they have changed and stand still,
 * connections from then on meet the new one. What cannot be used changes nothing, and is told of
 * once. */
struct front_files;
struct front_files *front_files_new(const char *cert, const char *key);
void front_files_free(struct front_files *w);
/* NULL: nothing new. */
struct ssl_ctx_st *front_files_look(struct front_files *w);

/* The TLS context of a certificate chain and its key (PEM files). NULL, and *why says cause and
 * mend (malloced). */
struct ssl_ctx_st *front_load_tls(const char *cert, const char *key, char **why);
