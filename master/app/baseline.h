// SPDX-License-Identifier: MIT
#pragma once
/* baseline: --baseline and --gate: when the test is over it is compared with stored runs
 * (master/store/contrast.h), and what is worse becomes the exit code. Main thread; a few reads of
 * the disk, when no load is on any more. */
#include <stdbool.h>

struct master;
struct baseline;

int baseline_open(struct master *m); /* 0, or an exit code after a message */
/* Once. is_valid: the measurement of this run was. */
void baseline_judge(struct master *m, bool is_valid);
bool baseline_is_worse(const struct master *m);
const char *baseline_words(const struct master *m); /* Markdown; NULL: nothing was compared */
void baseline_fini(struct master *m);
