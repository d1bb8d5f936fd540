// SPDX-License-Identifier: MIT
/* See whole.h; worker/pylib/locust/_lines.py is the same in Python. */
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a millisecond each, while there is room: whoever holds the lock should be done by then. */
#define LOCK_TRIES 500

static bool try_lock(int fd)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISFIFO(s.st_mode))
        return false;
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fcntl(fd, F_SETLK, &all) == 0)
            return true;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return false;
        usleep(1000);
        poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
    }
    return false;
}

int whole_write(int fd, const void *bytes, size_t len)
{
    bool is_locked = try_lock(fd);
    const char *p = bytes;
    int error = 0;
    while (len > 0 && error == 0) {
        ssize_t n = write(fd, p, len);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else if (n == 0) {
            error = EIO;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (is_locked)
        fcntl(fd, F_SETLK, &(struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET});
    return error;
}
