// SPDX-License-Identifier: MIT
/* history_list: the runs that fit a filter. */
#include "common/base/mem.h"
#include "master/store/history_inside.h"
#include <stdlib.h>
#include <string.h>

/* Numbers of parameters are those of `filtered`. */
#define VERDICT                                                                                    \
    "CASE WHEN state<>'done' THEN state WHEN NOT valid THEN 'not valid'"                           \
    " WHEN json_extract(run,'$.verdict.gate_failed') THEN 'failed'"                                \
    " WHEN coalesce(json_extract(run,'$.verdict.thresholds'),0)=0 THEN '-'"                        \
    " WHEN json_extract(run,'$.verdict.passed') THEN 'passed' ELSE 'failed' END"
#define WORDS                                                                                      \
    "id||' '||json_extract(run,'$.pin','$.note','$.tags','$.profile','$.locustfile','$.host',"     \
    "'$.git.branch','$.git.commit','$.test_id')"
#define FILTER                                                                                     \
    " WHERE (?1 IS NULL OR profile=?1) AND (?2 IS NULL OR branch=?2)"                              \
    " AND (?3 IS NULL OR state=?3) AND (NOT ?4 OR valid)"                                          \
    " AND (?5 IS NULL OR EXISTS(SELECT 1 FROM json_each(run,'$.tags')"                             \
    " WHERE key=?5 AND (?6 IS NULL OR value=?6)))"                                                 \
    " AND (?7 IS NULL OR (" VERDICT ")=?7) AND (?8 IS NULL OR instr(lower(" WORDS "),lower(?8)))"  \
    " AND (?11 IS NULL OR substr(id,1,length(?11))=upper(?11)) AND (?12 IS NULL OR pin=?12)"
#define NEWEST_FIRST " FROM run" FILTER " ORDER BY started DESC, id DESC LIMIT ?9 OFFSET ?10"

static sqlite3_stmt *filtered(const struct history *h, const char *sql,
                              const struct history_filter *f)
{
    const char *equals = f->tag ? strchr(f->tag, '=') : NULL;
    char *key =
        !f->tag ? NULL : mem_dup(f->tag, equals ? (size_t)(equals - f->tag) : strlen(f->tag));
    sqlite3_stmt *s = history_statement(h, sql, "sssissss", f->profile, f->branch, f->state,
                                        (int64_t)f->is_valid, key, equals ? equals + 1 : NULL,
                                        f->verdict, f->text && *f->text ? f->text : NULL);
    free(key);
    if (s) {
        sqlite3_bind_text(s, 11, f->prefix, -1, SQLITE_TRANSIENT);
        sqlite3_bind_text(s, 12, f->pin, -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(s, 9, f->limit ? (int64_t)f->limit : -1);
        sqlite3_bind_int64(s, 10, (int64_t)f->skip);
    }
    return s;
}

void history_each(struct history *h, const struct history_filter *f,
                  bool (*take)(void *arg, json_t *run), void *arg)
{
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_stmt *s = filtered(h, "SELECT run" NEWEST_FIRST, f);
    for (bool goes_on = true; goes_on && s && sqlite3_step(s) == SQLITE_ROW;) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        json_t *run = text ? json_loads(text, 0, NULL) : NULL;
        goes_on = !run || take(arg, run);
        json_decref(run);
    }
    sqlite3_finalize(s);
}

json_t *history_list(struct history *h, const struct history_filter *f)
{
    HANDLE_IS(h, HISTORY_TAG);
    return history_collect(filtered(h, "SELECT run" NEWEST_FIRST, f), true);
}

/* ---- what tables show ---- */

static const char BRIEF[] =
    "SELECT json_extract(run,'$.users','$.users_most','$.plans','$.duration','$.locustfile',"
    "'$.note','$.git','$.verdict','$.iterations'),valid,id,started,profile,state,pin,"
    "json_extract(run,'$.totals.requests'),json_extract(run,'$.totals.rps'),"
    "json_extract(run,'$.totals.mean'),json_extract(run,'$.totals.p50'),"
    "json_extract(run,'$.totals.p90'),json_extract(run,'$.totals.p95'),"
    "json_extract(run,'$.totals.p99'),json_extract(run,'$.totals.p999'),"
    "json_extract(run,'$.totals.fail_ratio')" NEWEST_FIRST;

static const char *const MEMBERS[] = {"users", "users_most", "plans",   "duration",  "locustfile",
                                      "note",  "git",        "verdict", "iterations"};
static const char *const COLUMNS[] = {"id", "started", "profile", "state", "pin"};
static const char *const FIGURES_OF[] = {"requests", "rps", "mean", "p50",       "p90",
                                         "p95",      "p99", "p999", "fail_ratio"};

static void set_column(json_t *object, const char *key, sqlite3_stmt *s, int column)
{
    const int type = sqlite3_column_type(s, column);
    if (type == SQLITE_NULL)
        return;
    json_object_set_new(object, key,
                        type == SQLITE_INTEGER ? json_integer(sqlite3_column_int64(s, column))
                        : type == SQLITE_FLOAT
                            ? json_real(sqlite3_column_double(s, column))
                            : json_string((const char *)sqlite3_column_text(s, column)));
}

static json_t *brief(sqlite3_stmt *s)
{
    json_t *run = json_object(), *totals = json_object(), *value;
    json_t *members = json_loads((const char *)sqlite3_column_text(s, 0), 0, NULL);
    int column = 2;
    size_t i;
    json_array_foreach(members, i, value) if (!json_is_null(value))
        json_object_set(run, MEMBERS[i], value);
    json_object_set_new(run, "valid", json_boolean(sqlite3_column_int(s, 1)));
    for (i = 0; i < sizeof COLUMNS / sizeof *COLUMNS; i++)
        set_column(run, COLUMNS[i], s, column++);
    for (i = 0; i < sizeof FIGURES_OF / sizeof *FIGURES_OF; i++)
        set_column(totals, FIGURES_OF[i], s, column++);
    json_object_set_new(run, "totals", totals);
    json_decref(members);
    return run;
}

/* SQLite finds a few members in a fraction of the time that reading all of them takes. */
json_t *history_list_brief(struct history *h, const struct history_filter *f)
{
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_stmt *s = filtered(h, BRIEF, f);
    json_t *list = json_array();
    while (s && sqlite3_step(s) == SQLITE_ROW)
        json_array_append_new(list, brief(s));
    sqlite3_finalize(s);
    return list;
}

size_t history_count(struct history *h, const struct history_filter *f)
{
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_stmt *s = filtered(h, "SELECT count(*) FROM run" FILTER, f);
    const int64_t count = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return (size_t)count;
}
