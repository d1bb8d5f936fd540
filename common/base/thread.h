// SPDX-License-Identifier: MIT
#pragma once
/* thread: a thread that no signal comes to, for those are the main thread's. */
#include <pthread.h>
#include <stdbool.h>

/* Runs run(arg). thread: to be joined; NULL: it goes by itself. False: there is none. */
bool thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);
