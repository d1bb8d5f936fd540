// SPDX-License-Identifier: MIT
#pragma once
/* journal: files with a line or more for each request: JSON lines and CSV as k6 has them, JTL as
 * JMeter. The workers write them (docs/wire.md); here is what may be asked of them, whether the
 * place can be written to, and the sum of what came of it. */
#include "master/sink/sink.h"

bool journal_is(const struct sink_kind *kind); /* one of these */
/* self: of the output that one makes. Main thread. */
void journal_told(void *self, const char *worker, uint64_t written, uint64_t dropped,
                  const char *trouble); /* since the run's start; trouble may be NULL */
void journal_begins(void *self);        /* a run: what is told next is of that */
