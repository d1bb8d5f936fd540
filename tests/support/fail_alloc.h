// SPDX-License-Identifier: MIT
#pragma once
/* fail_alloc: malloc and its family, of which any one call can be made to fail, in the whole
 * program (fail_malloc.h). One file of a program includes this.
 *
 * fail_alloc_each() runs something once for every allocation that it makes, each time with that one
 * refused, in a child: it must go on with a clean error, leaving nothing allocated, or end with the
 * message of base/mem.h. A crash, a leak and any other abort are faults. What base/mem.h itself
 * asks for ends the program whoever wanted it: of that, which is nearly all, one is refused in each
 * run.
 */
#include "common/base/mem.h"
#include "tests/support/fail_malloc.h"
#include <assert.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void fail_alloc_ask_mem(const void *unused)
{
    (void)unused;
    free(mem_zalloc(1));
    free(mem_realloc(NULL, 1));
    free(mem_dup("", 0));
}

/* How many allocations it makes, whose places are noted. */
static long fail_alloc_count(fail_alloc_run *run, const void *arg)
{
    atomic_store(&fail_alloc_made, 0);
    fail_alloc_notes = true;
    run(arg);
    fail_alloc_notes = false;
    const long count = atomic_load(&fail_alloc_made);
    assert(count <= FAIL_ALLOC_MOST);
    return count;
}

static bool fail_alloc_is_mem(const void *place)
{
    for (int i = 0; i < FAIL_ALLOC_MEM; i++)
        if (place == fail_alloc_mem[i])
            return true;
    return false;
}

/* The number of allocations that were refused and not borne as they should be. */
static unsigned fail_alloc_each(const char *name, fail_alloc_run *run, const void *arg)
{
    bool has_mem = false;
    if (fail_alloc_count(fail_alloc_ask_mem, NULL) == FAIL_ALLOC_MEM)
        memcpy(fail_alloc_mem, fail_alloc_places, sizeof fail_alloc_mem);
    run(arg); /* what libraries make once and keep */
    const long count = fail_alloc_count(run, arg);
    unsigned bad = fail_alloc_one(name, run, arg, 0) ? 0 : 1; /* none refused: leaks */
    for (long at = 1; at <= count; at++) {
        const bool is_mem = fail_alloc_is_mem(fail_alloc_places[at - 1]);
        if (!is_mem || !has_mem)
            bad += fail_alloc_one(name, run, arg, at) ? 0 : 1;
        has_mem |= is_mem;
    }
    return bad;
}
