// SPDX-License-Identifier: MIT
#pragma once
/* retry: cant_tell = "retry" of a gate: shortly before the end of a run that has a time limit it is
 * compared with the baseline as far as it got, on a thread, for nothing may hold up the load; and
 * where more of it would tell what cannot be told yet, it goes on, RETRY_MOST_S longer at most.
 *
 * Of one look to the next the margin stays what it is, and what is called worse ends it: who looks
 * again does so only because an interval is wide. The test is judged when it is over (baseline.h).
 * Main thread. */
#define RETRY_MOST_S 600

struct master;
struct retry;

void retry_second(struct master *m); /* each second */
void retry_fini(struct master *m);
