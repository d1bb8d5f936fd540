// SPDX-License-Identifier: MIT
/* One system call per operation: send without SIGPIPE for one part, sendmsg for more. */
#include "worker/net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

static long result(struct stream *s, ssize_t n)
{
    if (n >= 0)
        return (long)n;
    if (errno == EAGAIN || errno == EINTR)
        return STREAM_AGAIN;
    s->sys = errno;
    return STREAM_FAILED;
}

static long sock_read(struct stream *s, void *buffer, size_t len)
{
    return result(s, recv(s->fd, buffer, len, 0));
}

static long sock_write(struct stream *s, const struct iovec *parts, int count)
{
    if (count == 1)
        return result(s, send(s->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL));
    struct iovec copy[2] = {parts[0], parts[1]};
    const struct msghdr message = {.msg_iov = copy, .msg_iovlen = 2};
    return result(s, sendmsg(s->fd, &message, MSG_NOSIGNAL));
}

static bool sock_has_pending(const struct stream *s)
{
    (void)s;
    return false;
}

static void sock_close(struct stream *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static const struct stream_ops plain = {sock_read, sock_write, sock_has_pending, sock_close};

int sock_connect(struct stream *s, const union sock_addr *to, uint16_t port)
{
    union sock_addr addr = *to;
    socklen_t len = sizeof addr.v4;
    if (to->any.sa_family == AF_INET6) {
        addr.v6.sin6_port = htons(port);
        len = sizeof addr.v6;
    } else {
        addr.v4.sin_port = htons(port);
    }
    const int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, &addr.any, len) != 0 && errno != EINPROGRESS) {
        const int sys = errno;
        close(fd);
        return sys;
    }
    *s = (struct stream){.ops = &plain, .fd = fd};
    return 0;
}

int sock_error(const struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}
