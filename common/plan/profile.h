// SPDX-License-Identifier: MIT
#pragma once
/* profile: steps of a load by the names that they have elsewhere (Gatling's injection steps), and
 * of waves, as stages of a ramp:
 *
 *   nothingFor(4s)                                   no rate, or no users
 *   atOnceUsers(10)                                  so many arrivals at this moment
 *   rampUsers(10).during(5s)                         so many, evenly
 *   constantUsersPerSec(20).during(15s)
 *   rampUsersPerSec(10).to(20).during(10m)
 *   stressPeakUsers(1000).during(20s)                so many, most of them in the middle (curve.h)
 *   incrementUsersPerSec(5).times(5).eachLevelLasting(10s).separatedByRampsLasting(10s)
 *       .startingFrom(10)                            from 0: ramp, level, ramp, level …; else
 * level, ramp, level …; so many levels constantConcurrentUsers(10).during(5s),
 * rampConcurrentUsers(10).to(20).during(5s), incrementConcurrentUsers(…)…                     of
 * users step(5).times(5).lasting(10s).startingFrom(10)   as increment…, without ramps
 *   spike(10).to(200).after(1m).lasting(10s).during(5m)
 *   sine(50).amplitude(20).period(1m).during(10m)
 *   at(0 1500 20)                                    a list: µs since the one before
 *
 * Words behind the first may stand in any order. Bare numbers of durations are seconds; of rates,
 * arrivals a second, or in the last three per unit. "5 minutes" is 5m. Pure.
 */
#include "common/plan/ramp.h"

#define PROFILE_MOST_TIMES 1000000
#define PROFILE_TIMES "at"

bool profile_is(const char *stage); /* such a step; else DURATION:TARGET */
/* Whether the first of them that goes with one kind only goes with arrivals. */
bool profile_is_of_rates(const char *stages);

/* 90, 1m30s, and "10 minutes" or 10.minutes, as Gatling has it. False: it is no duration. */
bool profile_span(const char *text, int64_t *ns);

struct profile_kind {
    bool is_users;   /* of users, else of rates */
    int64_t unit_ns; /* bare rates of ours are per that */
};
/* Adds its stages; *level is the rate at its end (of users: so many a second). False: *why (to be
 * freed) says what is wrong; then some of them may have been added. */
bool profile_add(struct ramp *r, const char *stage, const struct profile_kind *kind,
                 struct ramp_rate *level, char **why);
