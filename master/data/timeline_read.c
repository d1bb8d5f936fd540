// SPDX-License-Identifier: MIT
#include "master/data/timeline_read.h"

#include <math.h>
#include <stdlib.h>

void timeline_read_row(const struct timeline_plan *p, uint32_t id, struct tally *t)
{
    for (size_t i = 0; i < p->count; i++)
        timeline_block_add(p->blocks[i], id, t);
}

static const uint32_t NICE[] = {1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600};

static uint32_t nice_step(int64_t seconds, uint32_t max_steps)
{
    size_t count = sizeof NICE / sizeof *NICE;
    for (size_t i = 0; i < count; i++)
        if ((seconds + NICE[i] - 1) / NICE[i] + 1 <= max_steps)
            return NICE[i];
    int64_t hours = seconds / ((int64_t)max_steps * 3600) + 1;
    return (uint32_t)(hours * 3600);
}

bool timeline_settle(const struct timeline_snap *s, struct timeline_ask *ask)
{
    if (s->first == 0)
        return false;
    if (ask->from < s->first)
        ask->from = s->first;
    if (ask->to > s->until)
        ask->to = s->until;
    if (ask->from >= ask->to)
        return false;
    if (ask->step == 0)
        ask->step = nice_step(ask->to - ask->from, ask->max_steps);
    uint32_t resolution = timeline_resolution(s, ask->from);
    ask->step = (ask->step + resolution - 1) / resolution * resolution;
    ask->from -= ask->from % ask->step;
    ask->to += (ask->step - ask->to % ask->step) % ask->step;
    return true;
}

static void add_worker(struct timeline_step *step, uint32_t index)
{
    struct timeline_health *list;
    size_t count = timeline_merge_healths(step->plan->blocks, step->plan->count, &list);
    step->users = step->target = step->cpu_percent = step->lag_ms = NAN;
    for (size_t i = 0; i < count; i++) {
        const struct timeline_health *h = &list[i];
        if (h->index != index || h->samples == 0)
            continue;
        step->users = (double)h->users_sum / h->samples;
        step->cpu_percent = (double)h->cpu_max / 10;
        step->lag_ms = h->has_lag ? (double)h->lag_us / 1000 : NAN;
    }
    free(list);
}

static void add_spans(struct timeline_step *step)
{
    step->cpu_percent = step->lag_ms = NAN;
    for (size_t i = 0; i < step->plan->count; i++) {
        const struct timeline_span *b = timeline_block_span(step->plan->blocks[i]);
        step->users = b->users;
        step->target = b->target;
        if (b->cpu_percent >= 0)
            step->cpu_percent = fmax(step->cpu_percent, (double)b->cpu_percent);
        if (b->lag_ms >= 0)
            step->lag_ms = fmax(step->lag_ms, (double)b->lag_ms);
    }
}

static double seconds_within(const struct timeline_snap *s, int64_t from, int64_t to)
{
    return (double)((to < s->until ? to : s->until) - (from > s->first ? from : s->first));
}

void timeline_read_steps(const struct timeline_snap *s, const struct timeline_ask *ask,
                         void (*visit)(void *arg, const struct timeline_step *step), void *arg)
{
    struct tally sum;
    tally_init(&sum, NULL, NULL);
    for (int64_t at = ask->from; at < ask->to; at += ask->step) {
        struct timeline_plan plan;
        timeline_plan(s, at, at + ask->step, &plan);
        struct timeline_step step = {.second = at, .sum = &sum, .plan = &plan};
        if (plan.count > 0) {
            tally_zero(&sum);
            timeline_read_row(&plan, ask->id, &sum);
            step.seconds = seconds_within(s, at, at + ask->step);
            if (ask->id >= TIMELINE_WORKER)
                add_worker(&step, ask->id - TIMELINE_WORKER);
            else
                add_spans(&step);
            visit(arg, &step);
        }
        timeline_plan_fini(&plan);
    }
    tally_fini(&sum);
}
