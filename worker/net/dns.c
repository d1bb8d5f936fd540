// SPDX-License-Identifier: MIT
/* The names, who waits for them, and how long an answer counts; resolver.c asks. */
#include "worker/net/dns.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "worker/net/deadline.h"
#include "worker/net/resolver.h"

struct dns_entry {
    struct dns *dns;
    struct dns_entry *next, *prev; /* used last first */
    uint64_t hash;
    char *host;
    uint64_t expires_ns; /* 0 = no answer is held */
    unsigned count, first_family_count, turn;
    union sock_addr addrs[DNS_MAX_ADDRS];
    struct dns_query *waiting;   /* for the answer */
    struct dns_query *answering; /* being told it */
    struct question *question;   /* NULL = not asking */
    struct deadline patience;
    bool is_answering, was_answered;
};

#define DNS_TAG 0x646e735fu /* "dns_" */

struct dns {
    uint32_t tag;
    struct resolver *resolver;
    struct deadlines *deadlines;
    struct map entries;
    struct dns_entry *newest, *oldest;
    uint64_t lookups;
};

static void on_answer(struct question *q);

struct dns *dns_new(struct event_base *base, struct deadlines *deadlines)
{
    struct dns *dns = mem_zalloc(sizeof *dns);
    HANDLE_MADE(dns, DNS_TAG);
    dns->resolver = resolver_new(base, on_answer);
    dns->deadlines = deadlines;
    return dns;
}

/* ---- names ---- */

static void unlink_entry(struct dns_entry *e)
{
    *(e->prev ? &e->prev->next : &e->dns->newest) = e->next;
    *(e->next ? &e->next->prev : &e->dns->oldest) = e->prev;
}

static void link_newest(struct dns_entry *e)
{
    e->prev = NULL;
    e->next = e->dns->newest;
    *(e->next ? &e->next->prev : &e->dns->oldest) = e;
    e->dns->newest = e;
}

static void entry_free(struct dns_entry *e)
{
    if (e->question)
        resolver_forget(e->question);
    deadline_clear(&e->patience);
    unlink_entry(e);
    map_remove(&e->dns->entries, e->hash, e);
    free(e->host);
    free(e);
}

void dns_free(struct dns *dns)
{
    if (!dns)
        return;
    HANDLE_IS(dns, DNS_TAG);
    while (dns->newest)
        entry_free(dns->newest);
    map_fini(&dns->entries);
    resolver_free(dns->resolver);
    HANDLE_ENDS(dns);
    free(dns);
}

uint64_t dns_lookups(const struct dns *dns)
{
    HANDLE_IS(dns, DNS_TAG);
    return dns->lookups;
}

size_t dns_names(const struct dns *dns)
{
    HANDLE_IS(dns, DNS_TAG);
    return dns->entries.count;
}

static bool entry_is(const void *value, const void *key)
{
    return strcmp(((const struct dns_entry *)value)->host, key) == 0;
}

static bool is_idle(const struct dns_entry *e)
{
    return !e->question && !e->is_answering && !e->waiting;
}

/* Those that are asked for right now stay, and are as many as there are exchanges. */
static void make_room(struct dns *dns)
{
    struct dns_entry *e = dns->oldest;
    while (e && dns->entries.count >= DNS_MAX_NAMES) {
        struct dns_entry *newer = e->prev;
        if (is_idle(e))
            entry_free(e);
        e = newer;
    }
}

static struct dns_entry *entry_find(struct dns *dns, const char *host, uint64_t *hash)
{
    *hash = map_hash(0, host, strlen(host));
    return map_find(&dns->entries, *hash, entry_is, host);
}

static struct dns_entry *entry_get(struct dns *dns, const char *host)
{
    uint64_t hash;
    struct dns_entry *e = entry_find(dns, host, &hash);
    if (e) {
        unlink_entry(e);
    } else {
        make_room(dns);
        e = mem_zalloc(sizeof *e);
        e->dns = dns;
        e->hash = hash;
        e->host = mem_strdup(host);
        map_add(&dns->entries, hash, e);
    }
    link_newest(e);
    return e;
}

static bool is_literal(const char *host, struct dns_query *q)
{
    union sock_addr *a = &q->addrs[0];
    memset(a, 0, sizeof *a);
    if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
    } else if (strchr(host, ':')) {
        const struct addrinfo hints = {.ai_family = AF_INET6, .ai_flags = AI_NUMERICHOST};
        struct addrinfo *found = NULL;
        if (getaddrinfo(host, NULL, &hints, &found) != 0)
            return false;
        memcpy(&a->v6, found->ai_addr, sizeof a->v6);
        freeaddrinfo(found);
    } else {
        return false;
    }
    q->count = 1;
    q->eai = 0;
    return true;
}

/* ---- answers ---- */

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

static void keep_family(struct dns_entry *e, const struct question *q, int family)
{
    for (unsigned i = 0; i < q->count; i++)
        if (q->addrs[i].any.sa_family == family)
            e->addrs[e->count++] = q->addrs[i];
}

static void keep(struct dns_entry *e, const struct question *q)
{
    e->count = 0;
    keep_family(e, q, AF_INET);
    e->first_family_count = e->count;
    keep_family(e, q, AF_INET6);
    if (!e->first_family_count)
        e->first_family_count = e->count;
    e->was_answered = true;
    e->expires_ns = clk_mono_ns() + DNS_KEEP_MS * UINT64_C(1000000);
}

static void ask(struct dns_entry *e);

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
    if (e->waiting && !e->question)
        ask(e);
}

static void on_answer(struct question *q)
{
    struct dns_entry *e = q->asker;
    e->question = NULL;
    deadline_clear(&e->patience);
    if (q->eai == 0)
        keep(e, q);
    tell(e, q->eai);
}

static void on_patience(struct deadline *d)
{
    struct dns_entry *e = (struct dns_entry *)((char *)d - offsetof(struct dns_entry, patience));
    resolver_forget(e->question);
    e->question = NULL;
    tell(e, EAI_AGAIN);
}

static void ask(struct dns_entry *e)
{
    struct dns *dns = e->dns;
    e->expires_ns = 0;
    dns->lookups++;
    e->question = resolver_ask(dns->resolver, e->host, !e->was_answered, e);
    if (!e->question) {
        tell(e, EAI_AGAIN);
        return;
    }
    e->patience.fire = on_patience;
    deadline_set(dns->deadlines, &e->patience, DNS_PATIENCE_MS, clk_mono_ns());
}

bool dns_lookup(struct dns *dns, const char *host, struct dns_query *q)
{
    HANDLE_IS(dns, DNS_TAG);
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
    if (!e->question && !e->is_answering)
        ask(e);
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

void dns_forget(struct dns *dns, const char *host)
{
    HANDLE_IS(dns, DNS_TAG);
    uint64_t hash;
    struct dns_entry *e = entry_find(dns, host, &hash);
    if (e)
        e->expires_ns = 0;
}
