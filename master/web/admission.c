// SPDX-License-Identifier: MIT
/* admission: see admission.h. What a verdict may depend on (method, path, query, every header, the
 * sender) is hashed; the table holds hashes only, and a full one forgets its oldest entry. */
#include "master/web/admission.h"

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "master/web/upstream.h"

#include <civetweb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct entry {
    unsigned char hash[32];
    uint64_t until; /* monotonic ns */
    char login[UPSTREAM_LOGIN_MAX + 1];
};

#define ADMISSION_TAG 0x61646d69u /* "admi" */

struct admission {
    uint32_t tag;
    pthread_mutex_t lock;
    struct entry entries[ADMISSION_ENTRIES];
    size_t next;
    uint64_t forgotten; /* how often */
};

struct admission *admission_new(void)
{
    struct admission *g = mem_zalloc(sizeof *g);
    HANDLE_MADE(g, ADMISSION_TAG);
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void admission_free(struct admission *g)
{
    if (g == NULL)
        return;
    HANDLE_IS(g, ADMISSION_TAG);
    pthread_mutex_destroy(&g->lock);
    HANDLE_ENDS(g);
    free(g);
}

/* New for each connection, and says nothing about who asks. */
static bool is_volatile(const char *name)
{
    return strcasecmp(name, "Sec-WebSocket-Key") == 0 || strcasecmp(name, "If-None-Match") == 0;
}

static void hash_text(EVP_MD_CTX *h, const char *text)
{
    EVP_DigestUpdate(h, text, strlen(text) + 1);
}

static bool hash_request(struct mg_connection *conn, const struct upstream *u,
                         unsigned char out[32])
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    EVP_MD_CTX *h = EVP_MD_CTX_new();
    bool is_ok = h != NULL && EVP_DigestInit_ex(h, EVP_sha256(), NULL) == 1;
    if (is_ok) {
        hash_text(h, u->socket);
        hash_text(h, ri->request_method);
        hash_text(h, u->path);
        hash_text(h, u->query != NULL ? u->query : "");
        hash_text(h, u->client);
        for (int i = 0; i < ri->num_headers; i++) {
            if (is_volatile(ri->http_headers[i].name))
                continue;
            hash_text(h, ri->http_headers[i].name);
            hash_text(h, ri->http_headers[i].value);
        }
        is_ok = EVP_DigestFinal_ex(h, out, NULL) == 1;
    }
    EVP_MD_CTX_free(h);
    return is_ok;
}

static bool is_known(struct admission *g, const unsigned char hash[32], char *login,
                     uint64_t *forgotten)
{
    uint64_t now = clk_mono_ns();
    bool is_found = false;
    pthread_mutex_lock(&g->lock);
    *forgotten = g->forgotten;
    for (size_t i = 0; i < ADMISSION_ENTRIES && !is_found; i++) {
        const struct entry *e = &g->entries[i];
        is_found = e->until > now && memcmp(e->hash, hash, 32) == 0;
        if (is_found)
            memcpy(login, e->login, sizeof e->login);
    }
    pthread_mutex_unlock(&g->lock);
    return is_found;
}

/* Unless all was forgotten since the host was asked. */
static void remember(struct admission *g, const unsigned char hash[32], const char *login,
                     uint64_t forgotten)
{
    pthread_mutex_lock(&g->lock);
    if (g->forgotten == forgotten) {
        struct entry *e = &g->entries[g->next++ % ADMISSION_ENTRIES];
        memcpy(e->hash, hash, 32);
        memcpy(e->login, login, sizeof e->login);
        e->until = clk_mono_ns() + ADMISSION_SECONDS * 1000000000ull;
    }
    pthread_mutex_unlock(&g->lock);
}

void admission_forget(struct admission *g)
{
    HANDLE_IS(g, ADMISSION_TAG);
    pthread_mutex_lock(&g->lock);
    g->forgotten++;
    memset(g->entries, 0, sizeof g->entries);
    pthread_mutex_unlock(&g->lock);
}

int admission_admits(struct admission *g, struct mg_connection *conn, const struct upstream *u)
{
    HANDLE_IS(g, ADMISSION_TAG);
    unsigned char hash[32];
    uint64_t forgotten = 0;
    bool has_hash = hash_request(conn, u, hash);
    if (has_hash && is_known(g, hash, u->login, &forgotten))
        return 0;
    int status = upstream_admits(conn, u);
    if (status == 0 && has_hash)
        remember(g, hash, u->login, forgotten);
    return status;
}
