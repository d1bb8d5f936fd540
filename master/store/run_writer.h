// SPDX-License-Identifier: MIT
#pragma once
/* run_writer: the output that stores each run: its line in the table of the history, and its file.
 *
 * While a run is on what is new goes to the disk every HISTORY_INTERVAL_S, so that of a master that
 * crashes at most 10 s are lost. A history that cannot be written ends no test and changes no exit
 * code: it is told once, and nothing more is stored by this process. */
#include "master/out/output.h"
#include "master/store/history.h"

#define HISTORY_INTERVAL_S 4
#define HISTORY_FILE_BYTES (44u << 20) /* of a file: beyond, the oldest seconds become coarser */

struct history_wish {
    const char *folder; /* copied */
    json_t *about;      /* what is known of every run of this process; taken */
    struct history_keep keep;
    const char
        *source; /* a file of the repository that is to be looked at; copied; NULL: none is */
};
struct output history_output(const struct history_wish *w);

/* Levels of the timeline that a file has; those above are added up when it is read. */
#define STORED_LEVELS 3
