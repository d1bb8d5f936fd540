// SPDX-License-Identifier: MIT
/* See whole.h. */
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a millisecond each, while there is room: whoever holds the lock should be done by then. */
#define LOCK_TRIES 500

/* The pipe's lock is the whole process's: among its threads it is one of these, chosen by the pipe,
 * so that one that nobody reads holds up no other. */
#define THREAD_LOCKS 8
static pthread_mutex_t thread_locks[THREAD_LOCKS] = {[0 ... THREAD_LOCKS - 1] =
                                                         PTHREAD_MUTEX_INITIALIZER};

/* Whoever held one in the parent is not in the child. */
static void free_thread_locks(void)
{
    for (size_t i = 0; i < THREAD_LOCKS; i++)
        pthread_mutex_init(&thread_locks[i], NULL);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, free_thread_locks);
}

static pthread_mutex_t *thread_lock(int fd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct stat s;
    pthread_once(&once, watch_forks);
    return fstat(fd, &s) == 0 && S_ISFIFO(s.st_mode) ? &thread_locks[s.st_ino % THREAD_LOCKS]
                                                     : NULL;
}

/* Among processes. False with errno: another has it (EAGAIN), or there are no locks. */
static bool set_lock(int fd, short type)
{
    int rc = fcntl(fd, F_SETLK, &(struct flock){.l_type = type, .l_whence = SEEK_SET});
    if (rc != 0 && (errno == EACCES || errno == EINTR))
        errno = EAGAIN;
    return rc == 0;
}

static bool await_lock(int fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (set_lock(fd, F_WRLCK))
            return true;
        if (errno != EAGAIN)
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
    bool is_locked = threads && await_lock(fd);
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
        set_lock(fd, F_UNLCK);
    if (threads)
        pthread_mutex_unlock(threads);
    return error;
}

/* With the locks of its place held. */
static size_t write_at_once(int fd, int now_fd, const void *bytes, size_t len, int *error)
{
    ssize_t n = fd == now_fd ? send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                             : write(now_fd, bytes, len);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        *error = errno;
    return n > 0 ? (size_t)n : 0;
}

size_t whole_write_now(int fd, int now_fd, const void *bytes, size_t len, int *error)
{
    size_t n = 0;
    pthread_mutex_t *threads = thread_lock(fd);
    if (threads && pthread_mutex_trylock(threads) != 0)
        return 0;
    bool is_locked = threads && set_lock(fd, F_WRLCK);
    if (!threads || is_locked || errno != EAGAIN)
        n = write_at_once(fd, now_fd, bytes, len, error);
    if (is_locked && (n == 0 || n == len))
        set_lock(fd, F_UNLCK);
    if (threads)
        pthread_mutex_unlock(threads);
    return n;
}
