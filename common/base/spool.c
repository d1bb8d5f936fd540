// SPDX-License-Identifier: MIT
/* spool: see the header. A place is written to at once through a descriptor of its own that does
 * not block: O_NONBLOCK belongs to the open file, which other processes share, so the place is
 * opened anew. Sockets, which cannot be, have a flag for it. */
#include "common/base/spool.h"
#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/thread.h"
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_TAG 0x73706f6fu /* "spoo" */

struct spool {
    uint32_t tag;
    int fd, now_fd; /* now_fd: the place as it does not block; -1: there is no such way */
    dev_t device;
    ino_t inode;
    pid_t pid; /* of who made it, and has its thread */
    void (*add_left_out)(struct sbuf *text, unsigned long texts);
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t added, written;
    bool has_thread;
    struct sbuf waiting; /* whole texts */
    unsigned long left_out;
    uint64_t bytes_put, bytes_done; /* ever; done: written, or given up with an error */
    int error;
};

static int open_now(int fd, const struct stat *s)
{
    char path[32];
    if (S_ISSOCK(s->st_mode))
        return fd;
    if (!S_ISFIFO(s->st_mode) && !isatty(fd))
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

struct spool *spool_new(int fd, void (*add_left_out)(struct sbuf *text, unsigned long texts))
{
    struct stat st;
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (kept < 0 || fstat(kept, &st) != 0)
        return NULL;
    struct spool *s = mem_zalloc(sizeof *s);
    HANDLE_MADE(s, SPOOL_TAG);
    s->fd = kept;
    s->now_fd = open_now(kept, &st);
    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->pid = getpid();
    s->add_left_out = add_left_out;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->added, NULL);
    pthread_cond_init(&s->written, NULL);
    return s;
}

bool spool_is_for(const struct spool *s, int fd)
{
    struct stat st;
    HANDLE_IS(s, SPOOL_TAG);
    return fstat(fd, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode;
}

bool spool_suits(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode) || isatty(fd));
}

/* With the lock held. */
static void note_error(struct spool *s, int error)
{
    if (s->error == 0)
        s->error = error;
}

/* With the lock held; it is free while the thread writes. */
static void write_waiting(struct spool *s)
{
    struct sbuf text = s->waiting;
    unsigned long left_out = s->left_out;
    uint64_t bytes_put = s->bytes_put;
    s->waiting = (struct sbuf){0};
    s->left_out = 0;
    pthread_mutex_unlock(&s->lock);
    if (left_out)
        s->add_left_out(&text, left_out);
    int error = whole_write(s->fd, text.data, text.len);
    sbuf_fini(&text);
    pthread_mutex_lock(&s->lock);
    note_error(s, error);
    s->bytes_done = bytes_put;
    pthread_cond_broadcast(&s->written);
}

static void *run_thread(void *arg)
{
    struct spool *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->bytes_done == s->bytes_put && !s->left_out)
            pthread_cond_wait(&s->added, &s->lock);
        write_waiting(s);
    }
    return NULL;
}

/* With the lock held. Without a thread it is written here, as it would be without a spool. */
static void wake(struct spool *s)
{
    s->has_thread = s->has_thread || thread_start(NULL, run_thread, s);
    if (s->has_thread)
        pthread_cond_signal(&s->added);
    else
        write_waiting(s);
}

/* With the lock held. How much of it is written. */
static size_t write_now(struct spool *s, const char *text, size_t len)
{
    int error = 0;
    if (s->now_fd < 0 || s->bytes_done != s->bytes_put || s->left_out)
        return 0;
    size_t n = whole_write_now(s->fd, s->now_fd, text, len, &error);
    note_error(s, error);
    return error ? len : n;
}

static void add(struct spool *s, const char *text, size_t len, size_t most)
{
    HANDLE_IS(s, SPOOL_TAG);
    if (s->pid != getpid()) {
        whole_write(s->fd, text, len);
        return;
    }
    pthread_mutex_lock(&s->lock);
    size_t n = write_now(s, text, len);
    bool is_left_out = n == 0 && (len > most || s->waiting.len > most - len);
    if (is_left_out) {
        s->left_out++;
    } else if (n < len) {
        sbuf_add(&s->waiting, text + n, len - n);
        s->bytes_put += len - n;
    }
    if (is_left_out || n < len)
        wake(s);
    pthread_mutex_unlock(&s->lock);
}

void spool_put(struct spool *s, const void *text, size_t len)
{
    add(s, text, len, SPOOL_MAX);
}

void spool_write(struct spool *s, const void *text, size_t len)
{
    add(s, text, len, SIZE_MAX);
    spool_settle(s, SPOOL_FOREVER);
}

bool spool_settle(struct spool *s, double wait_s)
{
    HANDLE_IS(s, SPOOL_TAG);
    if (s->pid != getpid())
        return true;
    bool is_bounded = wait_s >= 0, is_in_time = true;
    uint64_t until = is_bounded ? clk_mono_ns() + (uint64_t)(wait_s * 1e9) : 0;
    pthread_mutex_lock(&s->lock);
    const uint64_t bytes = s->bytes_put;
    while (is_in_time && s->bytes_done < bytes)
        if (is_bounded)
            is_in_time = clk_cond_wait(&s->written, &s->lock, until) != ETIMEDOUT;
        else
            pthread_cond_wait(&s->written, &s->lock);
    if (!is_in_time)
        note_error(s, ETIMEDOUT);
    pthread_mutex_unlock(&s->lock);
    return is_in_time;
}

int spool_error_number(struct spool *s)
{
    HANDLE_IS(s, SPOOL_TAG);
    pthread_mutex_lock(&s->lock);
    int error = s->error;
    pthread_mutex_unlock(&s->lock);
    return error;
}
