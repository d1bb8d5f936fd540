// SPDX-License-Identifier: MIT
#pragma once
/* plan_knee: scenarios that look for the knee (common/plan/knee.h), while they run and after.
 * Nothing of it costs a test without one anything. */
#include "common/base/sbuf.h"
#include "common/plan/knee.h"

#include <stdbool.h>
#include <stddef.h>

struct master;
struct plans;

void knees_begin(struct plans *p); /* a run is about to */
void knees_fini(struct plans *p);
void knees_second(struct master *m);
/* What it found, as the reason why the run has ended; NULL: it is none, or was changed. */
const char *knees_end_words(const struct plans *p, size_t i);
bool knees_take_end(struct plans *p, size_t i); /* whether it is to end now; once */
void knees_close(struct master *m);             /* the last seconds are complete */
/* Of the i-th scenario, if it is one: ,"knee":{…} of GET api/v1/scenarios. */
void knees_write(const struct master *m, size_t i, struct sbuf *out);
void knees_tell(const struct master *m, struct sbuf *text); /* for people, below the tables */
