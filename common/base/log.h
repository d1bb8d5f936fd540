// SPDX-License-Identifier: MIT
#pragma once
/* log: lines in Locust's form, "[YYYY-mm-dd HH:MM:SS,mmm] HOST/LEVEL/logger: message".
 *
 * To stderr until log_open names a file. Thread-safe. A message may have line breaks; other
 * control characters are escaped, because texts of strangers end up here.
 */
#include "common/base/spool.h"
#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_DEBUG = 10,
    LOG_INFO = 20,
    LOG_WARNING = 30,
    LOG_ERROR = 40,
    LOG_CRITICAL = 50
};

void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
int log_open(const char *path); /* appends; 0, or -1 with errno set. Before log_write_behind */
int log_error_number(void);     /* errno of the first line that could not be written; 0 */
/* From now on nobody who logs waits for a slow disk or a reader: lines go through a spool, and the
 * log says how many were left out. A process that does this forks no more without an exec. */
void log_write_behind(void);
/* Waits until everything is written, at most wait_s (or SPOOL_FOREVER). Whether it is; if not, that
 * is an error. */
bool log_settle(double wait_s);
/* What the log says in place of lines that it, or another spool, left out. */
void log_add_left_out(struct sbuf *text, unsigned long lines);
/* For stderr, as it is and whole, behind what was logged there; waits until it is written. */
void log_print(const char *text, size_t len);
/* The same for one line of format, without waiting. */
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A copy of each formatted line (no line end) goes to the sink too (the dashboard's log); NULL ends
 * it. Called under the log's lock, on the thread that logs: the sink must not log. */
void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg);
void log_write(enum log_level level, const char *logger, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(logger, ...)                                                                     \
    do {                                                                                           \
        if (log_enabled(LOG_DEBUG))                                                                \
            log_write(LOG_DEBUG, logger, __VA_ARGS__);                                             \
    } while (0)
#define log_info(logger, ...) log_write(LOG_INFO, logger, __VA_ARGS__)
#define log_warning(logger, ...) log_write(LOG_WARNING, logger, __VA_ARGS__)
#define log_error(logger, ...) log_write(LOG_ERROR, logger, __VA_ARGS__)
