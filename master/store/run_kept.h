// SPDX-License-Identifier: MIT
#pragma once
/* run_kept: what a stored run has besides figures: its scenarios and the courses of what was
 * counted in series (RUN_COURSES); samples of requests, log lines and its script (RUN_TRACES). All
 * of it is JSON as the API has it of the run that is on, bounded by whoever wrote it, and read only
 * when somebody asks. */
#include "common/base/sbuf.h"
#include "master/data/snapshot.h"
#include "master/store/run_file.h"

/* Contents of a frame of that kind, from the last snapshot of a run; nothing when it has none. */
void run_kept_put(struct sbuf *out, enum run_frame_kind kind, const struct snapshot *last);
/* Whether a frame of a stranger's file has such contents. */
bool run_kept_is(const struct sbuf *text);
/* {"scenarios", "metrics", "samples", "logs", "script"} of a file; null for what it lacks. false:
 * it cannot be read (errno), or is damaged (EBADMSG). */
bool run_kept_read(const char *path, struct sbuf *out);
