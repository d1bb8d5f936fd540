// SPDX-License-Identifier: MIT
#pragma once
/* journal: files with a line or more for each request: JSON lines and CSV as k6 has them, JTL as
 * JMeter. The workers write them (docs/wire.md); here is what may be asked of them, whether the
 * place can be written to, and the sum of what came of it. */
#include "master/sink/sink.h"

bool journal_is(const struct sink_kind *kind); /* one of these */
/* self: of the output that one makes. Main thread. */
struct journal_came {                   /* requests, since the run's start */
    uint64_t offered, written, dropped; /* offered: either, or not yet */
    const char *trouble;                /* may be NULL */
};
void journal_told(void *self, const char *worker, const struct journal_came *now);
void journal_begins(void *self); /* a run: what is told next is of that */
