// SPDX-License-Identifier: MIT
/* See whole.h; worker/pylib/locust/_lines.py is the same in Python. */
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a millisecond each, while there is room: whoever holds the lock should be done by then. */
#define LOCK_TRIES 500

/* The pipe's lock is the whole process's: among its threads it is one of these, chosen by the pipe,
 * so that one that nobody reads holds up no other. */
#define THREAD_LOCKS 8
static pthread_mutex_t thread_locks[THREAD_LOCKS] = {[0 ... THREAD_LOCKS - 1] =
                                                         PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *thread_lock(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISFIFO(s.st_mode) ? &thread_locks[s.st_ino % THREAD_LOCKS]
                                                     : NULL;
}

static bool try_lock(int fd)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
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
    pthread_mutex_t *threads = thread_lock(fd);
    if (threads)
        pthread_mutex_lock(threads);
    bool is_locked = threads && try_lock(fd);
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
    if (threads)
        pthread_mutex_unlock(threads);
    return error;
}
