// SPDX-License-Identifier: MIT
#pragma once
/* dns: names to addresses without blocking. Loop thread only.
 *
 * Address literals need no lookup. Names go through /etc/hosts and the servers of
 * /etc/resolv.conf; answers are kept for DNS_TTL_S, failures are not kept. Lookups of one name at
 * one time are one lookup. IPv4 addresses come first; each use starts at the next address of the
 * family that comes first, so that connections spread over all of them.
 */
#include <stdint.h>

#include "worker/net/sock.h"

#define DNS_TTL_S 30
#define DNS_MAX_ADDRS 16

struct event_base;
struct dns;
struct dns_entry;

struct dns_query { /* zero-initialise; must live until done was called or dns_cancel */
    struct dns_query *next, *prev;
    struct dns_query **list; /* head of the list it waits in; NULL = not waiting */
    /* Results: eai is 0 or an EAI_ code. */
    int eai;
    unsigned count;
    union sock_addr addrs[DNS_MAX_ADDRS];
    void (*done)(struct dns_query *q);
};

struct dns *dns_new(struct event_base *base);
void dns_free(struct dns *dns); /* no query may wait */

/* True: the result is in q already and done is not called. False: done is, perhaps even before this
 * returns. */
bool dns_lookup(struct dns *dns, const char *host, struct dns_query *q);
void dns_cancel(struct dns_query *q);        /* nothing when q is not waiting */
uint64_t dns_lookups(const struct dns *dns); /* questions that went beyond literals and cache */
