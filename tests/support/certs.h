// SPDX-License-Identifier: MIT
#pragma once
/* certs: certificates made on the spot for tests of TLS. P-256 keys, serial numbers count up. */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};

struct cert_plan {
    const char *name;           /* common name */
    const char *san;            /* subjectAltName as in openssl.cnf; NULL = none, it is a CA */
    long from_days, until_days; /* from now; both 0: yesterday until in ten days */
    const struct cert *issuer;  /* NULL = self-signed */
};

static inline void cert_extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static inline struct cert cert_make(const struct cert_plan *p)
{
    static long serial;
    struct cert c = {X509_new(), EVP_EC_gen("P-256")};
    const long from = p->until_days ? p->from_days : -1, until = p->until_days ? p->until_days : 10;
    X509_set_version(c.x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c.x509), from * 86400);
    X509_gmtime_adj(X509_getm_notAfter(c.x509), until * 86400);
    X509_set_pubkey(c.x509, c.key);
    X509_NAME *name = X509_get_subject_name(c.x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)p->name, -1, -1, 0);
    X509_set_issuer_name(c.x509, p->issuer ? X509_get_subject_name(p->issuer->x509) : name);
    if (p->san)
        cert_extend(c.x509, NID_subject_alt_name, p->san);
    else
        cert_extend(c.x509, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(c.x509, p->issuer ? p->issuer->key : c.key, EVP_sha256());
    return c;
}

static inline void cert_free(struct cert *c)
{
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
}

static inline void cert_write(const struct cert *c, const char *path)
{
    FILE *f = fopen(path, "we");
    assert(f);
    PEM_write_X509(f, c->x509);
    PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
}

static inline SSL_CTX *cert_server(const struct cert *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert(SSL_CTX_use_certificate(ctx, c->x509) == 1 && SSL_CTX_use_PrivateKey(ctx, c->key) == 1);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
    return ctx;
}
