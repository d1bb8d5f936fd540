// SPDX-License-Identifier: MIT
#pragma once
/* postgres: one connection to a PostgreSQL server, by libpq, on which nothing is waited for without
 * a limit but for name servers. It is made when it is needed, and again when it broke. One thread
 * at a time. */
#include "common/base/sbuf.h"
#include "master/sink/courier.h"

/* Keys of every kind that writes there. */
#define SINK_POSTGRES_KEYS                                                                         \
    {"username", SINK_TEXT, NULL, NULL, "of the server; or in PGUSER"},                            \
    {                                                                                              \
        "password", SINK_SECRET, NULL, "PGPASSWORD", "its password; or in a file, as PGPASSFILE"   \
    }

struct postgres;
/* The spec's target is an address or what libpq calls a connection string; what it does not say is
 * in PG* of the environment. prepare: statements for each new connection, one transaction; lives
 * on. NULL, and *why (malloced). The spec has SINK_POSTGRES_KEYS, and outlives it. */
struct postgres *postgres_new(const struct sink_spec *spec, const char *prepare, char **why);
void postgres_free(struct postgres *p); /* NULL is fine */

int postgres_reach(struct postgres *p, double timeout_s, struct sbuf *why);
/* All of the statements or none of them; `rows`, in the text form of COPY, are those of the one
 * that says COPY … FROM STDIN. Taken, too: `once`, a table of theirs, has the row already that they
 * begin with. */
struct postgres_order {
    const char *statements, *once;
    const char *rows;
    size_t rows_len;
};
enum delivery postgres_run(struct postgres *p, const struct postgres_order *order, double timeout_s,
                           struct delivery_trouble *t);

/* As a literal, with its quotes, at most so many bytes of it; NULL for NULL. */
void postgres_add_text(struct sbuf *out, const char *text, size_t most);
/* A time, of unix seconds, as a literal. */
void postgres_add_time(struct sbuf *out, double at);
/* The same as fields of a row of COPY. */
void postgres_copy_text(struct sbuf *out, const char *text, size_t most);
void postgres_copy_time(struct sbuf *out, double at);
