// SPDX-License-Identifier: MIT
/* history_list: the runs that fit a filter. */
#include "common/base/mem.h"
#include "master/store/history_inside.h"
#include <stdlib.h>
#include <string.h>

/* Numbers of parameters are those of `bind`. */
#define VERDICT                                                                                    \
    "CASE WHEN state<>'done' THEN state WHEN NOT valid THEN 'not valid'"                           \
    " WHEN json_extract(run,'$.verdict.gate_failed') THEN 'failed'"                                \
    " WHEN coalesce(json_extract(run,'$.verdict.thresholds'),0)=0 THEN '-'"                        \
    " WHEN json_extract(run,'$.verdict.passed') THEN 'passed' ELSE 'failed' END"
#define WORDS                                                                                      \
    "id||' '||json_extract(run,'$.pin','$.note','$.tags','$.profile','$.locustfile','$.host',"     \
    "'$.git.branch','$.git.commit','$.test_id')"
/* Whether the condition is there, and it. What is in no index keeps a list from reading that
 * alone, and so does a condition that is never asked. */
struct condition {
    bool is_there;
    const char *sql;
};

static void add_conditions(struct sbuf *sql, const struct history_filter *f)
{
    const struct condition all[] = {
        {f->profile, "profile=?1"},
        {f->branch, "branch=?2"},
        {f->state, "state=?3"},
        {f->is_valid, "valid"},
        {f->tag, "EXISTS(SELECT 1 FROM json_each(run,'$.tags')"
                 " WHERE key=?5 AND (?6 IS NULL OR value=?6))"},
        {f->verdict, "(" VERDICT ")=?7"},
        {f->text && *f->text, "instr(lower(" WORDS "),lower(?8))"},
        {f->prefix, "substr(id,1,length(?11))=upper(?11)"},
        {f->pin, "pin=?12"},
    };
    sbuf_adds(sql, " FROM run");
    for (size_t i = 0, n = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].is_there)
            sbuf_addf(sql, " %s %s", n++ ? "AND" : "WHERE", all[i].sql);
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
    if (at <= sqlite3_bind_parameter_count(s)) /* else nothing asks for it */
        sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

static void bind(sqlite3_stmt *s, const struct history_filter *f)
{
    const char *equals = f->tag ? strchr(f->tag, '=') : NULL;
    char *key =
        !f->tag ? NULL : mem_dup(f->tag, equals ? (size_t)(equals - f->tag) : strlen(f->tag));
    const char *const texts[] = {f->profile, f->branch,
                                 f->state,   NULL,
                                 key,        equals ? equals + 1 : NULL,
                                 f->verdict, f->text && *f->text ? f->text : NULL,
                                 NULL,       NULL,
                                 f->prefix,  f->pin};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        bind_text(s, (int)i + 1, texts[i]);
    free(key);
}

/* select: "SELECT …", of the runs that fit. */
static sqlite3_stmt *filtered(const struct history *h, const char *select,
                              const struct history_filter *f, bool is_count)
{
    struct sbuf sql = {0};
    sbuf_adds(&sql, select);
    add_conditions(&sql, f);
    if (!is_count)
        sbuf_adds(&sql, " ORDER BY started DESC, id DESC LIMIT ?9 OFFSET ?10");
    sqlite3_stmt *s = history_statement(h, sql.data, "");
    sbuf_fini(&sql);
    if (!s)
        return NULL;
    bind(s, f);
    if (!is_count) {
        sqlite3_bind_int64(s, 9, f->limit ? (int64_t)f->limit : -1);
        sqlite3_bind_int64(s, 10, (int64_t)f->skip);
    }
    return s;
}

void history_each(struct history *h, const struct history_filter *f,
                  bool (*take)(void *arg, json_t *run), void *arg)
{
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_stmt *s = filtered(h, "SELECT run", f, false);
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
    return history_collect(filtered(h, "SELECT run", f, false), true);
}

/* ---- what tables show ---- */

