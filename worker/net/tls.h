// SPDX-License-Identifier: MIT
#pragma once
/* tls: TLS on a connected stream, by OpenSSL. Loop thread only.
 *
 * Contexts are shared by equal profiles. Each origin keeps the newest session and offers it to
 * every new connection; of TLS 1.3 the newest tickets, each for one connection: servers give some
 * on a full handshake, and not all give more on one that resumes. One stream write is one record
 * while it fits one, and one stream read takes whatever the socket has, so that a small exchange
 * costs one system call each way. Idle connections keep no buffers.
 */
#include <stdbool.h>
#include <stdint.h>

#include "worker/net/stream.h"

struct tls;
struct tls_origin;

struct tls_profile {
    bool verify;           /* chain and host name or address */
    const char *ca_file;   /* file or directory; NULL = the system's */
    const char *cert_file; /* NULL = none */
    const char *key_file;  /* NULL = in cert_file */
    const char *offer;     /* of ALPN: names, best first, each behind a byte with its length */
};

enum tls_step { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED, TLS_NOT_TRUSTED };

/* Buffers for records that are given back wait for the next one, on this thread. Before anything
 * uses OpenSSL; later it is left as it is. */
void tls_keep_buffers(void);

struct tls *tls_new(void);
void tls_free(struct tls *tls);

/* NULL when the profile cannot be used (a file is missing or wrong): tls_text says why. */
struct tls_origin *tls_origin_new(struct tls *tls, const struct tls_profile *p, const char *host);
void tls_origin_free(struct tls_origin *o);

/* Makes the connected plain stream a TLS one, to be driven by tls_handshake until TLS_DONE. */
void tls_start(struct tls_origin *o, struct stream *s);
enum tls_step tls_handshake(struct stream *s);
/* A stream, plain or TLS, in another place: *to is it, *from is none any more. */
void tls_move(struct stream *to, struct stream *from);
/* What ALPN has settled on (not NUL-terminated); NULL: nothing. */
const char *tls_protocol(const struct stream *s, size_t *len);
bool tls_is_resumed(const struct stream *s);
unsigned tls_version(const struct stream *s); /* 10 to 13, of TLS 1.0 to 1.3; 0: not TLS */
/* The last failure of any stream, for people; valid until the next one. */
const char *tls_text(const struct tls *tls);
