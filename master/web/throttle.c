// SPDX-License-Identifier: MIT
/* throttle: see throttle.h. Peers are a table of fixed size; where it is full, who was heard of
 * longest ago is forgotten: to be forgotten so, an attacker needs as many addresses. */
#include "master/web/throttle.h"

#include "common/base/handle.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NET_BYTES 8 /* of an IPv6 address */
#define DOUBLED_MAX 16

struct peer {
    unsigned char name[NET_BYTES];
    unsigned failures;
    bool has_turn; /* it was told to wait for one */
    double failed_at, ready_at, heard_at;
};

#define THROTTLE_TAG 0x7468726fu /* "thro" */

struct throttle {
    uint32_t tag;
    struct peer *peers; /* of THROTTLE_PEERS_MAX */
    size_t count;
    double turns, turns_at; /* turns: negative, so many were promised */
};

struct throttle *throttle_new(double now)
{
    struct throttle *t = mem_zalloc(sizeof *t);
    HANDLE_MADE(t, THROTTLE_TAG);
    t->peers = mem_zalloc(THROTTLE_PEERS_MAX * sizeof *t->peers);
    t->turns = THROTTLE_BURST;
    t->turns_at = now;
    return t;
}

void throttle_free(struct throttle *t)
{
    if (t == NULL)
        return;
    HANDLE_IS(t, THROTTLE_TAG);
    free(t->peers);
    HANDLE_ENDS(t);
    free(t);
}

/* Whom an address belongs to: of IPv6 everybody has a whole network. IPv4 is "::ffff:" and the
 * address, of which no network begins with these bytes. */
static void name_peer(const char *address, unsigned char name[NET_BYTES])
{
    struct in6_addr v6;
    struct in_addr v4;
    memset(name, 0, NET_BYTES);
    if (inet_pton(AF_INET6, address, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6)) {
        memcpy(name, v6.s6_addr, NET_BYTES);
        return;
    }
    const char *colon = strrchr(address, ':');
    if (inet_pton(AF_INET, colon != NULL ? colon + 1 : address, &v4) == 1) {
        name[2] = name[3] = 0xff;
        memcpy(name + 4, &v4, sizeof v4);
    }
}

static struct peer *find(struct throttle *t, const unsigned char name[NET_BYTES])
{
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(t->peers[i].name, name, NET_BYTES) == 0)
            return &t->peers[i];
    return NULL;
}

static struct peer *oldest(struct throttle *t)
{
    struct peer *found = &t->peers[0];
    for (size_t i = 1; i < t->count; i++)
        if (t->peers[i].heard_at < found->heard_at)
            found = &t->peers[i];
    return found;
}

static struct peer *peer_of(struct throttle *t, const char *address, double now)
{
    unsigned char name[NET_BYTES];
    name_peer(address, name);
    struct peer *p = find(t, name);
    bool is_over = p != NULL && now - p->failed_at > THROTTLE_FORGET_S &&
                   now > p->ready_at + THROTTLE_LONGEST_S;
    if (p == NULL)
        p = t->count < THROTTLE_PEERS_MAX ? &t->peers[t->count++] : oldest(t);
    else if (!is_over)
        return p;
    *p = (struct peer){.failed_at = -INFINITY, .ready_at = -INFINITY};
    memcpy(p->name, name, NET_BYTES);
    return p;
}

static void await_turn(struct throttle *t, struct peer *p, double now)
{
    t->turns = fmin(t->turns + (now - t->turns_at), THROTTLE_BURST);
    t->turns_at = now;
    if (t->turns >= 1) {
        t->turns -= 1;
        return;
    }
    const double wait = 1 - t->turns;
    p->has_turn = true;
    if (wait <= THROTTLE_LONGEST_S)
        t->turns -= 1;
    p->ready_at = now + fmin(wait, THROTTLE_LONGEST_S);
}

int throttle_begin(struct throttle *t, const char *address, double now)
{
    HANDLE_IS(t, THROTTLE_TAG);
    struct peer *p = peer_of(t, address, now);
    p->heard_at = now;
    if (now >= p->ready_at && !p->has_turn)
        await_turn(t, p, now);
    if (now < p->ready_at)
        return (int)fmax(1, ceil(p->ready_at - now));
    p->has_turn = false;
    p->failures++;
    p->failed_at = now;
    if (p->failures >= THROTTLE_FREE) {
        const unsigned doubled = p->failures - THROTTLE_FREE;
        p->ready_at = now + fmin(ldexp(1, (int)(doubled < DOUBLED_MAX ? doubled : DOUBLED_MAX)),
                                 THROTTLE_LONGEST_S);
    }
    return 0;
}

void throttle_succeeded(struct throttle *t, const char *address)
{
    HANDLE_IS(t, THROTTLE_TAG);
    unsigned char name[NET_BYTES];
    name_peer(address, name);
    struct peer *p = find(t, name);
    t->turns = fmin(t->turns + 1, THROTTLE_BURST);
    if (p == NULL || p->failures == 0)
        return;
    p->failures--;
    if (p->failures < THROTTLE_FREE)
        p->ready_at = -INFINITY;
}
