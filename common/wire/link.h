// SPDX-License-Identifier: MIT
#pragma once
/* link: the ZeroMQ socket between master and workers, as a file descriptor plus drain and send.
 *
 * The only place that includes zmq.h, with its link_guard. Frames are Locust's: the master sees
 * [identity, payload], a worker [payload]. Non-blocking throughout. After any send or receive, and
 * when link_fd is readable, call link_recv until it says LINK_EMPTY (ZeroMQ's descriptor is
 * edge-triggered). ROUTER with handover, so that a worker that reconnects under its identity is
 * heard at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FULL: the peer's queue is at its limit; try later. UNREACHABLE: no such node is connected (master
 * only). DROPPED: what was read was nobody's, or a part of it; there may be no end of that, so
 * whoever reads counts it as work. ERROR: the link is broken for good. */
enum link_rc { LINK_OK, LINK_EMPTY, LINK_DROPPED, LINK_FULL, LINK_UNREACHABLE, LINK_ERROR };

struct keys;
struct link;

struct link_message {
    char *node; /* sender's identity, NUL-terminated; NULL on a worker's link */
    unsigned char *bytes;
    size_t len;
};

/* endpoint: "tcp://host:port" (port 0 or "*" picks one) or "ipc://path". On failure NULL, and *why
 * is a sentence with cause and mend (malloced; the caller frees). */
struct link *link_bind(const char *endpoint, char **why); /* ROUTER */
/* One more address of that master, which is then link_endpoint. keys: only workers that have their
 * part of them come in there, and what is said is encrypted (keys.h); NULL: whoever reaches it. */
bool link_listen(struct link *l, const char *endpoint, const struct keys *keys, char **why);
/* DEALER. Behind a '#' of the endpoint may stand a worker's key: then it speaks to the master that
 * has the other part, and to nobody else. */
struct link *link_connect(const char *endpoint, const char *identity, char **why);
/* Waits up to linger_ms for what was sent to leave (the last link of a process; others go on in
 * the background). NULL is accepted. */
void link_close(struct link *l, int linger_ms);

int link_fd(const struct link *l);
/* As bound, with the port that was picked; without a key. */
const char *link_endpoint(const struct link *l);

/* How many were turned away where keys are asked for. */
uint64_t link_strangers(const struct link *l);
/* What the master and this worker do not agree upon since it was last heard: a sentence with cause
 * and mend, that a "the master at …" precedes; NULL: nothing is known. */
const char *link_trouble(struct link *l);

uint64_t link_dropped(const struct link *l); /* messages whose frames were not Locust's */

/* The payload is copied. node is ignored on a worker's link. */
enum link_rc link_send(struct link *l, const char *node, const void *bytes, size_t len);
/* LINK_OK fills *m; release with link_message_free. */
enum link_rc link_recv(struct link *l, struct link_message *m);
void link_message_free(struct link_message *m);
