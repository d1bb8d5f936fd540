// SPDX-License-Identifier: MIT
#pragma once
/* snapshots: what a master would give its outputs, out of statistics that a test made. */
#include "master/data/snapshot.h"
#include "master/data/view_build.h"

static inline struct snapshot *snapshot_at(struct snapshot_maker *m, const struct stats *s,
                                           double now, unsigned users)
{
    struct view_builder *viewer = view_builder_new();
    const struct view head = {.state = "running", .now = now, .users = users};
    const struct snapshot of = {.mono = now,
                                .view = view_builder_build(viewer, &head, s),
                                .wishes.tunables = tunables_usual,
                                .run_number = 1,
                                .is_live = true,
                                .is_begun = true};
    struct snapshot *made = snapshot_build(m, &of, s);
    view_builder_free(viewer);
    return made;
}

/* One that shares nothing. */
static inline struct snapshot *snapshot_of(const struct stats *s, double now, unsigned users)
{
    struct snapshot_maker *m = snapshot_maker_new();
    struct snapshot *made = snapshot_at(m, s, now, users);
    snapshot_maker_free(m);
    return made;
}
