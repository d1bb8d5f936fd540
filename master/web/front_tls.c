// SPDX-License-Identifier: MIT
/* front_tls: loads a certificate and its key for the front, and words what is wrong with them. */
#include "master/web/front.h"

#include "common/base/sbuf.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
