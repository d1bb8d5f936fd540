// SPDX-License-Identifier: MIT
/* surroundings: the clock and the timers of this process. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "master/app/core.h"
#include <math.h>
#include <stdlib.h>

struct run_clock master_now(void)
{
    const struct clk_moment now = clk_now();
    return (struct run_clock){now.mono, now.steady};
}

void master_schedule(struct event *e, double in_s)
{
    struct timeval t = {(time_t)in_s, (suseconds_t)((in_s - floor(in_s)) * 1e6)};
    event_add(e, &t);
}

int master_failure(int code, char *why)
{
    log_printf("%s: %s", options_program(), why);
    free(why);
    return code;
}
