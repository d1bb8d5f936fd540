// SPDX-License-Identifier: MIT
#pragma once
/* admission: remembers for a few seconds which requests the host has admitted (--web-login), and
 * whose they were, so that a page that asks each second does not run Python each second. A refusal
 * is never remembered: who logs in is in at once. Whatever the host answers itself may be a logout:
 * then all is forgotten. */
#include <stdbool.h>

struct mg_connection;
struct upstream;
struct admission;

#define ADMISSION_SECONDS 5
#define ADMISSION_ENTRIES 256

struct admission *admission_new(void);
void admission_free(struct admission *g);
/* 0 admitted; else the status of the answer that was sent. u->login is needed. Thread-safe. */
int admission_admits(struct admission *g, struct mg_connection *conn, const struct upstream *u);
void admission_forget(struct admission *g);
