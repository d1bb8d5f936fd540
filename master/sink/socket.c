// SPDX-License-Identifier: MIT
/* socket: see the header. */
#include "master/sink/socket.h"
#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DATAGRAM_UDP 1432
#define DATAGRAM_UNIX 8192

#define SOCKET_TAG 0x736f636bu /* "sock" */

struct socket_to {
    uint32_t tag; /* handle.h */
    char *shown;  /* the target */
    char *host, port[16];
    char *path; /* of unix; or NULL */
    int type;
    int fd; /* -1: not connected */
};

/* HOST, HOST:PORT, [v6]:PORT. */
static bool read_host(struct socket_to *s, const char *text, int port)
{
    const char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");
    if (!end)
        return false;
    const bool is_bracketed = *end == ']';
    s->host = mem_dup(text + is_bracketed, (size_t)(end - text) - is_bracketed);
    end += is_bracketed;
    snprintf(s->port, sizeof s->port, "%d", port);
    if (*end == ':') {
        char *rest;
        const long number = strtol(end + 1, &rest, 10);
        if (*rest || number < 1 || number > 65535)
            return false;
        snprintf(s->port, sizeof s->port, "%ld", number);
        return *s->host != 0;
    }
    return !*end && *s->host;
}

static bool read_target(struct socket_to *s, const char *target, const char *scheme, int port)
{
    const char *rest = strstr(target, "://");
    const char *given = rest ? target : scheme;
    const size_t len = rest ? (size_t)(rest - target) : strlen(scheme);
    rest = rest ? rest + 3 : target;
    if (len == 4 && !strncmp(given, "unix", 4)) {
        s->type = SOCK_DGRAM;
        s->path = mem_strdup(rest);
        return rest[0] == '/' && strlen(rest) < sizeof((struct sockaddr_un *)0)->sun_path;
    }
    s->type = len == 3 && !strncmp(given, "udp", 3) ? SOCK_DGRAM : SOCK_STREAM;
    if (s->type == SOCK_STREAM && (len != 3 || strncmp(given, "tcp", 3) != 0))
        return false;
    return read_host(s, rest, port);
}

struct socket_to *socket_new(const char *target, const char *scheme, int port)
{
    struct socket_to *s = mem_zalloc(sizeof *s);
    HANDLE_MADE(s, SOCKET_TAG);
    s->fd = -1;
    s->shown = mem_strdup(target);
    if (read_target(s, target, scheme, port))
        return s;
    socket_free(s);
    return NULL;
}

static void hang_up(struct socket_to *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void socket_free(struct socket_to *s)
{
    if (!s)
        return;
    HANDLE_IS(s, SOCKET_TAG);
    hang_up(s);
    free(s->shown);
    free(s->host);
    free(s->path);
    HANDLE_ENDS(s);
    free(s);
}

bool socket_is_stream(const struct socket_to *s)
{
    HANDLE_IS(s, SOCKET_TAG);
    return s->type == SOCK_STREAM;
}

size_t socket_datagram_most(const struct socket_to *s)
{
    HANDLE_IS(s, SOCKET_TAG);
    return s->path ? DATAGRAM_UNIX : DATAGRAM_UDP;
}

/* ---- connecting -------------------------------------------------------------------------- */

static int fail(const struct socket_to *s, struct sbuf *why, const char *what)
{
    sbuf_addf(why, "%s: %s", s->shown, what);
    return -1;
}

static int wait_for(int fd, short events, uint64_t until)
{
    for (;;) {
        const uint64_t now = clk_mono_ns();
        struct pollfd p = {fd, events, 0};
        const int ms = now < until ? (int)((until - now) / 1000000) + 1 : 0;
        const int rc = poll(&p, 1, ms);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc == 0)
            errno = ETIMEDOUT;
        return rc > 0 ? 0 : -1;
    }
}

static int connect_one(const struct addrinfo *a, uint64_t until)
{
    int error = 0;
    socklen_t len = sizeof error;
    const int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, until) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0) {
        if (error == 0)
            return fd;
        errno = error;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int dial_unix(struct socket_to *s, uint64_t until)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct addrinfo a = {.ai_family = AF_UNIX,
                         .ai_socktype = SOCK_DGRAM,
                         .ai_addr = (struct sockaddr *)&to,
                         .ai_addrlen = sizeof to};
    memcpy(to.sun_path, s->path, strlen(s->path) + 1);
    return connect_one(&a, until);
}

static int dial(struct socket_to *s, uint64_t until, struct sbuf *why)
{
    const struct addrinfo hints = {.ai_socktype = s->type};
    struct addrinfo *list = NULL;
    if (s->fd >= 0)
        return 0;
    if (s->path) {
        s->fd = dial_unix(s, until);
    } else {
        const int rc = getaddrinfo(s->host, s->port, &hints, &list);
        if (rc != 0)
            return fail(s, why, gai_strerror(rc));
        for (const struct addrinfo *a = list; a && s->fd < 0; a = a->ai_next)
            s->fd = connect_one(a, until);
        freeaddrinfo(list);
    }
    return s->fd >= 0 ? 0 : fail(s, why, strerror(errno));
}

static uint64_t deadline(double timeout_s)
{
    return clk_mono_ns() + (uint64_t)(timeout_s * 1e9);
}

int socket_reach(struct socket_to *s, double timeout_s, struct sbuf *why)
{
    HANDLE_IS(s, SOCKET_TAG);
    return dial(s, deadline(timeout_s), why);
}

/* ---- sending ----------------------------------------------------------------------------- */

/* What the peer closed is found out by reading: a write to it would seem to arrive. */
static bool is_closed(const struct socket_to *s)
{
    char byte;
    return s->type == SOCK_STREAM && s->fd >= 0 &&
           (recv(s->fd, &byte, 1, MSG_DONTWAIT) == 0 ||
            (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != 0));
}

static int send_all(struct socket_to *s, const char *bytes, size_t len, uint64_t until)
{
    while (len > 0) {
        const ssize_t n = send(s->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            if (wait_for(s->fd, POLLOUT, until) != 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

int socket_send(struct socket_to *s, const void *bytes, size_t len, double timeout_s,
                struct sbuf *why)
{
    HANDLE_IS(s, SOCKET_TAG);
    const uint64_t until = deadline(timeout_s);
    errno = 0;
    if (is_closed(s))
        hang_up(s);
    if (dial(s, until, why) != 0)
        return -1;
    if (send_all(s, bytes, len, until) == 0)
        return 0;
    fail(s, why, strerror(errno));
    hang_up(s);
    return -1;
}
