// SPDX-License-Identifier: MIT
/* One system call per operation: send without SIGPIPE for one part, sendmsg for more.
 *
 * The kernel stamps what it receives, and a read takes the stamp along: an answer that waited for
 * a busy loop is measured to its arrival, not to the moment the loop came round to it. */
#include "worker/net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <time.h>
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

static uint64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return 0;
}

static void take_unread(struct stream *s)
{
    recv(s->fd, NULL, s->unread, MSG_TRUNC | MSG_DONTWAIT);
    s->unread = 0;
}

static inline bool has_unread(const struct stream *s)
{
    return __builtin_expect(s->unread > 0, 0);
}

static void leave_unread(struct stream *s, size_t n, size_t len)
{
    s->unread = (uint32_t)n;
    if (n == len) /* there is more */
        take_unread(s);
}

long sock_read(struct stream *s, void *buffer, size_t len)
{
    char control[CMSG_SPACE(sizeof(struct timespec))] __attribute__((aligned(8)));
    struct iovec part = {buffer, len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    if (has_unread(s))
        take_unread(s);
    const ssize_t n = recvmsg(s->fd, &message, s->acks_late ? MSG_PEEK : 0);
    if (n > 0) {
        s->arrived_wall_ns = stamp_of(&message);
        if (s->acks_late)
            leave_unread(s, (size_t)n, len);
    }
    return result(s, n);
}

static ssize_t send_parts(const struct stream *s, const struct iovec *parts, int count)
{
    if (count == 1)
        return send(s->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
    struct iovec copy[2] = {parts[0], parts[1]};
    const struct msghdr message = {.msg_iov = copy, .msg_iovlen = 2};
    return sendmsg(s->fd, &message, MSG_NOSIGNAL);
}

static long sock_write(struct stream *s, const struct iovec *parts, int count)
{
    const long n = result(s, send_parts(s, parts, count));
    if (has_unread(s)) /* it was acknowledged with that */
        take_unread(s);
    return n;
}

static bool sock_has_pending(const struct stream *s)
{
    (void)s;
    return false;
}

static void sock_close(struct stream *s)
{
    if (has_unread(s)) /* else the peer gets a reset, which takes back what was said to it */
        take_unread(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static const struct stream_ops plain = {sock_read, sock_write, sock_has_pending, sock_close};

/* The port is chosen when the peer is known: there are as many for each peer. */
static int come_from(int fd, const struct sockaddr_storage *from)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, (const struct sockaddr *)from, sizeof *from) == 0 ? 0 : errno;
}

int sock_connect(struct stream *s, const union sock_addr *to, uint16_t port,
                 const struct sockaddr_storage *from)
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
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on); /* without: no stamps, no harm */
    int sys = from ? come_from(fd, from) : 0;
    if (sys == 0 && connect(fd, &addr.any, len) != 0 && errno != EINPROGRESS)
        sys = errno;
    if (sys != 0)
        close(fd);
    else
        *s = (struct stream){.ops = &plain, .fd = fd};
    return sys;
}

struct sock_segments sock_segments(const struct stream *s)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return (struct sock_segments){0};
    return (struct sock_segments){.data_in = info.tcpi_data_segs_in,
                                  .acks_out = info.tcpi_segs_out - info.tcpi_data_segs_out};
}

int sock_connect_path(struct stream *s, const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const size_t len = strlen(path);
    if (len >= sizeof addr.sun_path)
        return ENAMETOOLONG;
    memcpy(addr.sun_path, path, len);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)&addr, sizeof addr) != 0) {
        const int sys = errno;
        close(fd);
        return sys;
    }
    *s = (struct stream){.ops = &plain, .fd = fd};
    return 0;
}

uint64_t sock_quiet_ns(const struct stream *s)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return (uint64_t)info.tcpi_last_ack_recv * 1000000;
}

size_t sock_unacknowledged(const struct stream *s)
{
    int bytes = 0;
    return ioctl(s->fd, SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

int sock_error(const struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}
