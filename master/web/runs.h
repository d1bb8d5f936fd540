// SPDX-License-Identifier: MIT
#pragma once
/* runs: stored runs (master/store), as the server's threads see them.
 *
 * The table is opened anew for each question, so that nobody waits for anybody. A run that was
 * looked at stays open for a while, as its page asks again and again: its view never changes, like
 * that of the run that is on. A file is read in a turn (turns.h). Any thread. */
#include "common/base/sbuf.h"
#include "master/data/view.h"
#include "master/store/history.h"

#define RUNS_HELD 6 /* open at a time … */
#define RUNS_BYTES                                                                                 \
    (256u << 20)        /* … and what their seconds may take; the newest stays in any case */
#define RUNS_HELD_S 120 /* without a question; looked at with the next one */

struct runs;
struct runs *runs_new(const char *folder); /* copied; NULL: there are none */
void runs_free(struct runs *r);

struct runs_trouble {
    int status; /* of HTTP */
    char *text; /* malloced */
};
/* history_close it. NULL and *t: 404, no run is stored, or none is shown; 503, it cannot be read.
 */
struct history *runs_open(const struct runs *r, struct runs_trouble *t);
/* What is known of the one run that is meant (history_find_one): a new reference. NULL and *t. */
json_t *runs_find(struct history *h, const char *spec, struct runs_trouble *t);
/* A stored run as a view, a new reference; NULL and *t. */
struct view *runs_view(struct runs *r, const char *spec, struct runs_trouble *t);
/* What it has besides its figures, as JSON (run_kept.h); false and *t. In a turn. */
bool runs_kept(struct runs *r, const char *spec, struct sbuf *out, struct runs_trouble *t);
/* That run in outline: of all requests alone, in steps that fit its length; a new reference that
 * nobody keeps. In the caller's turn; NULL and *t. */
struct view *runs_outline(const struct history *h, const json_t *run, struct runs_trouble *t);
/* That run's file is to be forgotten: it is gone. */
void runs_forget(struct runs *r, const char *id);
