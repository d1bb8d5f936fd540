// SPDX-License-Identifier: MIT
#pragma once
/* resolver: getaddrinfo in threads, answers on the loop. Private to dns.c.
 *
 * A thread lives while there are questions; there are at most DNS_MAX_THREADS, DNS_MAX_NEW of which
 * may be busy with new names, and further questions wait. They run no code but getaddrinfo, take no
 * signals, and touch nothing but the question they answer. One that is forgotten, or outlives the
 * resolver, answers nobody.
 */
#include "worker/net/dns.h"

#include <stdbool.h>

struct resolver;

struct question {
    struct question *next;
    struct resolver *resolver;
    void *asker; /* NULL = forgotten; written under the lock */
    char *host;
    bool is_new; /* it was never answered */
    /* The answer: eai is 0 or an EAI_ code. */
    int eai;
    unsigned count;
    union sock_addr addrs[DNS_MAX_ADDRS];
};

/* answered: on the loop; the question is gone when it returns. */
struct resolver *resolver_new(struct event_base *base, void (*answered)(struct question *q));
void resolver_free(struct resolver *r); /* every question of it must be forgotten */
/* NULL: it cannot be asked, for want of a descriptor. */
struct question *resolver_ask(struct resolver *r, const char *host, bool is_new, void *asker);
void resolver_forget(struct question *q); /* it will not be answered */
