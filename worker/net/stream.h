// SPDX-License-Identifier: MIT
#pragma once
/* stream: a connected byte stream, plain or TLS. Non-blocking; loop thread only.
 *
 * read and write return a positive count, or one of the values below; 0 from read is the peer's
 * orderly end. After STREAM_FAILED, sys holds an errno. A stream is closed exactly once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { STREAM_AGAIN = -1, STREAM_FAILED = -2 };

struct stream;

struct stream_ops {
    long (*read)(struct stream *s, void *buffer, size_t len);
    long (*write)(struct stream *s, const struct iovec *parts, int count);
    bool (*has_pending)(const struct stream *s); /* bytes were taken off the socket, not yet read */
    void (*close)(struct stream *s);
};

struct stream {
    const struct stream_ops *ops;
    void *tls; /* owned by tls.c; NULL when plain */
    int fd;
    int sys;
    uint32_t unread;          /* bytes that were read and are still in the socket */
    bool acks_late;           /* sock.h */
    uint64_t arrived_wall_ns; /* when the kernel received the last bytes that were read off the
                                 socket, CLOCK_REALTIME; 0 = it does not say */
};
