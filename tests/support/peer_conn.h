// SPDX-License-Identifier: MIT
#pragma once
/* peer_conn: what a serve function does with its connection to the client under test: reads, says,
 * resets it, waits for its end. Blocking, plain or TLS. */
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <linux/sockios.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEER_REQUEST_MAX (1 << 20)

struct peer;

struct peer_conn {
    struct peer *peer;
    pthread_t thread;
    int fd, index; /* the how-manieth connection, from 0 */
    SSL *ssl;
    char *request; /* the last one read, NUL-terminated */
    size_t request_len;
};

static inline long peer_recv(struct peer_conn *c, void *buffer, size_t len)
{
    return c->ssl ? SSL_read(c->ssl, buffer, (int)len) : recv(c->fd, buffer, len, 0);
}

/* False when the client has gone. */
static inline bool peer_send(struct peer_conn *c, const void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        const long n = c->ssl ? SSL_write(c->ssl, (const char *)bytes + at, (int)(len - at))
                              : send(c->fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static inline bool peer_say(struct peer_conn *c, const char *text)
{
    return peer_send(c, text, strlen(text));
}

/* One request: head, and Content-Length bytes of body. False at the end of the connection. */
static inline bool peer_read_request(struct peer_conn *c)
{
    if (!c->request)
        c->request = malloc(PEER_REQUEST_MAX + 1);
    c->request_len = 0;
    size_t want = SIZE_MAX;
    while (c->request_len < want && c->request_len < PEER_REQUEST_MAX) {
        const long n = peer_recv(c, c->request + c->request_len, PEER_REQUEST_MAX - c->request_len);
        if (n <= 0)
            return false;
        c->request_len += (size_t)n;
        c->request[c->request_len] = 0;
        const char *end = strstr(c->request, "\r\n\r\n");
        if (end && want == SIZE_MAX) {
            const char *length = strstr(c->request, "Content-Length: ");
            want = (size_t)(end + 4 - c->request) +
                   (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
        }
    }
    return true;
}

static inline bool peer_asked(const struct peer_conn *c, const char *path)
{
    const char *at = strchr(c->request, ' ');
    return at && strncmp(at + 1, path, strlen(path)) == 0 && at[1 + strlen(path)] == ' ';
}

/* The client sees ECONNRESET instead of an orderly end. */
static inline void peer_reset(struct peer_conn *c)
{
    const struct linger hard = {1, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/* Waits until what was said has come to the client's kernel: a reset would take it back. */
static inline void peer_await_arrival(struct peer_conn *c)
{
    for (int left = 0; ioctl(c->fd, SIOCOUTQ, &left) == 0 && left > 0;)
        usleep(100);
}

/* Waits for the test; false when it did not come within the time. */
static inline bool peer_await(const atomic_bool *what, int timeout_ms)
{
    for (; !*what && timeout_ms > 0; timeout_ms--)
        usleep(1000);
    return *what;
}

/* Waits until the client closes; true when it did within the time. */
static inline bool peer_await_end(struct peer_conn *c, int timeout_ms)
{
    struct pollfd p = {c->fd, POLLIN | POLLRDHUP, 0};
    char byte;
    return poll(&p, 1, timeout_ms) == 1 && recv(c->fd, &byte, 1, MSG_PEEK) <= 0;
}
