// SPDX-License-Identifier: MIT
#include "master/web/turns.h"
#include "common/base/clk.h"
#include <errno.h>
#include <pthread.h>

#define TURNS 2
#define TURN_WAIT_S 10
#define WAITING_MAX 24 /* for a turn: each has a thread of the server */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int busy, waiting;
} turns = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

bool turns_take(void)
{
    const uint64_t until = clk_mono_ns() + TURN_WAIT_S * UINT64_C(1000000000);
    pthread_mutex_lock(&turns.lock);
    int rc = turns.waiting < WAITING_MAX ? 0 : EBUSY;
    turns.waiting++;
    while (turns.busy >= TURNS && rc == 0)
        rc = clk_cond_wait(&turns.freed, &turns.lock, until);
    turns.waiting--;
    bool is_mine = turns.busy < TURNS;
    turns.busy += is_mine;
    pthread_mutex_unlock(&turns.lock);
    return is_mine;
}

void turns_give(void)
{
    pthread_mutex_lock(&turns.lock);
    turns.busy--;
    pthread_cond_signal(&turns.freed);
    pthread_mutex_unlock(&turns.lock);
}
