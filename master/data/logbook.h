// SPDX-License-Identifier: MIT
#pragma once
/* logbook: the last lines that the master and each of its nodes logged, for the page and /logs.
 *
 * At most LOGBOOK_LINES of each, and LOGBOOK_WRITERS nodes; what is older goes. The master's own
 * lines come from any thread (logbook_attach); everything else is the main thread's.
 */
#include <stddef.h>

#define LOGBOOK_LINES 500
#define LOGBOOK_LINE_MAX 16384 /* bytes; longer lines are cut */
#define LOGBOOK_WRITERS 2000

struct sbuf;
struct slice;
struct logbook;
struct logs;

struct logbook *logbook_new(struct logs *logs); /* the master's lines go there too; may be NULL */
void logbook_free(struct logbook *b);           /* after logbook_detach */
void logbook_attach(struct logbook *b);         /* takes the master's lines from now on */
void logbook_detach(void);

/* Replaces what that node had: `data` is the msgpack of a "logs" message. Returns 0, or -1 when it
 * has not the shape of one. Lines that the node's last message had not go to `to` as well, unless
 * that is NULL. */
int logbook_take(struct logbook *b, const char *node, const struct slice *data, struct logs *to);
/* Locust's /logs. The lines of `host`, the node that runs the master-side Python on this machine,
 * are put among the master's in the order in which they were written. */
void logbook_write(struct logbook *b, const char *host, struct sbuf *out);
