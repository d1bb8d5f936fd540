// SPDX-License-Identifier: MIT
/* See descriptors.h. Root may raise the hard limit too, up to what the kernel allows one process.
 */
#include "master/app/descriptors.h"
#include "common/base/sbuf.h"
#include <math.h>
#include <sys/resource.h>

#define FILES_BESIDE_USERS 100 /* Python's own, the link, the user's files */

unsigned long files_needed(double users, double processes)
{
    return (unsigned long)ceil(users / fmax(processes, 1)) + FILES_BESIDE_USERS;
}

unsigned long files_raise_limit(unsigned long wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur >= wanted)
        return limit.rlim_cur;
    struct rlimit higher = {wanted, wanted > limit.rlim_max ? wanted : limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return higher.rlim_cur;
    higher = (struct rlimit){limit.rlim_max, limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &higher) == 0 ? higher.rlim_cur : limit.rlim_cur;
}

static char *advise(unsigned long limit, const char *whose, unsigned long needed,
                    const char *or_else)
{
    struct sbuf text = {0};
    sbuf_addf(&text,
              "%lu open files are allowed per process, but %s about %lu: "
              "raise the limit (ulimit -n %lu in the shell; for good: a \"nofile\" line in "
              "/etc/security/limits.conf, LimitNOFILE= of the service, --ulimit nofile= of the "
              "container)%s.",
              limit, whose, needed, needed, or_else);
    return sbuf_take(&text);
}

char *files_advice(unsigned long limit, unsigned long needed)
{
    return advise(limit, "the users asked for need", needed, ", use fewer users, or more workers");
}

char *files_advice_least(unsigned long limit)
{
    return advise(limit, "to run at all takes", FILES_LEAST, "");
}
