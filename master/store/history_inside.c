// SPDX-License-Identifier: MIT
#include "master/store/history_inside.h"
#include <stdarg.h>

sqlite3_stmt *history_statement(const struct history *h, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *s = NULL;
    va_list args;
    if (sqlite3_prepare_v2(h->db, sql, -1, &s, NULL) != SQLITE_OK)
        return NULL;
    va_start(args, kinds);
    for (int i = 1; *kinds; kinds++, i++) {
        if (*kinds == 's')
            sqlite3_bind_text(s, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else if (*kinds == 'i')
            sqlite3_bind_int64(s, i, va_arg(args, int64_t));
        else
            sqlite3_bind_double(s, i, va_arg(args, double));
    }
    va_end(args);
    return s;
}

json_t *history_collect(sqlite3_stmt *s, bool is_json)
{
    json_t *list = json_array();
    while (s && sqlite3_step(s) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(s, 0);
        json_t *value = !text ? NULL : is_json ? json_loads(text, 0, NULL) : json_string(text);
        if (value)
            json_array_append_new(list, value);
    }
    sqlite3_finalize(s);
    return list;
}
