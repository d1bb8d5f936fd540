// SPDX-License-Identifier: MIT
#pragma once
/* dns: names to addresses without blocking. Loop thread only.
 *
 * Address literals need no lookup. Names are asked of the system's own resolver (getaddrinfo), in
 * threads: /etc/hosts, name servers, their limits and whatever nsswitch.conf names count as they do
 * for every other program, changes included, and what cannot be reached fails at once. It does not
 * tell how long an answer is good for, so one is kept for DNS_KEEP_MS only, and not beyond a
 * connection that failed (dns_forget); failures are not kept. A lookup fails after DNS_PATIENCE_MS
 * whatever the name server does. Lookups of one name at one time are one lookup. Names that hang
 * (of redirects, say) keep those waiting that were never answered either, and not the target's.
 *
 * IPv4 addresses come first; each use starts at the next address of the family that comes first, so
 * that connections spread over all of them. At most DNS_MAX_NAMES names are remembered, those used
 * last.
 */
#include <stdint.h>

#include "worker/net/sock.h"

#define DNS_KEEP_MS 1000
#define DNS_PATIENCE_MS 10000
#define DNS_MAX_ADDRS 16
#define DNS_MAX_NAMES 1024
#define DNS_MAX_THREADS 32
#define DNS_MAX_NEW 24 /* of them for names that were never answered: those may hang */

struct deadlines;
struct dns;
struct dns_entry;
struct event_base;

struct dns_query { /* zero-initialise; must live until done was called or dns_cancel */
    struct dns_query *next, *prev;
    struct dns_query **list; /* head of the list it waits in; NULL = not waiting */
    /* Results: eai is 0 or an EAI_ code. */
    int eai;
    unsigned count;
    union sock_addr addrs[DNS_MAX_ADDRS];
    void (*done)(struct dns_query *q);
};

struct dns *dns_new(struct event_base *base, struct deadlines *deadlines);
void dns_free(struct dns *dns); /* no query may wait */

/* True: the result is in q already and done is not called. False: done is, perhaps even before this
 * returns. */
bool dns_lookup(struct dns *dns, const char *host, struct dns_query *q);
void dns_cancel(struct dns_query *q);               /* nothing when q is not waiting */
void dns_forget(struct dns *dns, const char *host); /* asks again before the next use */
uint64_t dns_lookups(const struct dns *dns);        /* questions beyond literals and memory */
size_t dns_names(const struct dns *dns);            /* remembered */
