// SPDX-License-Identifier: MIT
/* See thread.h. */
#include "common/base/thread.h"
#include <signal.h>
#include <stddef.h>

bool thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    pthread_t started;
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    const bool is_there = pthread_create(&started, NULL, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_there && thread)
        *thread = started;
    else if (is_there)
        pthread_detach(started);
    return is_there;
}
