// SPDX-License-Identifier: MIT
#pragma once
/* outputs: runs a run's outputs (output.h), each on a thread of its own, so that a full or slow
 * disk, or a console that nobody reads, delays neither the run nor another output.
 *
 * Between the main thread and an output there is a queue of at most OUTPUTS_QUEUE_TICKS snapshots
 * and OUTPUTS_QUEUE_BYTES. What finds no room pushes out the oldest, which is counted and told: in
 * the log when it begins and at the end, and in what outputs_list gives. Only outputs_open and
 * outputs_settle wait, and never longer than they are told.
 *
 * At the end the outputs are done one after the other, in the order they were added, so that what
 * two of them write to one terminal stands in that order; those that end apart all begin at once.
 * One that takes longer for a single call than its patience is given up: its thread is left behind,
 * and what it was given with it.
 *
 * Main thread; outputs_list also on that of an output that is at its end.
 */
#include "master/out/output.h"

#define OUTPUTS_QUEUE_TICKS 10
#define OUTPUTS_QUEUE_BYTES (64u << 20)

struct outputs;
struct outputs *outputs_new(void);
void outputs_add(struct outputs *all, struct output o); /* takes o.self; before outputs_open */

/* Checks all of them, then opens all. 0, or -1 and *why (malloced) of the first that cannot be.
 * What is not done after wait_s goes on by itself, and a failure then is one of the end. */
int outputs_open(struct outputs *all, struct snapshot *first, double wait_s, char **why);

/* Whether somebody's tick is due. Only then a snapshot is worth its making. */
bool outputs_are_due(const struct outputs *all, double mono, bool is_live, const struct wishes *w);
/* To those whose tick is due at s->mono. */
void outputs_tick(struct outputs *all, struct snapshot *s);
/* A run has just begun or ended: to those that have to know of each. */
bool outputs_follow_runs(const struct outputs *all);
void outputs_turn(struct outputs *all, struct snapshot *s);
/* Waits until everything that was given is done, at most wait_s. Whether it is. */
bool outputs_settle(struct outputs *all, double wait_s);

/* The run is over: begins the end, with everything that was measured. From then on outputs_fd is
 * readable when outputs_are_done may have news; asked at least once a second, it also keeps the
 * patience of who is waited for. */
void outputs_run_end(struct outputs *all, struct snapshot *last);
int outputs_fd(const struct outputs *all);
bool outputs_are_done(struct outputs *all, double mono);
bool outputs_have_failed(const struct outputs *all); /* one lacks something at its end */

/* Those that lack something, and all that send, for the page and the API. The texts of trouble are
 * the caller's, and never NULL. */
#define OUTPUTS_MAX 48
struct output_state {
    const char *name; /* the output's */
    bool sends;
    uint64_t sent;
    uint64_t dropped; /* ticks that were left out or failed, and what it counts itself */
    char *trouble;    /* of the last tick, if it failed, or of what it could not do at all; or "" */
};
size_t outputs_list(struct outputs *all, struct output_state out[static OUTPUTS_MAX]);

/* Ends the threads, waiting at most wait_s for what they are at, and frees everything; a thread
 * that is left behind does so when it comes to its end. NULL is fine. */
void outputs_close(struct outputs *all, double wait_s);
