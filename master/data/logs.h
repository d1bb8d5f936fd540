// SPDX-License-Identifier: MIT
#pragma once
/* logs: the newest log lines of the master, its workers and the host, in the order of coming.
 *
 * LOGS_LINES in all, LOGS_RATE a second of one source with as many saved up as LOGS_BURST; what is
 * more is counted. A line that repeats the newest of its source is counted there. Thread-safe: the
 * master's own lines come from any thread.
 */
#include <stddef.h>
#include <stdint.h>

#define LOGS_LINES 5000
#define LOGS_RATE 50
#define LOGS_BURST 500
#define LOGS_TEXT_MAX 8192 /* bytes; what is longer is cut */
#define LOGS_LEVEL_MAX 32
#define LOGS_LOGGER_MAX 256
#define LOGS_LINE_MAX (LOGS_TEXT_MAX + 1024) /* what a line takes, but for what malloc adds */
#define LOGS_SOURCES 1024                    /* that have a rate of their own */

struct sbuf;
struct logs;

struct logs *logs_new(void);
void logs_free(struct logs *l);
void logs_add(struct logs *l, double now, const char *source, double at, const char *level,
              const char *logger, const char *text);
void logs_add_dropped(struct logs *l, uint64_t count); /* before they came here */
/* A line as the log writes it: its parts are taken out of it. */
void logs_add_line(struct logs *l, double now, const char *source, const char *line);
uint64_t
logs_errors(struct logs *l);       /* how many lines of ERROR and worse came, also those dropped */
size_t logs_bytes(struct logs *l); /* that they take */
uint64_t logs_seq(struct logs *l); /* of the newest line; grows when it repeats */

/* docs/api.md, logs: lines that came or repeated after `since`, the newest ones: at most `limit`,
 * and of their texts about max_bytes. */
void logs_write(struct logs *l, uint64_t since, size_t limit, size_t max_bytes, struct sbuf *out);
