// SPDX-License-Identifier: MIT
/* listen: see listen.h. Limits: 64 threads, of which the live sockets may take LIVE_SOCKETS_MAX;
 * 16 KB of headers; 5 s for a request to arrive and for a write to get on. No keep-alive: every
 * answer ends its connection (reply.h). No document root, no cross-origin answers. */
#include "master/web/listen.h"

#include "common/base/log.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool fail(char **why, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(char **why, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vasprintf(why, format, args) < 0)
        *why = NULL;
    va_end(args);
    return false;
}

/* -- address -- */

static bool resolve(const char *bound, int port, struct addrinfo **found, char **why)
{
    char service[16];
    bool has_ipv6 = mg_check_feature(MG_FEATURES_IPV6) != 0; /* Debian's civetweb has not */
    struct addrinfo hints = {.ai_flags = AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM,
                             .ai_family = has_ipv6 ? AF_UNSPEC : AF_INET};
    snprintf(service, sizeof service, "%d", port);
    int rc = getaddrinfo(bound, service, &hints, found);
    if (rc == 0)
        return true;
    if (!has_ipv6 && strchr(bound, ':') != NULL)
        return fail(why,
                    "the web server library of this system has no IPv6: %s cannot be used; "
                    "give an IPv4 address with --web-host",
                    bound);
    return fail(why,
                "the web host %s does not resolve (%s); give an address of this machine with "
                "--web-host, or \"*\" for every interface",
                bound, gai_strerror(rc));
}

/* Binds and lets go: tells in time, and in words, what civetweb would only fail at. */
static bool probe(const struct addrinfo *a, const char *bound, int port, char **why)
{
    int on = 1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(why, "cannot open a socket for the page: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool is_ok = bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1) == 0;
    int error = errno;
    close(fd);
    if (is_ok)
        return true;
    if (error == EADDRINUSE)
        return fail(why,
                    "the page cannot listen on %s port %d: it is in use; choose another with "
                    "--web-port, or end the program that has it",
                    bound, port);
    if (error == EACCES)
        return fail(why,
                    "the page may not listen on %s port %d; choose a port above 1023 with "
                    "--web-port",
                    bound, port);
    if (error == EADDRNOTAVAIL)
        return fail(why,
                    "the page cannot listen on %s: no interface of this machine has that "
                    "address; give another with --web-host",
                    bound);
    return fail(why, "the page cannot listen on %s port %d: %s", bound, port, strerror(error));
}

static void write_spec(struct listen *l, const struct addrinfo *a, bool is_wildcard, int port)
{
    char address[INET6_ADDRSTRLEN + 8];
    const char *tls = l->has_tls ? "s" : "";
    getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST);
    int v6 = is_wildcard && mg_check_feature(MG_FEATURES_IPV6)
                 ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)
                 : -1;
    if (v6 >= 0) {
        close(v6);
        snprintf(l->spec, sizeof l->spec, "+%d%s", port, tls);
    } else if (is_wildcard) {
        snprintf(l->spec, sizeof l->spec, "%d%s", port, tls);
    } else if (a->ai_family == AF_INET6) {
        snprintf(l->spec, sizeof l->spec, "[%s]:%d%s", address, port, tls);
    } else {
        snprintf(l->spec, sizeof l->spec, "%s:%d%s", address, port, tls);
    }
}

/* -- certificate -- */

int listen_load_tls(const struct listen *l, void *ssl_ctx)
{
    SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION);
    if (SSL_CTX_use_certificate_chain_file(ssl_ctx, l->tls_cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ssl_ctx, l->tls_key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl_ctx) != 1)
        return -1;
    return 1;
}

/* civetweb loads OpenSSL by name. Releases before 1.16 ask for a function that OpenSSL 3 does not
 * have any more, and call it through NULL at the first connection. */
static bool can_serve_tls(void)
{
    void *library = dlopen("libssl.so", RTLD_LAZY);
    bool has_function = library != NULL && dlsym(library, "SSL_get_peer_certificate") != NULL;
    bool is_new = strverscmp(mg_version(), "1.16") >= 0;
    if (library != NULL)
        dlclose(library);
    return library != NULL && (has_function || is_new);
}

static bool check_tls(struct listen *l, char **why)
{
    if (!can_serve_tls())
        return fail(why,
                    "the web server library of this system (civetweb %s) cannot serve TLS with "
                    "its OpenSSL; leave out --tls-cert and --tls-key, and put a proxy that "
                    "speaks TLS in front of the page",
                    mg_version());
    if ((l->tls_cert != NULL) != (l->tls_key != NULL))
        return fail(why, "--tls-cert and --tls-key must be given together");
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bool is_ok = ctx != NULL && listen_load_tls(l, ctx) == 1;
    const char *cause = is_ok ? NULL : ERR_reason_error_string(ERR_peek_last_error());
    SSL_CTX_free(ctx);
    if (is_ok)
        return true;
    return fail(why,
                "the certificate %s with the key %s cannot be used (%s); both must be PEM "
                "files that belong together",
                l->tls_cert, l->tls_key, cause != NULL ? cause : "unknown cause");
}

bool listen_init(struct listen *l, const struct web_config *c, const char *bound, char **why)
{
    struct addrinfo *found = NULL;
    memset(l, 0, sizeof *l);
    l->tls_cert = c->tls_cert;
    l->tls_key = c->tls_key;
    l->has_tls = c->tls_cert != NULL || c->tls_key != NULL;
    if (l->has_tls && !check_tls(l, why))
        return false;
    if (!resolve(bound, c->port, &found, why))
        return false;
    bool is_ok = probe(found, bound, c->port, why);
    bool is_wildcard = strcmp(bound, "0.0.0.0") == 0 || strcmp(bound, "::") == 0;
    write_spec(l, found, is_wildcard, c->port);
    freeaddrinfo(found);
    l->port = c->port;
    const char *options[] = {"listening_ports",
                             l->spec,
                             "num_threads",
                             "64",
                             "enable_keep_alive",
                             "no",
                             "request_timeout_ms",
                             "5000",
                             "websocket_timeout_ms",
                             "2000",
                             "enable_websocket_ping_pong",
                             "yes",
                             "tcp_nodelay",
                             "1",
                             "max_request_size",
                             "16384",
                             "access_control_allow_origin",
                             "",
                             "enable_directory_listing",
                             "no",
                             NULL};
    memcpy(l->options, options, sizeof options);
    return is_ok;
}

void listen_read_port(struct listen *l, struct mg_context *ctx)
{
    struct mg_server_port ports[4];
    int count = mg_get_server_ports(ctx, 4, ports);
    if (count > 0)
        l->port = ports[0].port;
}
