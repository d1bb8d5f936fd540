// SPDX-License-Identifier: MIT
#pragma once
/* socket: a stream or datagrams to one receiver, for what is not HTTP: tcp://HOST:PORT,
 * udp://HOST:PORT, unix:///PATH. It is connected when something is sent, and again after a failure;
 * no call takes longer than its timeout, but for a slow name service. One thread at a time. */
#include "common/base/sbuf.h"

struct socket_to;
/* NULL: the target is none. port: the one that is meant if none is given; scheme likewise. */
struct socket_to *socket_new(const char *target, const char *scheme, int port);
void socket_free(struct socket_to *s);
bool socket_is_stream(const struct socket_to *s);
/* The most bytes of a datagram that arrive whole: 1432, or 8192 on this machine's own socket. */
size_t socket_datagram_most(const struct socket_to *s);
int socket_reach(struct socket_to *s, double timeout_s, struct sbuf *why); /* 0, or -1 and why */
/* A piece of a stream, or one datagram. 0, or -1 and why: then it is not known how much came. */
int socket_send(struct socket_to *s, const void *bytes, size_t len, double timeout_s,
                struct sbuf *why);
