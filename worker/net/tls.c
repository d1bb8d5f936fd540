// SPDX-License-Identifier: MIT
/* OpenSSL reads ahead (one read for header and record) and gives its buffers back when they are
 * empty. Closing sends no close_notify, as HTTP clients do, and leaves the session usable. */
#include "worker/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "worker/net/sock.h"

#define RECORD_MAX 16384
#define SESSIONS_MAX 16

struct context { /* one per profile */
    struct context *next;
    struct tls_profile profile;
    SSL_CTX *ctx;
};

#define TLS_TAG 0x746c735fu /* "tls_" */

struct tls {
    uint32_t tag;
    struct context *contexts;
    BIO_METHOD *stamped; /* reads as sock_read does, for its stamps */
    char text[256];
    char record[RECORD_MAX]; /* where the parts of a write come together */
};

#define TLS_ORIGIN_TAG 0x746c736fu /* "tlso" */

struct tls_origin {
    uint32_t tag; /* handle.h */
    struct tls *tls;
    SSL_CTX *ctx;                        /* borrowed from a context */
    SSL_SESSION *sessions[SESSIONS_MAX]; /* newest last */
    unsigned session_count;
    char *host;
    bool verify, is_address;
};

static const struct stream_ops tls_ops;

static int stamped_read(BIO *bio, char *buffer, int len)
{
    BIO_clear_retry_flags(bio);
    const long n = sock_read(BIO_get_data(bio), buffer, (size_t)len);
    if (n == STREAM_AGAIN)
        BIO_set_retry_read(bio);
    else if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return n < 0 ? -1 : (int)n;
}

static long stamped_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    return command == BIO_CTRL_EOF && BIO_test_flags(bio, BIO_FLAGS_IN_EOF);
}

static BIO *stamped_bio(struct tls *tls, struct stream *s)
{
    BIO *bio = BIO_new(tls->stamped);
    if (!bio)
        abort(); /* out of memory */
    BIO_set_data(bio, s);
    BIO_set_init(bio, 1);
    return bio;
}

struct tls *tls_new(void)
{
    struct tls *tls = mem_zalloc(sizeof *tls);
    HANDLE_MADE(tls, TLS_TAG);
    tls->stamped =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket with time stamps");
    if (!tls->stamped)
        abort(); /* out of memory */
    BIO_meth_set_read(tls->stamped, stamped_read);
    BIO_meth_set_ctrl(tls->stamped, stamped_ctrl);
    return tls;
}

static void context_free(struct context *c)
{
    free((void *)(uintptr_t)c->profile.ca_file);
    free((void *)(uintptr_t)c->profile.cert_file);
    free((void *)(uintptr_t)c->profile.key_file);
    free((void *)(uintptr_t)c->profile.offer);
    SSL_CTX_free(c->ctx);
    free(c);
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    HANDLE_IS(tls, TLS_TAG);
    while (tls->contexts) {
        struct context *c = tls->contexts;
        tls->contexts = c->next;
        context_free(c);
    }
    BIO_meth_free(tls->stamped);
    HANDLE_ENDS(tls);
    free(tls);
}

const char *tls_text(const struct tls *tls)
{
    HANDLE_IS(tls, TLS_TAG);
    return tls->text;
}

