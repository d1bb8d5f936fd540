// SPDX-License-Identifier: MIT
#include "master/nodes/nodes.h"
#include "common/base/log.h"
#include <inttypes.h>
#include <stdio.h>

#define LINES_WORKERS_BURST 1000 /* about workers that come and go, then one a second */
#define LINES_TOLD_EVERY_S 10

void nodes_on(struct nodes *n, const struct machine_event *e)
{
    n->above.on(n->above.arg, e);
}

struct run_clock nodes_now(const struct nodes *n)
{
    return n->clock->now(n->clock->arg);
}

/* Processes introduce their script first: who knows of that must be able to start a test. */
bool nodes_is_alone(const struct nodes *n)
{
    const bool has_own = n->is_local || children_running(&n->children) > n->host.is_alive;
    return has_own && roster_active_count(&n->machine->roster) == 0;
}

void nodes_note_end(struct nodes *n, const char *words)
{
    if (!n->ended_by[0])
        snprintf(n->ended_by, sizeof n->ended_by, "%s", words);
}

void nodes_clear(struct nodes *n)
{
    const struct run_clock now = nodes_now(n);
    struct inbox *in = &n->inbox;
    record_clear(n->record, now.unix_time);
    in->behind_s = in->longest_s = 0;
    in->behind_since = now.mono;
}

/* Whoever reaches the port may send what he likes: that must not fill the log. */
bool nodes_may_log(struct nodes *n, enum line_kind kind)
{
    return line_limit_allows(&n->lines[kind], nodes_now(n).mono,
                             kind == LINES_WORKERS ? LINES_WORKERS_BURST : 1, 1);
}

void nodes_tell_left_out(struct nodes *n, double mono)
{
    static const char *const about[] = {
        [LINES_OLD] = "old workers",
        [LINES_REFUSED] = "workers that are too many",
        [LINES_STRANGER] = "unknown nodes",
        [LINES_VERSION] = "workers of other versions",
        [LINES_WORKERS] = "workers that come and go",
    };
    if (mono < n->lines_told_at + LINES_TOLD_EVERY_S)
        return;
    n->lines_told_at = mono;
    for (size_t kind = 0; kind < LINES_KINDS; kind++) {
        uint64_t count = line_limit_told(&n->lines[kind]);
        if (count > 0)
            log_warning(LOGGER, "%" PRIu64 " more log lines about %s were left out", count,
                        about[kind]);
    }
}

struct line_taker {
    struct logs *logs;
    const char *source;
    double now;
};

static void take_line(void *arg, const struct line_in *line)
{
    const struct line_taker *t = arg;
    logs_add(t->logs, t->now, t->source, line->at, line->level, line->logger, line->text);
}

void nodes_take_lines(struct nodes *n, const char *source, const struct message *msg)
{
    uint64_t dropped;
    struct line_taker taker = {n->logs, source, nodes_now(n).unix_time};
    if (!proto_lines(msg->data, &dropped, take_line, &taker))
        n->record->trouble.broken++;
    logs_add_dropped(n->logs, dropped);
}
