// SPDX-License-Identifier: MIT
/* Interned targets: one object per distinct target, so that comparing targets is comparing
 * pointers, and TLS sessions have a home.
 *
 * A plain request by a proxy goes to the proxy like to any server, so all of them share the proxy's
 * own origin, and its connections.
 */
#include "worker/proto/circle.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "worker/net/tls.h"

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return text ? map_hash(hash, text, strlen(text) + 1) : map_hash(hash, "\1", 1);
}

static uint64_t hash_target(const struct fetch_target *t)
{
    uint64_t hash = hash_text(1, t->host);
    const uint32_t numbers[3] = {t->port, t->proxy_port,
                                 (t->tls ? 2u : 0u) + (t->tls && t->tls_profile.verify ? 1u : 0u)};
    hash = map_hash(hash, numbers, sizeof numbers);
    hash = map_hash(hash, &t->protocols, sizeof t->protocols);
    hash = hash_text(hash, t->proxy_host);
    hash = hash_text(hash, t->proxy_auth);
    if (!t->tls)
        return hash;
    hash = hash_text(hash, t->tls_profile.ca_file);
    hash = hash_text(hash, t->tls_profile.cert_file);
    hash = hash_text(hash, t->tls_profile.name);
    return hash_text(hash, t->tls_profile.key_file);
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_profile(const struct fetch_tls *a, const struct fetch_tls *b)
{
    return a->verify == b->verify && same(a->ca_file, b->ca_file) &&
           same(a->cert_file, b->cert_file) && same(a->key_file, b->key_file) &&
           same(a->name, b->name);
}

static bool origin_is(const void *value, const void *key)
{
    const struct fetch_origin *o = value;
    const struct fetch_target *t = key;
    return same(o->host, t->host) && o->port == t->port && o->is_tls == t->tls &&
           same(o->proxy_host, t->proxy_host) && o->proxy_port == t->proxy_port &&
           same(o->proxy_auth, t->proxy_auth) && o->protocols == t->protocols &&
           (!t->tls || same_profile(&o->profile, &t->tls_profile));
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static struct fetch_origin *origin_new(struct fetch_engine *e, const struct fetch_target *t)
{
    struct fetch_origin *o = mem_zalloc(sizeof *o);
    o->self = o;
    o->engine = e;
    o->protocols = t->protocols;
    o->host = copy(t->host);
    o->port = t->port;
    o->proxy_host = copy(t->proxy_host);
    o->proxy_port = t->proxy_port;
    o->proxy_auth = copy(t->proxy_auth);
    o->is_tls = t->tls;
    if (t->tls) {
        o->profile.verify = t->tls_profile.verify;
        o->profile.ca_file = copy(t->tls_profile.ca_file);
        o->profile.cert_file = copy(t->tls_profile.cert_file);
        o->profile.key_file = copy(t->tls_profile.key_file);
        o->profile.name = copy(t->tls_profile.name);
    }
    return o;
}

const struct fetch_origin *fetch_origin_get(struct fetch_engine *e, const struct fetch_target *t)
{
    HANDLE_IS(e, ENGINE_TAG);
    struct fetch_target target = *t;
    if (!t->protocols)
        target.protocols = e->protocols;
    if (!t->proxy_host) {
        target.proxy_port = 0;
        target.proxy_auth = NULL;
    } else if (!t->tls && !t->tunnels) {
        target = (struct fetch_target){
            .host = t->proxy_host, .port = t->proxy_port, .protocols = e->protocols};
    }
    const uint64_t hash = hash_target(&target);
    struct fetch_origin *o = map_find(&e->origins, hash, origin_is, &target);
    if (!o) {
        o = origin_new(e, &target);
        o->hash = hash;
        map_add(&e->origins, hash, o);
    }
    return origin_ref(o);
}

void origin_fall_back(const struct fetch_origin *origin)
{
    struct fetch_origin *o = origin->self;
    const struct fetch_target t = {.host = o->host,
                                   .port = o->port,
                                   .tls = o->is_tls,
                                   .tls_profile = o->profile,
                                   .proxy_host = o->proxy_host,
                                   .proxy_port = o->proxy_port,
                                   .proxy_auth = o->proxy_auth};
    if (!o->instead && o->protocols->list[1])
        o->instead = fetch_origin_get(o->engine, &t)->self;
}

struct fetch_origin *origin_ref(const struct fetch_origin *o)
{
    o->self->refs++;
    return o->self;
}

void fetch_origin_put(const struct fetch_origin *origin)
{
    struct fetch_origin *o = origin->self;
    if (--o->refs)
        return;
    map_remove(&o->engine->origins, o->hash, o);
    if (o->instead)
        fetch_origin_put(o->instead);
    origin_free(o);
}

size_t fetch_host_len(const char *authority, size_t len, bool is_tls)
{
    size_t at = len;
    unsigned port = 0;
    if (len < 2 || memcmp(authority + len - 2, is_tls ? "43" : "80", 2) != 0)
        return len; /* nearly all */
    for (unsigned place = 1; at && authority[at - 1] >= '0' && authority[at - 1] <= '9';
         place *= 10)
        port += place * (unsigned)(authority[--at] - '0');
    const bool is_usual = at && at < len && authority[at - 1] == ':' && port == (is_tls ? 443 : 80);
    return is_usual ? at - 1 : len;
}

bool fetch_origin_is_tls(const struct fetch_origin *origin)
{
    return origin->is_tls;
}

void origin_free(struct fetch_origin *o)
{
    if (!o)
        return;
    tls_origin_free(o->tls_state);
    free((void *)(uintptr_t)o->profile.ca_file);
    free((void *)(uintptr_t)o->profile.cert_file);
    free((void *)(uintptr_t)o->profile.key_file);
    free((void *)(uintptr_t)o->profile.name);
    free(o->host);
    free(o->proxy_host);
    free(o->proxy_auth);
    free(o);
}

/* The names of the protocols as ALPN offers them. */
static struct sbuf offer(const struct protocols *protocols)
{
    struct sbuf names = {0};
    for (const struct protocol *const *p = protocols->list; *p; p++) {
        sbuf_addc(&names, (char)strlen((*p)->name));
        sbuf_adds(&names, (*p)->name);
    }
    return names;
}

struct tls_origin *origin_tls(const struct fetch_origin *origin)
{
    struct fetch_origin *o = origin->self;
    if (!o->tls_state) {
        struct sbuf names = offer(o->protocols);
        const struct tls_profile p = {o->profile.verify, o->profile.ca_file, o->profile.cert_file,
                                      o->profile.key_file, names.data};
        o->tls_state =
            tls_origin_new(o->engine->tls, &p, o->profile.name ? o->profile.name : o->host);
        sbuf_fini(&names);
    }
    return o->tls_state;
}
