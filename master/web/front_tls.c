// SPDX-License-Identifier: MIT
/* front_tls: loads a certificate and its key for the front, at the start and when their files have
 * changed, and words what is wrong with them. */
#include "master/web/front.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOGGER "katydid.web"

static int no_passphrase(char *to, int size, int is_writing, void *arg)
{
    (void)to;
    (void)size;
    (void)is_writing;
    (void)arg;
    return 0; /* there is nobody to ask */
}

static char *words(const char *option, const char *file, const char *cause)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "%s %s cannot be used: %s", option, file, cause);
    return sbuf_take(&text);
}

/* What keeps a file from being read at all. */
static char *unreadable(const char *option, const char *file)
{
    return access(file, R_OK) == 0 ? NULL : words(option, file, strerror(errno));
}

static int choose_http1(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                        const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char http1[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, http1, sizeof http1 - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static char *load(SSL_CTX *ctx, const char *cert, const char *key)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return words("--tls-cert", cert, "it is no certificate in PEM form");
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(ctx) == 1)
        return NULL;
    unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) == ERR_LIB_X509)
        return words("--tls-key", key, "it does not belong to the certificate");
    return words("--tls-key", key, "it is no private key in PEM form without a passphrase");
}

struct ssl_ctx_st *front_load_tls(const char *cert, const char *key, char **why)
{
    *why = unreadable("--tls-cert", cert);
    if (*why == NULL)
        *why = unreadable("--tls-key", key);
    SSL_CTX *ctx = *why == NULL ? SSL_CTX_new(TLS_server_method()) : NULL;
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_alpn_select_cb(ctx, choose_http1, NULL);
    *why = load(ctx, cert, key);
    if (*why == NULL)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* -- files that change -- */

/* What tells one state of a file from another; zeros: it is not there. */
struct stamp {
    dev_t device;
    ino_t file;
    off_t size;
    struct timespec changed;
};

struct front_files {
    char *path[2];
    struct stamp seen[2], used[2]; /* seen: at the last look; used: loaded, or tried in vain */
};

static void look_at(const struct front_files *w, struct stamp now[2])
{
    struct stat s;
    memset(now, 0, 2 * sizeof *now);
    for (size_t i = 0; i < 2; i++) {
        if (stat(w->path[i], &s) != 0)
            continue;
        now[i].device = s.st_dev;
        now[i].file = s.st_ino;
        now[i].size = s.st_size;
        now[i].changed = s.st_mtim;
    }
}

static bool is_same(const struct stamp a[2], const struct stamp b[2])
{
    for (size_t i = 0; i < 2; i++)
        if (a[i].device != b[i].device || a[i].file != b[i].file || a[i].size != b[i].size ||
            a[i].changed.tv_sec != b[i].changed.tv_sec ||
            a[i].changed.tv_nsec != b[i].changed.tv_nsec)
            return false;
    return true;
}

struct front_files *front_files_new(const char *cert, const char *key)
{
    struct front_files *w = mem_zalloc(sizeof *w);
    w->path[0] = mem_strdup(cert);
    w->path[1] = mem_strdup(key);
    look_at(w, w->used);
    memcpy(w->seen, w->used, sizeof w->seen);
    return w;
}

void front_files_free(struct front_files *w)
{
    if (w == NULL)
        return;
    free(w->path[0]);
    free(w->path[1]);
    free(w);
}

/* Who renews a certificate writes one file after the other. */
struct ssl_ctx_st *front_files_look(struct front_files *w)
{
    struct stamp now[2];
    char *why = NULL;
    look_at(w, now);
    const bool is_settled = is_same(now, w->seen);
    memcpy(w->seen, now, sizeof now);
    if (!is_settled || is_same(now, w->used))
        return NULL;
    memcpy(w->used, now, sizeof now);
    struct ssl_ctx_st *fresh = front_load_tls(w->path[0], w->path[1], &why);
    if (fresh != NULL)
        log_info(LOGGER, "The certificate of the page was read again from %s", w->path[0]);
    else
        log_warning(LOGGER, "%s; the page goes on with the certificate from before",
                    why != NULL ? why : "no memory");
    free(why);
    return fresh;
}
