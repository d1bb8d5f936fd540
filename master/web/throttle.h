// SPDX-License-Identifier: MIT
#pragma once
/* throttle: slows down who tries tokens again and again, by the rules of --web-login
 * (worker/pylib/locust/_web_throttle.py). Pure: the caller has the clock, in seconds, and the lock.
 *
 * An attempt counts as failed when it begins, and is taken back when it succeeds. After
 * THROTTLE_FREE failures a peer waits before each further one, twice as long each time; who did not
 * fail for THROTTLE_FORGET_S is forgotten. Beyond THROTTLE_BURST failures of all peers together,
 * who comes waits for a turn, one of which comes up a second. Nobody waits longer than
 * THROTTLE_LONGEST_S.
 */
#define THROTTLE_FREE 5
#define THROTTLE_LONGEST_S 60.0
#define THROTTLE_FORGET_S 900.0
#define THROTTLE_BURST 60.0
#define THROTTLE_PEERS_MAX 4096

struct throttle;

struct throttle *throttle_new(double now);
void throttle_free(struct throttle *t);
/* An attempt from that address (of IPv6 its /64 network counts): 0, or after how many whole
 * seconds it may be made. */
int throttle_begin(struct throttle *t, const char *address, double now);
/* The attempt begun last was none that failed. Those before it stay. */
void throttle_succeeded(struct throttle *t, const char *address);