/* The deepest reason OpenSSL has, in words. */
static void note_error(struct tls *tls, const char *what)
{
    const unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (code && ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    snprintf(tls->text, sizeof tls->text, "%s%s%s", what, *what && reason ? ": " : "",
             reason  ? reason
             : *what ? ""
                     : "unknown error");
    ERR_clear_error();
}

/* ---- contexts ---- */

static bool is_for_once(const SSL_SESSION *session)
{
    return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static void forget_oldest(struct tls_origin *o)
{
    SSL_SESSION_free(o->sessions[0]);
    o->session_count--;
    memmove(o->sessions, o->sessions + 1, o->session_count * sizeof *o->sessions);
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_origin *o = SSL_get_app_data(ssl);
    const unsigned kept = is_for_once(session) ? SESSIONS_MAX - 1 : 0;
    while (o->session_count > kept)
        forget_oldest(o);
    o->sessions[o->session_count++] = session;
    return 1; /* the reference is ours now */
}

/* For a new connection; a reference, or NULL. The last one is for all who come until it is used:
 * nothing is lost if the server does not take it. */
static SSL_SESSION *take_session(struct tls_origin *o)
{
    while (o->session_count) {
        SSL_SESSION *newest = o->sessions[o->session_count - 1];
        const bool is_good = SSL_SESSION_is_resumable(newest);
        if (is_good && (o->session_count == 1 || !is_for_once(newest))) {
            SSL_SESSION_up_ref(newest);
            return newest;
        }
        o->session_count--;
        if (is_good)
            return newest;
        SSL_SESSION_free(newest); /* OpenSSL marks those that were used */
    }
    return NULL;
}

static bool load_authorities(struct tls *tls, SSL_CTX *ctx, const char *path)
{
    struct stat st;
    int ok;
    if (!path)
        ok = SSL_CTX_set_default_verify_paths(ctx);
    else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        ok = SSL_CTX_load_verify_dir(ctx, path);
    else
        ok = SSL_CTX_load_verify_file(ctx, path);
    if (!ok) {
        char what[160];
        snprintf(what, sizeof what, "cannot read certificate authorities %s", path ? path : "");
        note_error(tls, what);
    }
    return ok;
}

static bool load_identity(struct tls *tls, SSL_CTX *ctx, const struct tls_profile *p)
{
    if (!p->cert_file)
        return true;
    const char *key = p->key_file ? p->key_file : p->cert_file;
    const char *wrong = NULL;
    if (SSL_CTX_use_certificate_chain_file(ctx, p->cert_file) != 1)
        wrong = p->cert_file;
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        wrong = key;
    if (!wrong)
        return true;
    char what[160];
    snprintf(what, sizeof what, "cannot use client certificate %s", wrong);
    note_error(tls, what);
    return false;
}

static SSL_CTX *ctx_new(struct tls *tls, const struct tls_profile *p)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx) {
        note_error(tls, "no TLS context");
        return NULL;
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_quiet_shutdown(ctx, 1);
    if (p->offer)
        SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)p->offer, (unsigned)strlen(p->offer));
    SSL_CTX_set_verify(ctx, p->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    if ((p->verify && !load_authorities(tls, ctx, p->ca_file)) || !load_identity(tls, ctx, p)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static SSL_CTX *context_get(struct tls *tls, const struct tls_profile *p)
{
    for (const struct context *c = tls->contexts; c; c = c->next) {
        if (c->profile.verify == p->verify && same(c->profile.ca_file, p->ca_file) &&
            same(c->profile.cert_file, p->cert_file) && same(c->profile.key_file, p->key_file) &&
            same(c->profile.offer, p->offer))
            return c->ctx;
    }
    SSL_CTX *ctx = ctx_new(tls, p);
    if (!ctx)
        return NULL;
    struct context *c = mem_zalloc(sizeof *c);
    c->ctx = ctx;
    c->profile = (struct tls_profile){p->verify, copy(p->ca_file), copy(p->cert_file),
                                      copy(p->key_file), copy(p->offer)};
    c->next = tls->contexts;
    tls->contexts = c;
    return ctx;
}

/* ---- origins ---- */

struct tls_origin *tls_origin_new(struct tls *tls, const struct tls_profile *p, const char *host)
{
    HANDLE_IS(tls, TLS_TAG);
    SSL_CTX *ctx = context_get(tls, p);
    if (!ctx)
        return NULL;
    struct tls_origin *o = mem_zalloc(sizeof *o);
    HANDLE_MADE(o, TLS_ORIGIN_TAG);
    unsigned char address[sizeof(struct in6_addr)];
    o->tls = tls;
    o->ctx = ctx;
    o->host = mem_strdup(host);
    o->verify = p->verify;
    o->is_address =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    return o;
}

void tls_origin_free(struct tls_origin *o)
{
    if (!o)
        return;
    HANDLE_IS(o, TLS_ORIGIN_TAG);
    while (o->session_count)
        forget_oldest(o);
    free(o->host);
    HANDLE_ENDS(o);
    free(o);
}

/* ---- streams ---- */

/* A host name that OpenSSL refuses (too long, a NUL) must not weaken the check: none will match. */
static void expect_host(SSL *ssl, const struct tls_origin *o)
{
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int ok = o->is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), o->host)
                                 : SSL_set1_host(ssl, o->host);
    if (!ok)
        SSL_set1_host(ssl, "invalid.invalid");
}

