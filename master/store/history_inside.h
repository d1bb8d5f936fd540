// SPDX-License-Identifier: MIT
#pragma once
/* history_inside: what the files of history share, and nobody else needs. */
#include "common/base/handle.h"
#include "common/base/sbuf.h"
#include "master/store/history.h"
#include <sqlite3.h>
#include <stdint.h>

#define HISTORY_TAG 0x68697374u /* "hist" */

struct history {
    uint32_t tag; /* handle.h */
    sqlite3 *db;
    char *folder;
    bool has_metrics, has_brief; /* false: an older table that may only be read */
};

/* What tables show of a run that has no column of its own: SQLite makes one of the member, and
 * keeps all of them in an index (run_brief), so that of a list nothing else is read. */
struct history_brief {
    const char *column, *object, *key; /* object: that the member is in; "": the run itself */
    bool is_bool;
};
#define HISTORY_BRIEF_COUNT 20
extern const struct history_brief history_brief[HISTORY_BRIEF_COUNT];
/* As SQL finds the member in the column "run". */
void history_brief_member(const struct history_brief *b, struct sbuf *sql);

/* Values: of each letter of kinds, s text or NULL, i int64_t, f double. NULL: it cannot be made. */
sqlite3_stmt *history_statement(const struct history *h, const char *sql, const char *kinds, ...);
/* Takes s: what is in the column of each line of the answer, as objects of JSON, or as texts. */
json_t *history_collect(sqlite3_stmt *s, bool is_json);
