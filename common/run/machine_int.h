// SPDX-License-Identifier: MIT
#pragma once
/* machine_int: what the files of machine.h have of one another. */
#include "common/run/machine.h"

/* machine_action.c */
void machine_do(struct machine *m, struct machine_action a); /* to the end of the list */

#define HANDLER(name)                                                                              \
    void name(struct machine *m, const struct machine_event *e, struct run_clock now)

/* machine_control.c */
HANDLER(control_start);
HANDLER(control_aim);
HANDLER(control_limit);
HANDLER(control_heard);
HANDLER(control_dealt);
void control_stop(struct machine *m, struct run_clock now);
void control_step(struct machine *m, struct run_clock now);
void control_second(struct machine *m);
void control_counts(struct machine *m);
void control_shares(struct machine *m, struct run_clock now);      /* they moved between workers */
void control_check_setup(struct machine *m, struct run_clock now); /* for too long? */
void control_check_stopped(struct machine *m, struct run_clock now);
void control_check_patience(struct machine *m, bool is_behind, struct run_clock now);

/* machine_await.c */
HANDLER(await_open);
HANDLER(await_workers);

/* machine_finish.c */
HANDLER(finish_host_ended);
HANDLER(finish_signal);
HANDLER(finish_children);
HANDLER(finish_host_says);
HANDLER(finish_host_exit);
HANDLER(finish_fault);
HANDLER(finish_judged);
HANDLER(finish_written);
void finish_heard(struct machine *m, const struct machine_event *e);
void finish_begin(struct machine *m, bool is_signal, struct run_clock now);
void finish_end(struct machine *m, enum end_reason reason, struct run_clock now);
void finish_advance(struct machine *m, struct run_clock now);
void finish_take_fault(struct machine *m, int code); /* the first one counts */
void finish_leave(struct machine *m, int code);

/* machine_workers.c */
HANDLER(workers_came);
HANDLER(workers_back);
HANDLER(workers_beat);
HANDLER(workers_spawns);
HANDLER(workers_users);
HANDLER(workers_busy);
HANDLER(workers_stopped);
HANDLER(workers_report);
HANDLER(workers_quit);
HANDLER(workers_lost);
void workers_second(struct machine *m, struct run_clock now);
