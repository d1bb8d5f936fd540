// SPDX-License-Identifier: MIT
#include "master/store/history_inside.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/run_file.h"
#include "master/store/run_id.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define BUSY_MS 5000
#define RETRY_MS 10
#define SCHEMA 4 /* user_version: 1 had no run_metric, 2 no run_started, 3 no run_brief */

/* ---- words about faults ---- */

static void say(char **why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(char **why, const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    *why = sbuf_take(&text);
}

static int fail(const struct history *h, char **why)
{
    const int code = sqlite3_errcode(h->db);
    say(why, "the history in %s cannot be used: %s%s", h->folder, sqlite3_errmsg(h->db),
        code == SQLITE_NOTADB || code == SQLITE_CORRUPT
            ? "; move its runs.db away: katydid runs repair makes it anew from the files of the "
              "runs"
            : "");
    return -1;
}

/* ---- the folder ---- */

char *history_folder(const char *given)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    struct sbuf path = {0};
    if (given && *given)
        return mem_strdup(given);
    if (data && data[0] == '/')
        sbuf_addf(&path, "%s/katydid", data);
    else if (home && *home)
        sbuf_addf(&path, "%s/.local/share/katydid", home);
    return sbuf_take(&path);
}

bool history_is_off(const char *given)
{
    return given && strcmp(given, "off") == 0;
}

static int make_folders(const char *path)
{
    char *copy = mem_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0755); /* the last one tells what is wrong */
        *slash = '/';
    }
    const int rc = mkdir(copy, 0700) == 0 || errno == EEXIST ? 0 : -1;
    free(copy);
    return rc;
}

/* The write-ahead log needs memory that all who use it share. */
static bool is_of_network(const char *folder)
{
    static const unsigned long kinds[] = {0x6969,     0x517b,    0xff534d42, 0xfe534d42,
                                          0x65735546, 0x01021997}; /* nfs smb cifs smb2 fuse 9p */
    struct statfs about;
    if (statfs(folder, &about) != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (((unsigned long)about.f_type & 0xffffffff) == kinds[i])
            return true;
    return false;
}

static const char TABLES[] =
    "CREATE TABLE IF NOT EXISTS run(id TEXT PRIMARY KEY, started REAL, profile TEXT, branch TEXT,"
    " state TEXT, valid INTEGER, pin TEXT, bytes INTEGER, run TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS run_profile ON run(profile, started);"
    "CREATE INDEX IF NOT EXISTS run_going ON run(id) WHERE state='running';"
    "CREATE UNIQUE INDEX IF NOT EXISTS run_pin ON run(pin) WHERE pin IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS run_row(id TEXT, method TEXT, name TEXT, requests INTEGER,"
    " fail_ratio REAL, rps REAL, mean REAL, p50 REAL, p75 REAL, p90 REAL, p95 REAL, p99 REAL,"
    " p999 REAL, PRIMARY KEY(id, method, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS run_metric(id TEXT, method TEXT, name TEXT, metric TEXT,"
    " value REAL, lo REAL, hi REAL, n INTEGER, blocks INTEGER,"
    " PRIMARY KEY(id, method, name, metric)) WITHOUT ROWID;";

static int run_sql(const struct history *h, const char *sql)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL);
}

/* SQLite's own patience does not hold for this: two who make a new file at once would wait for each
 * other, so the second is told at once. */
static int use_write_ahead_log(const struct history *h)
{
    for (int waited_ms = 0;; waited_ms += RETRY_MS) {
        const int rc = run_sql(h, "PRAGMA journal_mode=WAL");
        if ((rc & 0xff) != SQLITE_BUSY || waited_ms >= BUSY_MS)
            return rc;
        sqlite3_sleep(RETRY_MS);
    }
}

