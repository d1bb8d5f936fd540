// SPDX-License-Identifier: MIT
/* libevent's resolver is made on the first name that needs it: a run against literals opens no
 * socket for it. */
#include "worker/net/dns.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/map.h"
#include "common/base/mem.h"

struct dns_entry {
    struct dns *dns;
    char *host;
    uint64_t expires_ns; /* 0 = no answer is held */
    unsigned count, first_family_count, turn;
    union sock_addr addrs[DNS_MAX_ADDRS];
    struct dns_query *waiting;   /* for the answer */
    struct dns_query *answering; /* being told it */
    bool is_asking, is_answering;
};

struct dns {
    struct event_base *base;
    struct evdns_base *resolver;
    struct map entries;
    uint64_t lookups;
};

struct dns *dns_new(struct event_base *base)
{
    struct dns *dns = mem_zalloc(sizeof *dns);
    dns->base = base;
    return dns;
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    if (dns->resolver)
        evdns_base_free(dns->resolver, 0);
    for (size_t i = 0; i < dns->entries.cap; i++) {
        struct dns_entry *e = dns->entries.slots[i].value;
        if (e)
            free(e->host);
        free(e);
    }
    map_fini(&dns->entries);
    free(dns);
}

uint64_t dns_lookups(const struct dns *dns)
{
    return dns->lookups;
}

static bool entry_is(const void *value, const void *key)
{
    return strcmp(((const struct dns_entry *)value)->host, key) == 0;
}

static struct dns_entry *entry_get(struct dns *dns, const char *host)
{
    const uint64_t hash = map_hash(0, host, strlen(host));
    struct dns_entry *e = map_find(&dns->entries, hash, entry_is, host);
    if (!e) {
        e = mem_zalloc(sizeof *e);
        e->dns = dns;
        e->host = mem_strdup(host);
        map_add(&dns->entries, hash, e);
    }
    return e;
}

static bool is_literal(const char *host, struct dns_query *q)
{
    union sock_addr *a = &q->addrs[0];
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
    } else if (strchr(host, ':')) {
        struct evutil_addrinfo hints = {.ai_family = AF_INET6, .ai_flags = EVUTIL_AI_NUMERICHOST};
        struct evutil_addrinfo *found = NULL;
        if (evutil_getaddrinfo(host, NULL, &hints, &found) != 0)
            return false;
        memcpy(&a->v6, found->ai_addr, sizeof a->v6);
        evutil_freeaddrinfo(found);
    } else {
        return false;
    }
    q->count = 1;
    q->eai = 0;
    return true;
}

static void give(struct dns_entry *e, struct dns_query *q)
{
    const unsigned first = e->turn++ % e->first_family_count;
    for (unsigned i = 0; i < e->first_family_count; i++)
        q->addrs[i] = e->addrs[(first + i) % e->first_family_count];
    for (unsigned i = e->first_family_count; i < e->count; i++)
        q->addrs[i] = e->addrs[i];
    q->count = e->count;
    q->eai = 0;
}

static void keep_family(struct dns_entry *e, const struct evutil_addrinfo *found, int family)
{
    for (; found && e->count < DNS_MAX_ADDRS; found = found->ai_next) {
        if (found->ai_family != family)
            continue;
        const size_t size = family == AF_INET ? sizeof e->addrs->v4 : sizeof e->addrs->v6;
        union sock_addr *a = &e->addrs[e->count++];
        memset(a, 0, sizeof *a);
        memcpy(a, found->ai_addr, size);
    }
}

static void keep(struct dns_entry *e, const struct evutil_addrinfo *found)
{
    e->count = 0;
    keep_family(e, found, AF_INET);
    e->first_family_count = e->count;
    keep_family(e, found, AF_INET6);
    if (!e->first_family_count)
        e->first_family_count = e->count;
    e->expires_ns = clk_mono_ns() + DNS_TTL_S * UINT64_C(1000000000);
}

static void ask(struct dns *dns, struct dns_entry *e);

/* Tells all who waited; who asks again while being told waits for a new answer. */
static void tell(struct dns_entry *e, int error)
{
    e->is_answering = true;
    e->answering = e->waiting;
    e->waiting = NULL;
    for (struct dns_query *q = e->answering; q; q = q->next)
        q->list = &e->answering;
    while (e->answering) {
        struct dns_query *q = e->answering;
        dns_cancel(q);
        q->eai = error;
        if (error == 0)
            give(e, q);
        q->done(q);
    }
    e->is_answering = false;
    if (e->waiting && !e->is_asking)
        ask(e->dns, e);
}

static void on_answer(int error, struct evutil_addrinfo *found, void *arg)
{
    struct dns_entry *e = arg;
    e->is_asking = false;
    if (error == 0)
        keep(e, found);
    if (error == 0 && !e->count)
        error = EVUTIL_EAI_NONAME;
    if (found)
        evutil_freeaddrinfo(found);
    tell(e, error);
}

static struct evdns_base *resolver_get(struct dns *dns)
{
    if (!dns->resolver) {
        const int flags = EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE;
        dns->resolver = evdns_base_new(dns->base, flags);
        if (!dns->resolver) /* an unusable resolv.conf: /etc/hosts still counts */
            dns->resolver = evdns_base_new(dns->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (dns->resolver)
            evdns_base_set_option(dns->resolver, "randomize-case:", "0");
    }
    return dns->resolver;
}

static void ask(struct dns *dns, struct dns_entry *e)
{
    struct evdns_base *resolver = resolver_get(dns);
    e->is_asking = true;
    e->expires_ns = 0;
    dns->lookups++;
    if (!resolver) {
        on_answer(EVUTIL_EAI_FAIL, NULL, e);
        return;
    }
    const struct evutil_addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    evdns_getaddrinfo(resolver, e->host, NULL, &hints, on_answer, e);
}

bool dns_lookup(struct dns *dns, const char *host, struct dns_query *q)
{
    if (is_literal(host, q))
        return true;
    struct dns_entry *e = entry_get(dns, host);
    if (e->expires_ns > clk_mono_ns()) {
        give(e, q);
        return true;
    }
    q->list = &e->waiting;
    q->prev = NULL;
    q->next = e->waiting;
    if (q->next)
        q->next->prev = q;
    e->waiting = q;
    if (!e->is_asking && !e->is_answering)
        ask(dns, e);
    return false;
}

void dns_cancel(struct dns_query *q)
{
    if (!q->list)
        return;
    *(q->prev ? &q->prev->next : q->list) = q->next;
    if (q->next)
        q->next->prev = q->prev;
    q->list = NULL;
    q->next = q->prev = NULL;
}