const struct history_brief history_brief[HISTORY_BRIEF_COUNT] = {
    {"b_users", "", "users", false},
    {"b_users_most", "", "users_most", false},
    {"b_plans", "", "plans", false},
    {"b_duration", "", "duration", false},
    {"b_locustfile", "", "locustfile", false},
    {"b_note", "", "note", false},
    {"b_commit", "git", "commit", false},
    {"b_gate_failed", "verdict", "gate_failed", true},
    {"b_thresholds", "verdict", "thresholds", false},
    {"b_passed", "verdict", "passed", true},
    {"b_iterations", "iterations", "started", false},
    {"b_requests", "totals", "requests", false},
    {"b_rps", "totals", "rps", false},
    {"b_mean", "totals", "mean", false},
    {"b_p50", "totals", "p50", false},
    {"b_p90", "totals", "p90", false},
    {"b_p95", "totals", "p95", false},
    {"b_p99", "totals", "p99", false},
    {"b_p999", "totals", "p999", false},
    {"b_fail_ratio", "totals", "fail_ratio", false},
};

void history_brief_member(const struct history_brief *b, struct sbuf *sql)
{
    sbuf_addf(sql, "json_extract(run,'$.%s%s%s')", b->object, *b->object ? "." : "", b->key);
}

/* Columns of the run itself, before those of history_brief. */
static const struct history_brief OWN[] = {
    {"id", "", "id", false},           {"started", "", "started", false},
    {"profile", "", "profile", false}, {"state", "", "state", false},
    {"pin", "", "pin", false},         {"branch", "git", "branch", false},
    {"valid", "", "valid", true},
};
#define OWN_COUNT (sizeof OWN / sizeof *OWN)

static json_t *value_of(sqlite3_stmt *s, int column, bool is_bool)
{
    switch (sqlite3_column_type(s, column)) {
    case SQLITE_NULL:
        return NULL;
    case SQLITE_INTEGER:
        return is_bool ? json_boolean(sqlite3_column_int(s, column))
                       : json_integer(sqlite3_column_int64(s, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(s, column));
    default:
        return json_string((const char *)sqlite3_column_text(s, column));
    }
}

static json_t *object_in(json_t *run, const char *name)
{
    json_t *object = *name ? json_object_get(run, name) : run;
    if (!object && json_object_set_new(run, name, json_object()) == 0)
        object = json_object_get(run, name);
    return object;
}

static json_t *brief(sqlite3_stmt *s)
{
    json_t *run = json_object();
    for (size_t i = 0; i < OWN_COUNT + HISTORY_BRIEF_COUNT; i++) {
        const struct history_brief *b = i < OWN_COUNT ? &OWN[i] : &history_brief[i - OWN_COUNT];
        json_t *value = value_of(s, (int)i, b->is_bool);
        if (value)
            json_object_set_new_nocheck(object_in(run, b->object), b->key, value);
    }
    return run;
}

static void select_brief(const struct history *h, struct sbuf *sql)
{
    for (size_t i = 0; i < OWN_COUNT; i++)
        sbuf_addf(sql, "%s%s", i ? "," : "SELECT ", OWN[i].column);
    for (size_t i = 0; i < HISTORY_BRIEF_COUNT; i++) {
        sbuf_addc(sql, ',');
        if (h->has_brief)
            sbuf_adds(sql, history_brief[i].column);
        else
            history_brief_member(&history_brief[i], sql);
    }
}

json_t *history_list_brief(struct history *h, const struct history_filter *f)
{
    HANDLE_IS(h, HISTORY_TAG);
    struct sbuf select = {0};
    select_brief(h, &select);
    sqlite3_stmt *s = filtered(h, select.data, f, false);
    json_t *list = json_array();
    while (s && sqlite3_step(s) == SQLITE_ROW)
        json_array_append_new(list, brief(s));
    sqlite3_finalize(s);
    sbuf_fini(&select);
    return list;
}

size_t history_count(struct history *h, const struct history_filter *f)
{
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_stmt *s = filtered(h, "SELECT count(*)", f, true);
    const int64_t count = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return (size_t)count;
}
