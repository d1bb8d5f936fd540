// SPDX-License-Identifier: MIT
#pragma once
/* repeat: --repeat N|auto: the same test again and again, each time by a process of its own, so
 * that runs differ as runs do: new workers, new connections, nothing that is warm from the last.
 *
 * The process that people start only starts those, one after the other, passes signals on, and says
 * at the end what came out (repeat_run). The others are told by a variable of the environment whose
 * run they are; their runs have the tag repeat=ID. With auto each says whether one more is needed;
 * the last one compares all of them with the baseline. */
#include <jansson.h>
#include <stdbool.h>

struct master;
struct options;
struct history;
struct gate;
struct repeat;

/* Whether --repeat is to be carried out by this process. */
bool repeat_is_wanted(const struct options *o);
int repeat_run(const struct options *o, char **argv); /* the exit code */

/* ---- of one of the runs, on the main thread ---- */

void repeat_open(struct master *m); /* m->judging.repeat; NULL: this run is the only one */
void repeat_fini(struct master *m);
const char *repeat_id(const struct master *m); /* NULL likewise */
/* Once, when the run is over: whether another one follows is known from then on. */
void repeat_judge(struct master *m, bool is_valid, const struct gate *gate);
bool repeat_goes_on(const struct master *m);
/* Its earlier runs that are valid, the newest first; a JSON array. */
json_t *repeat_earlier(const struct master *m, struct history *h);
