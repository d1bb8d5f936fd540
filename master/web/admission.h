// SPDX-License-Identifier: MIT
#pragma once
/* admission: remembers for a few seconds which requests the host has admitted (--web-login, and
 * functions of the locustfile that look at every request), so that a page that asks each second
 * does not run Python each second. A refusal is never remembered: who logs in is in at once.
 */
#include <stdbool.h>

struct mg_connection;
struct upstream;
struct admission;

#define ADMISSION_SECONDS 5
#define ADMISSION_ENTRIES 256

struct admission *admission_new(void);
void admission_free(struct admission *g);
/* 204 admitted, 401 refused, 429 asked too often (*retry_s), 502 the host does not answer. An open
 * path needs no login. Thread-safe. */
int admission_admits(struct admission *g, struct mg_connection *conn, const struct upstream *u,
                     bool is_open, unsigned *retry_s);
