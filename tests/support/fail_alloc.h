// SPDX-License-Identifier: MIT
#pragma once
/* fail_alloc: malloc and its family, of which any one call can be made to fail, in the whole
 * program: libraries too. One file of a program includes this.
 *
 * fail_alloc_each() runs something once for every allocation that it makes, each time with that one
 * refused, in a child: it must go on with a clean error, leaving nothing allocated, or end with the
 * message of base/mem.h. A crash, a leak and any other abort are faults.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The ones below this: a sanitizer's, where there is one, else libc's. */
#define FAIL_ALLOC_BELOW(type, name, ...)                                                          \
    type __libc_##name(__VA_ARGS__);                                                               \
    type __interceptor_##name(__VA_ARGS__) __attribute__((weak));
FAIL_ALLOC_BELOW(void *, malloc, size_t)
FAIL_ALLOC_BELOW(void *, calloc, size_t, size_t)
FAIL_ALLOC_BELOW(void *, realloc, void *, size_t)
FAIL_ALLOC_BELOW(void, free, void *)
#define FAIL_ALLOC_CALL(name, ...)                                                                 \
    (__interceptor_##name ? __interceptor_##name(__VA_ARGS__) : __libc_##name(__VA_ARGS__))

static atomic_long fail_alloc_live; /* blocks that were given and not freed */
static atomic_long fail_alloc_made; /* allocations since it was set to 0 */
static atomic_long fail_alloc_at;   /* the one to refuse; 0 none */

static bool fail_alloc_refuses(void)
{
    const long n = atomic_fetch_add(&fail_alloc_made, 1) + 1;
    if (n != atomic_load(&fail_alloc_at))
        return false;
    errno = ENOMEM;
    return true;
}

static void *fail_alloc_counted(void *p)
{
    if (p)
        atomic_fetch_add(&fail_alloc_live, 1);
    return p;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    return fail_alloc_refuses() ? NULL : fail_alloc_counted(FAIL_ALLOC_CALL(malloc, size));
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    return fail_alloc_refuses() ? NULL : fail_alloc_counted(FAIL_ALLOC_CALL(calloc, n, size));
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
    if (fail_alloc_refuses())
        return NULL;
    void *q = FAIL_ALLOC_CALL(realloc, p, size);
    return p ? q : fail_alloc_counted(q);
}

__attribute__((visibility("default"))) void free(void *p)
{
    if (p)
        atomic_fetch_sub(&fail_alloc_live, 1);
    FAIL_ALLOC_CALL(free, p);
}

typedef void fail_alloc_run(const void *arg);

/* Around what is not looked at: nothing is refused there, and the count begins anew. */
static inline long fail_alloc_hold(void)
{
    return atomic_exchange(&fail_alloc_at, 0);
}

static inline void fail_alloc_go_on(long held)
{
    atomic_store(&fail_alloc_made, 0);
    atomic_store(&fail_alloc_at, held);
}

enum { FAIL_ALLOC_LEAK = 66, FAIL_ALLOC_PATIENCE_MS = 60000 };

/* In the child. */
static void fail_alloc_try(fail_alloc_run *run, const void *arg, long at)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (const int *s = (const int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0}; *s; s++)
        signal(*s, SIG_DFL); /* the test framework's */
    OPENSSL_thread_stop();   /* what went wrong last */
    const long before = atomic_load(&fail_alloc_live);
    atomic_store(&fail_alloc_made, 0);
    atomic_store(&fail_alloc_at, at);
    run(arg);
    atomic_store(&fail_alloc_at, 0);
    OPENSSL_thread_stop();
    const long left = atomic_load(&fail_alloc_live) - before;
    if (left > 0)
        dprintf(2, "%ld blocks are left\n", left);
    _exit(left > 0 ? FAIL_ALLOC_LEAK : 0);
}

/* The last of what is said until the end. */
static void fail_alloc_read(int fd, char *text, size_t size)
{
    size_t len = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, FAIL_ALLOC_PATIENCE_MS) > 0) {
        const ssize_t n = read(fd, text + len, size - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (len > size / 2) {
            memmove(text, text + len - size / 4, size / 4);
            len = size / 4;
        }
    }
    text[len] = '\0';
}

/* What the child said, and how it ended; false: not as it may. */
static bool fail_alloc_one(const char *name, fail_alloc_run *run, const void *arg, long at)
{
    int ends[2], status = 0;
    char text[2000];
    if (pipe(ends) != 0)
        return false;
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        fail_alloc_try(run, arg, at);
    }
    close(ends[1]);
    fail_alloc_read(ends[0], text, sizeof text);
    close(ends[0]);
    waitpid(child, &status, 0);
    const bool is_told = strstr(text, "out of memory: ") != NULL;
    if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
        (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && is_told))
        return true;
    fprintf(stderr, "%s, allocation %ld refused: status 0x%x\n%s\n", name, at, status, text);
    return false;
}

/* The number of allocations that were refused and not borne as they should be. */
static unsigned fail_alloc_each(const char *name, fail_alloc_run *run, const void *arg)
{
    run(arg); /* what libraries make once and keep */
    atomic_store(&fail_alloc_made, 0);
    run(arg);
    const long count = atomic_load(&fail_alloc_made);
    unsigned bad = fail_alloc_one(name, run, arg, 0) ? 0 : 1; /* none refused: leaks */
    for (long at = 1; at <= count; at++)
        bad += fail_alloc_one(name, run, arg, at) ? 0 : 1;
    return bad;
}
