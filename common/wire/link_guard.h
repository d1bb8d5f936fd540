// SPDX-License-Identifier: MIT
#pragma once
/* link_guard: private to link*.c. Lets the workers of a cluster in, by their key, and counts whom
 * ZeroMQ turned away. A thread of its own: handshakes wait for nothing that the master does.
 * There may be one in a ZeroMQ context.
 */
#include <stdint.h>

struct keys;
struct link_guard;

/* The socket's ZMQ_ZAP_DOMAIN when it begins to listen somewhere says who may come in there. */
#define LINK_GUARD_KEYS "keys" /* workers of the cluster */
#define LINK_GUARD_OPEN "open" /* everybody */

/* NULL with errno. */
struct link_guard *link_guard_new(void *context, void *socket, const struct keys *k);
void link_guard_free(struct link_guard *g); /* before the socket is closed; NULL is accepted */
uint64_t link_guard_refused(const struct link_guard *g);

/* The events of failed handshakes of a socket, as a socket to read them from; NULL with errno. */
void *link_events_open(void *context, void *socket, int events);
void link_events_close(void *socket, void *events);
/* The next one; 0: none. *value: what ZeroMQ says with it. */
int link_events_next(void *events, int *value);
