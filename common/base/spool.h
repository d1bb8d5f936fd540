// SPDX-License-Identifier: MIT
#pragma once
/* spool: text for a descriptor that may have no room, as a pipe that nobody reads, a terminal that
 * is held or a slow disk: who puts it there does not wait.
 *
 * What can be written at once is, so that nothing is lost when the process dies; that can be told
 * beforehand of pipes, sockets and terminals. Everything else waits in a queue, in its order, for a
 * thread that is started when it is first needed. SPOOL_MAX bytes may wait; texts that come then
 * are left out, and counted where they would stand. In a forked child, which has no such thread,
 * all is written by who puts it there.
 *
 * Any thread. A spool lives as long as the process and keeps the place that fd names when it is
 * made, whatever becomes of the number. Texts of several processes do not mix (whole.h). */
#include <stdbool.h>
#include <stddef.h>

#define SPOOL_MAX (1u << 20)
#define SPOOL_FOREVER (-1.0)

struct sbuf;
struct spool;

/* add_left_out appends what is said in place of so many texts. NULL: there is no such descriptor.
 */
struct spool *spool_new(int fd, void (*add_left_out)(struct sbuf *text, unsigned long texts));
/* Whether fd names the same place. */
bool spool_is_for(const struct spool *s, int fd);
/* Whether fd is what text can be written to at once, if there is room. */
bool spool_suits(int fd);

void spool_put(struct spool *s, const void *text, size_t len);
/* In its turn, however long it is; waits until it is written. */
void spool_write(struct spool *s, const void *text, size_t len);
/* Waits until all that was put before is written, at most wait_s; whether it is. If not, that is an
 * error. */
bool spool_settle(struct spool *s, double wait_s);
int spool_error_number(struct spool *s); /* errno of the first text that was not written; 0 */
