// SPDX-License-Identifier: MIT
#pragma once
/* node_logs: the last lines that the master and each of its nodes logged, for the page and /logs.
 *
 * At most NODE_LOGS_LINES of each, and NODE_LOGS_WRITERS nodes; what is older goes. The master's
 * own lines come from any thread (node_logs_attach); everything else is the main thread's.
 */
#include <stddef.h>

#define NODE_LOGS_LINES 500
#define NODE_LOGS_LINE_MAX 16384 /* bytes; longer lines are cut */
#define NODE_LOGS_WRITERS 2000

struct sbuf;
struct slice;
struct node_logs;
struct logs;

struct node_logs *
node_logs_new(struct logs *logs);           /* the master's lines go there too; may be NULL */
void node_logs_free(struct node_logs *b);   /* after node_logs_detach */
void node_logs_attach(struct node_logs *b); /* takes the master's lines from now on */
void node_logs_detach(void);

/* Replaces what that node had: `data` is the msgpack of a "logs" message. Returns 0, or -1 when it
 * has not the shape of one. Lines that the node's last message had not go to `to` as well, unless
 * that is NULL. */
int node_logs_take(struct node_logs *b, const char *node, const struct slice *data,
                   struct logs *to);
/* Locust's /logs. The lines of `host`, the node that runs the master-side Python on this machine,
 * are put among the master's in the order in which they were written. */
void node_logs_write(struct node_logs *b, const char *host, struct sbuf *out);
