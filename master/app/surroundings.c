// SPDX-License-Identifier: MIT
/* surroundings: the clock, the dice and the timers of this process. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "master/app/core.h"
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>

struct run_clock master_now(void)
{
    const struct clk_moment now = clk_now();
    return (struct run_clock){now.mono, now.steady};
}

void master_random(void *bytes, size_t len)
{
    if (getrandom(bytes, len, 0) != (ssize_t)len) {
        perror("getrandom");
        abort();
    }
}

void master_schedule(struct event *e, double in_s)
{
    struct timeval t = {(time_t)in_s, (suseconds_t)((in_s - floor(in_s)) * 1e6)};
    event_add(e, &t);
}

void master_random_hex(char *out, size_t digits)
{
    unsigned char bytes[32];
    master_random(bytes, sizeof bytes);
    for (size_t i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[bytes[i % sizeof bytes] >> (i / sizeof bytes * 4) & 15];
    out[digits] = 0;
}

int master_failure(int code, char *why)
{
    log_printf("%s: %s", options_program(), why);
    free(why);
    return code;
}
