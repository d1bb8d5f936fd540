// SPDX-License-Identifier: MIT
#pragma once
/* sock: TCP and Unix sockets. Connecting never blocks. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "worker/net/stream.h"

union sock_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Starts a connection; *s is a plain stream then, usable once it polls writable and sock_error is
 * 0. from: the address of this machine that it comes from; NULL: the system's choice. Returns 0 or
 * an errno. */
int sock_connect(struct stream *s, const union sock_addr *to, uint16_t port,
                 const struct sockaddr_storage *from);
/* The same to the Unix socket of that path, at once; EAGAIN: its listener's queue is full, and
 * nobody tells when it is not. */
int sock_connect_path(struct stream *s, const char *path);
/* Reading as a stream does, arrived_wall_ns included; for the layers above a plain stream. */
long sock_read(struct stream *s, void *buffer, size_t len);
/* While s->acks_late is set, what was read stays in the socket until the next read or write, that
 * its acknowledgement goes with what is written. Of a socket that is watched for reading, which
 * then tells of it once more. */
struct sock_segments {
    uint32_t data_in, acks_out; /* so far: with data; without any. They wrap round */
};
struct sock_segments sock_segments(const struct stream *s); /* zeros: unknown */
/* How long the kernel has heard nothing from the peer, in ns, to some milliseconds; 0: unknown. */
uint64_t sock_quiet_ns(const struct stream *s);
/* Bytes written that the peer's machine has not confirmed; also after the peer's end or reset. */
size_t sock_unacknowledged(const struct stream *s);
int sock_error(const struct stream *s); /* the pending error of a connect, 0 when it is through */
