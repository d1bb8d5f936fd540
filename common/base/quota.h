// SPDX-License-Identifier: MIT
#pragma once
/* quota: the processor limit of the container (control group, version 1 or 2) that this process
 * lives in, and how often the kernel held it back for it. A process at its limit looks idle by
 * its own processor time. Any thread; a few small reads. */
#include <stdbool.h>
#include <stdint.h>

struct quota {
    char folder[512]; /* of the group with the tightest limit; "" none */
    bool is_v2;
    unsigned rest; /* reads until the groups are looked through anew */
};

struct quota_use {
    double cores;                /* the limit; 0: there is none, and nothing else is known */
    uint64_t periods, throttled; /* since the group was made: all, and those with the limit hit */
};

/* Begin with a zeroed quota. The process may be moved, and its limit changed: that is noticed. */
struct quota_use quota_read(struct quota *q);

/* The same of files that stand for /proc/self/cgroup and /proc/self/mountinfo. */
void quota_find(struct quota *q, const char *groups, const char *mounts);