static int user_version(const struct history *h)
{
    sqlite3_stmt *s = NULL;
    int version = -1;
    if (sqlite3_prepare_v2(h->db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW)
        version = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return version;
}

/* ALTER TABLE has no IF NOT EXISTS. */
static bool has_brief(const struct history *h)
{
    sqlite3_stmt *s = NULL;
    const int rc = sqlite3_prepare_v2(h->db, "SELECT b_users FROM run", -1, &s, NULL);
    sqlite3_finalize(s);
    return rc == SQLITE_OK;
}

static int make_brief(const struct history *h)
{
    struct sbuf sql = {0};
    for (size_t i = 0; i < HISTORY_BRIEF_COUNT; i++) {
        sbuf_addf(&sql, "ALTER TABLE run ADD COLUMN %s AS (", history_brief[i].column);
        history_brief_member(&history_brief[i], &sql);
        sbuf_adds(&sql, ");");
    }
    sbuf_adds(&sql, "DROP INDEX IF EXISTS run_started;" /* run_brief begins as it did */
                    "CREATE INDEX run_brief ON run(started,id,profile,branch,state,valid,pin");
    for (size_t i = 0; i < HISTORY_BRIEF_COUNT; i++)
        sbuf_addf(&sql, ",%s", history_brief[i].column);
    sbuf_addc(&sql, ')');
    const int rc = has_brief(h) ? SQLITE_OK : run_sql(h, sql.data);
    sbuf_fini(&sql);
    return rc;
}

static int make_tables(const struct history *h, char **why)
{
    if (!is_of_network(h->folder) && use_write_ahead_log(h) != SQLITE_OK)
        return fail(h, why);
    if (run_sql(h, "BEGIN IMMEDIATE") == SQLITE_OK && run_sql(h, TABLES) == SQLITE_OK &&
        make_brief(h) == SQLITE_OK && run_sql(h, "PRAGMA user_version=4") == SQLITE_OK &&
        run_sql(h, "COMMIT") == SQLITE_OK)
        return 0;
    const int code = fail(h, why);
    run_sql(h, "ROLLBACK");
    return code;
}

/* A table that is there gets what it lacks also for who only reads, if it can be written. */
static int prepare(struct history *h, bool may_write, char **why)
{
    const int version = user_version(h);
    if (version < 0)
        return fail(h, why);
    if (version > SCHEMA) {
        say(why, "the history in %s is of a newer katydid; use that one, or another --history",
            h->folder);
        return -1;
    }
    const bool is_made = version < SCHEMA && (may_write || version > 0);
    const int code = is_made ? make_tables(h, why) : 0;
    h->has_metrics = code == 0 && (is_made || version > 1);
    h->has_brief = code == 0 && (is_made || version > 3);
    if (code == 0 || may_write)
        return code;
    free(*why);
    *why = NULL;
    return 0;
}

static bool is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

struct history *history_open(const char *folder, bool may_write, char **why)
{
    struct sbuf path = {0};
    if (may_write && make_folders(folder) != 0) {
        say(why, "cannot make the folder %s: %s", folder, strerror(errno));
        return NULL;
    }
    sbuf_addf(&path, "%s/runs.db", folder);
    const bool is_there = history_is_there(folder);
    if ((!may_write && !is_there) || (is_there && !is_file(path.data))) {
        say(why, is_there ? "%s is no file" : "no run is stored in %s yet",
            is_there ? path.data : folder);
        sbuf_fini(&path);
        return NULL;
    }
    struct history *h = mem_zalloc(sizeof *h);
    HANDLE_MADE(h, HISTORY_TAG);
    h->folder = mem_strdup(folder);
    const int flags = SQLITE_OPEN_READWRITE | (may_write ? SQLITE_OPEN_CREATE : 0);
    const int rc = sqlite3_open_v2(path.data, &h->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(h->db, BUSY_MS);
        run_sql(h, "PRAGMA synchronous=NORMAL");
    }
    const bool is_good = rc == SQLITE_OK ? prepare(h, may_write, why) == 0 : fail(h, why) == 0;
    sbuf_fini(&path);
    if (is_good)
        return h;
    history_close(h);
    return NULL;
}

bool history_is_there(const char *folder)
{
    struct sbuf path = {0};
    sbuf_addf(&path, "%s/runs.db", folder);
    const bool is_there = access(path.data, F_OK) == 0;
    sbuf_fini(&path);
    return is_there;
}

void history_close(struct history *h)
{
    if (!h)
        return;
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_close(h->db);
    free(h->folder);
    HANDLE_ENDS(h);
    free(h);
}

char *history_path(const struct history *h, const char *id)
{
    HANDLE_IS(h, HISTORY_TAG);
    struct sbuf path = {0};
    sbuf_addf(&path, "%s/%s.kdrun", h->folder, id);
    return sbuf_take(&path);
}

/* ---- statements ---- */

static int done(const struct history *h, sqlite3_stmt *s, char **why)
{
    const int rc = s ? sqlite3_step(s) : SQLITE_ERROR;
    const int code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : fail(h, why);
    sqlite3_finalize(s);
    return code;
}

/* ---- runs ---- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static int write_run(struct history *h, const json_t *run, char **why)
{
    const char *pin = text_of(run, "pin");
    char *text = json_dumps(run, JSON_COMPACT);
    sqlite3_stmt *s = history_statement(
        h, "INSERT OR REPLACE INTO run VALUES(?,?,?,?,?,?,?,?,?)", "sfsssisis", text_of(run, "id"),
        json_number_value(json_object_get(run, "started")), text_of(run, "profile"),
        text_of(json_object_get(run, "git"), "branch"), text_of(run, "state"),
        (int64_t)json_is_true(json_object_get(run, "valid")), *pin ? pin : NULL,
        (int64_t)json_integer_value(json_object_get(run, "bytes")), text);
    free(text);
    return done(h, s, why);
}

static int finish(struct history *h, int code, char **why)
{
    if (code == 0 && run_sql(h, "COMMIT") != SQLITE_OK)
        code = fail(h, why);
    if (code != 0)
        run_sql(h, "ROLLBACK");
    return code;
}

json_t *history_get(struct history *h, const char *id)
{
    HANDLE_IS(h, HISTORY_TAG);
    json_t *list =
        history_collect(history_statement(h, "SELECT run FROM run WHERE id=?", "s", id), true);
    json_t *run = json_incref(json_array_get(list, 0));
    json_decref(list);
    return run;
}

int history_put(struct history *h, const json_t *run, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    static const char *const kept[] = {"note", "pin", "tags"};
    if (run_sql(h, "BEGIN IMMEDIATE") != SQLITE_OK)
        return fail(h, why);
    json_t *before = history_get(h, text_of(run, "id")), *now = json_copy((json_t *)(uintptr_t)run);
    for (size_t i = 0; before && i < sizeof kept / sizeof *kept; i++)
        if (json_object_get(before, kept[i]))
            json_object_set(now, kept[i], json_object_get(before, kept[i]));
    const int code = finish(h, write_run(h, now, why), why);
    json_decref(before);
    json_decref(now);
    return code;
}

/* Lines of an array each, as parameters behind the id: the first so many of them texts. */
static int put_lines(struct history *h, const char *sql, const char *id, const json_t *lines,
                     size_t texts, char **why)
{
    size_t i, k;
    const json_t *line, *value;
    int code = 0;
    if (run_sql(h, "BEGIN IMMEDIATE") != SQLITE_OK)
        return fail(h, why);
    sqlite3_stmt *s = history_statement(h, sql, "s", id);
    json_array_foreach(lines, i, line)
    {
        json_array_foreach(line, k, value)
        {
            if (s && k < texts)
                sqlite3_bind_text(s, 2 + (int)k, json_string_value(value), -1, SQLITE_TRANSIENT);
            else if (s && !json_is_null(value))
                sqlite3_bind_double(s, 2 + (int)k, json_number_value(value));
            else if (s)
                sqlite3_bind_null(s, 2 + (int)k);
        }
        if (!s || sqlite3_step(s) != SQLITE_DONE || sqlite3_reset(s) != SQLITE_OK) {
            code = fail(h, why);
            break;
        }
    }
    sqlite3_finalize(s);
    return finish(h, code, why);
}

int history_put_rows(struct history *h, const char *id, const json_t *rows, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    return put_lines(
        h, "INSERT OR REPLACE INTO run_row VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)", id,
        rows, 2, why);
}

int history_put_metrics(struct history *h, const char *id, const json_t *metrics, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    return put_lines(h, "INSERT OR REPLACE INTO run_metric VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", id,
                     metrics, 3, why);
}

/* Its column, for a statement; NULL: there is none. */
static const char *figure_column(const char *figure)
{
    static const char *const figures[] = {"fail_ratio", "rps", "mean", "p50", "p75",
                                          "p90",        "p95", "p99",  "p999"};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (strcmp(figures[i], figure) == 0)
            return figures[i];
    return NULL;
}

double history_row_figure(struct history *h, const char *id, const char *method, const char *name,
                          const char *figure)
{
    HANDLE_IS(h, HISTORY_TAG);
    const char *column = figure_column(figure);
    struct sbuf sql = {0};
    double value = NAN;
    if (column)
        sbuf_addf(&sql, "SELECT %s FROM run_row WHERE id=? AND method=? AND name=?", column);
    sqlite3_stmt *s = sql.len ? history_statement(h, sql.data, "sss", id, method, name) : NULL;
    if (s && sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
        value = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    sbuf_fini(&sql);
    return value;
}

/* Of `m`, a line of run_metric, without its names. */
#define METRIC "'value',m.value,'low',m.lo,'high',m.hi,'n',m.n,'blocks',m.blocks"

json_t *history_metrics(struct history *h, const char *id)
{
    HANDLE_IS(h, HISTORY_TAG);
    return history_collect(history_statement(h,
                                             "SELECT json_object('method',m.method,'name',m.name,"
                                             "'metric',m.metric," METRIC
                                             ") FROM run_metric m WHERE m.id=?"
                                             " ORDER BY m.method<>'' OR m.name<>'',"
                                             " max(m.n) OVER (PARTITION BY m.method, m.name) DESC,"
                                             " m.method, m.name, m.metric",
                                             "s", id),
                           true);
}

json_t *history_trend(struct history *h, const char *profile, const char *locustfile,
                      const char *method, const char *name, const char *figure)
{
    const char *column = figure_column(figure);
    struct sbuf sql = {0};
    if (!column)
        return NULL;
    sbuf_adds(&sql, "SELECT json_object('id',r.id,'started',r.started,'is_good',"
                    "json(CASE WHEN r.valid AND r.state='done' THEN 'true' ELSE 'false' END),"
                    "'commit',coalesce(json_extract(r.run,'$.git.commit'),''),"
                    "'note',coalesce(json_extract(r.run,'$.note'),''),'pin',coalesce(r.pin,''),");
    if (h->has_metrics)
        sbuf_adds(&sql, "'steady',json(CASE WHEN m.value IS NULL THEN 'null'"
                        " ELSE json_object(" METRIC ") END),");
    sbuf_addf(&sql,
              "'value',x.%s) FROM run r LEFT JOIN run_row x ON x.id=r.id AND x.method=?1"
              " AND x.name=?2 ",
              column);
    if (h->has_metrics)
        sbuf_addf(&sql,
                  "LEFT JOIN run_metric m ON m.id=r.id AND m.method=?1 AND m.name=?2"
                  " AND m.metric='%s' ",
                  column);
    sbuf_addf(&sql,
              "WHERE r.state<>'running' AND (?3 IS NULL OR r.profile=?3)"
              " AND (?4 IS NULL OR json_extract(r.run,'$.locustfile')=?4)"
              " ORDER BY r.started DESC, r.id DESC LIMIT %d",
              HISTORY_TREND_MOST);
    json_t *newest = history_collect(
        history_statement(h, sql.data, "ssss", method, name, profile, locustfile), true);
    json_t *list = json_array();
    for (size_t i = json_array_size(newest); i > 0; i--)
        json_array_append(list, json_array_get(newest, i - 1));
    json_decref(newest);
    sbuf_fini(&sql);
    return list;
}

json_t *history_profiles(struct history *h)
{
    HANDLE_IS(h, HISTORY_TAG);
    return history_collect(
        history_statement(h, "SELECT profile FROM run GROUP BY profile ORDER BY max(started) DESC",
                          ""),
        false);
}

/* ---- changes ---- */

static int change(struct history *h, const char *id, const char *key, json_t *value, char **why)
{
    if (run_sql(h, "BEGIN IMMEDIATE") != SQLITE_OK) {
        json_decref(value);
        return fail(h, why);
    }
    json_t *run = history_get(h, id);
    int code = 0;
    if (!run) {
        say(why, "there is no run %s", id);
        code = -1;
    } else {
        json_object_set(run, key, value);
        code = write_run(h, run, why);
    }
    json_decref(value);
    json_decref(run);
    return finish(h, code, why);
}

int history_note(struct history *h, const char *id, const char *text, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    return change(h, id, "note", json_string(text ? text : ""), why);
}

int history_pin(struct history *h, const char *id, const char *name, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    sqlite3_stmt *s =
        history_statement(h, "SELECT id FROM run WHERE pin=? AND id<>?", "ss", name, id);
    json_t *others = history_collect(s, false);
    const char *other = json_string_value(json_array_get(others, 0));
    int code = 0;
    if (name && *name && other) /* a name means one run: it moves */
        code = change(h, other, "pin", json_string(""), why);
    json_decref(others);
    return code ? code : change(h, id, "pin", json_string(name ? name : ""), why);
}

int history_tag(struct history *h, const char *id, const char *key, const char *value, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    json_t *run = history_get(h, id), *tags = json_object();
    json_object_update(tags, json_object_get(run, "tags"));
    if (value)
        json_object_set_new(tags, key, json_string(value));
    else
        json_object_del(tags, key);
    json_decref(run);
    return change(h, id, "tags", tags, why);
}

static int forget(struct history *h, const char *id, char **why)
{
    char *path = history_path(h, id);
    if ((h->has_metrics &&
         done(h, history_statement(h, "DELETE FROM run_metric WHERE id=?", "s", id), why) != 0) ||
        done(h, history_statement(h, "DELETE FROM run_row WHERE id=?", "s", id), why) != 0 ||
        done(h, history_statement(h, "DELETE FROM run WHERE id=?", "s", id), why) != 0) {
        free(path);
        return -1;
    }
    int code = unlink(path) == 0 || errno == ENOENT ? 0 : -1;
    if (code != 0)
        say(why, "cannot remove %s: %s", path, strerror(errno));
    free(path);
    return code;
}

int history_remove(struct history *h, const char *id, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    json_t *run = history_get(h, id);
    char *path = history_path(h, id);
    int code = -1;
    if (!run)
        say(why, "there is no run %s", id);
    else if (*text_of(run, "pin"))
        say(why, "run %s is pinned as %s; take the pin away first: katydid runs pin %s --none", id,
            text_of(run, "pin"), id);
    else if (run_file_is_written(path))
        say(why, "run %s goes on", id);
    else
        code = forget(h, id, why);
    json_decref(run);
    free(path);
    return code;
}

int history_prune(struct history *h, const struct history_keep *keep, double now, char **why)
{
    HANDLE_IS(h, HISTORY_TAG);
    json_t *all = history_list(h, &(struct history_filter){0}), *run;
    const double since = keep->days > 0 ? now - keep->days * 86400 : 0;
    double bytes = 0;
    size_t i, kept = 0;
    int removed = 0;
    json_array_foreach(all, i, run)
    {
        char *path = history_path(h, text_of(run, "id"));
        bytes += json_number_value(json_object_get(run, "bytes"));
        const bool is_held = *text_of(run, "pin") || run_file_is_written(path);
        const bool is_too_much = (keep->runs > 0 && kept >= keep->runs) ||
                                 json_number_value(json_object_get(run, "started")) < since ||
                                 (keep->megabytes > 0 && bytes > keep->megabytes * 1e6 && kept > 0);
        free(path);
        kept += !is_too_much || is_held;
        if (!is_too_much || is_held)
            continue;
        if (forget(h, text_of(run, "id"), why) != 0) {
            removed = -1;
            break;
        }
        removed++;
    }
    json_decref(all);
    return removed;
}

json_t *history_orphans(struct history *h)
{
    HANDLE_IS(h, HISTORY_TAG);
    json_t *list = history_collect(
        history_statement(h, "SELECT id FROM run WHERE state='running'", ""), false);
    for (size_t i = 0; i < json_array_size(list);) {
        char *path = history_path(h, json_string_value(json_array_get(list, i)));
        if (run_file_is_written(path))
            json_array_remove(list, i);
        else
            i++;
        free(path);
    }
    return list;
}

json_t *history_bare(struct history *h)
{
    HANDLE_IS(h, HISTORY_TAG);
    return history_collect(
        history_statement(h,
                          "SELECT id FROM run r WHERE state<>'running' AND NOT EXISTS"
                          "(SELECT 1 FROM run_metric m WHERE m.id=r.id)",
                          ""),
        false);
}

json_t *history_strangers(struct history *h)
{
    HANDLE_IS(h, HISTORY_TAG);
    json_t *list = json_array();
    DIR *folder = opendir(h->folder);
    for (const struct dirent *d = folder ? readdir(folder) : NULL; d; d = readdir(folder)) {
        char *id = mem_dup(d->d_name, strcspn(d->d_name, "."));
        json_t *run = NULL;
        if (run_id_is(id) && strcmp(d->d_name + strlen(id), ".kdrun") == 0 &&
            !(run = history_get(h, id)))
            json_array_append_new(list, json_string(id));
        json_decref(run);
        free(id);
    }
    if (folder)
        closedir(folder);
    return list;
}
