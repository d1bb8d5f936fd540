// SPDX-License-Identifier: MIT
#pragma once
/* otlp_traces: spans of single requests, which workers write (docs/wire.md), to a receiver of
 * OpenTelemetry's protocol. */
#include "master/sink/sink.h"

bool traces_are(const struct sink_kind *kind); /* ... asked for */
/* Whether these bytes are so many spans, as far as can be seen. */
bool traces_check(const void *spans, size_t len, uint64_t count);
/* output_self: of the output that was made. Spans of a worker, copied, and how many it had no room
 * for since the last time. Main thread; never waits for the output's. */
void traces_add(void *output_self, const char *worker, const void *spans, size_t len,
                uint64_t count, uint64_t lost);