void tls_start(struct tls_origin *o, struct stream *s)
{
    HANDLE_IS(o, TLS_ORIGIN_TAG);
    SSL *ssl = SSL_new(o->ctx);
    if (!ssl)
        abort(); /* out of memory */
    SSL_set_app_data(ssl, o);
    SSL_set0_rbio(ssl, stamped_bio(o->tls, s));
    SSL_set0_wbio(ssl, BIO_new_socket(s->fd, BIO_NOCLOSE));
    if (!o->is_address)
        SSL_set_tlsext_host_name(ssl, o->host);
    if (o->verify)
        expect_host(ssl, o);
    SSL_SESSION *session = take_session(o);
    if (session)
        SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
    SSL_set_connect_state(ssl);
    s->tls = ssl;
    s->ops = &tls_ops;
}

void tls_move(struct stream *to, struct stream *from)
{
    *to = *from;
    *from = (struct stream){.fd = -1};
    if (to->tls)
        BIO_set_data(SSL_get_rbio(to->tls), to);
}

static struct tls *tls_of(SSL *ssl)
{
    return ((struct tls_origin *)SSL_get_app_data(ssl))->tls;
}

enum tls_step tls_handshake(struct stream *s)
{
    SSL *ssl = s->tls;
    ERR_clear_error();
    errno = 0;
    const int n = SSL_do_handshake(ssl);
    if (n == 1)
        return TLS_DONE;
    const int error = SSL_get_error(ssl, n);
    if (error == SSL_ERROR_WANT_READ)
        return TLS_WANT_READ;
    if (error == SSL_ERROR_WANT_WRITE)
        return TLS_WANT_WRITE;
    struct tls *tls = tls_of(ssl);
    const long verdict = SSL_get_verify_result(ssl);
    s->sys = errno;
    if (error == SSL_ERROR_SSL && verdict != X509_V_OK &&
        ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        snprintf(tls->text, sizeof tls->text, "%s", X509_verify_cert_error_string(verdict));
        ERR_clear_error();
        return TLS_NOT_TRUSTED;
    }
    if (error == SSL_ERROR_SSL)
        note_error(tls, "");
    else
        snprintf(tls->text, sizeof tls->text, "%s",
                 s->sys ? strerror(s->sys) : "connection closed during the handshake");
    return TLS_FAILED;
}

const char *tls_protocol(const struct stream *s, size_t *len)
{
    const unsigned char *name = NULL;
    unsigned name_len = 0;
    SSL_get0_alpn_selected(s->tls, &name, &name_len);
    *len = name_len;
    return (const char *)name;
}

bool tls_is_resumed(const struct stream *s)
{
    return SSL_session_reused(s->tls);
}

unsigned tls_version(const struct stream *s)
{
    const int version = s->tls ? SSL_version(s->tls) : 0;
    return version >= TLS1_VERSION && version <= TLS1_3_VERSION
               ? 10 + (unsigned)(version - TLS1_VERSION)
               : 0;
}

static long result(struct stream *s, int n)
{
    SSL *ssl = s->tls;
    const int error = SSL_get_error(ssl, n);
    switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        s->sys = errno ? errno : ECONNRESET;
        return STREAM_FAILED;
    default:
        note_error(tls_of(ssl), "");
        s->sys = EPROTO;
        return STREAM_FAILED;
    }
}

/* What was left there would be taken for what the next call says. Clearing an empty queue costs as
 * much as a full one. */
static void forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

static long tls_read(struct stream *s, void *buffer, size_t len)
{
    forget_errors();
    errno = 0;
    const int n = SSL_read(s->tls, buffer, len < INT32_MAX ? (int)len : INT32_MAX);
    return n > 0 ? n : result(s, n);
}

static long tls_write(struct stream *s, const struct iovec *parts, int count)
{
    const char *bytes = parts[0].iov_base;
    size_t len = parts[0].iov_len;
    if (count > 1 && len < RECORD_MAX) {
        char *record = tls_of(s->tls)->record;
        const size_t room = RECORD_MAX - len;
        const size_t more = parts[1].iov_len < room ? parts[1].iov_len : room;
        memcpy(record, bytes, len);
        memcpy(record + len, parts[1].iov_base, more);
        bytes = record;
        len += more;
    }
    forget_errors();
    errno = 0;
    const int n = SSL_write(s->tls, bytes, len < INT32_MAX ? (int)len : INT32_MAX);
    return n > 0 ? n : result(s, n);
}

static bool tls_has_pending(const struct stream *s)
{
    return SSL_has_pending(s->tls);
}

static void tls_close(struct stream *s)
{
    SSL_shutdown(s->tls);
    SSL_free(s->tls);
    s->tls = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static const struct stream_ops tls_ops = {tls_read, tls_write, tls_has_pending, tls_close};
