// SPDX-License-Identifier: MIT
#include "master/web/query.h"

#include "master/web/groups.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LEN_MAX 24
#define POINTS_DEFAULT 30

static bool refuse(struct query_error *e, const char *field, const char *text)
{
    e->field = field;
    snprintf(e->text, sizeof e->text, "%s", text);
    return false;
}

/* Digits with at most one point among them. */
static bool is_plain_number(const char *text)
{
    size_t len = strlen(text), digits = strspn(text, "0123456789");
    if (digits > 0 && text[digits] == '.')
        digits += 1 + strspn(text + digits + 1, "0123456789");
    return len > 0 && len <= NUMBER_LEN_MAX && digits == len && text[0] != '.';
}

static bool read_time(const struct form *f, const char *name, bool *is_there, double *at,
                      struct query_error *e)
{
    const char *text = form_get(f, name);
    *is_there = text != NULL && text[0] != '\0';
    if (!*is_there)
        return true;
    *at = is_plain_number(text) ? strtod(text, NULL) : NAN;
    if (!(*at <= (double)QUERY_TIME_MAX))
        return refuse(e, name, "Give unix seconds, such as 1700000000.");
    return true;
}

static bool read_range(const struct form *f, struct query *q, struct query_error *e)
{
    double from = 0, to = 0;
    if (!read_time(f, "from", &q->has_from, &from, e) || !read_time(f, "to", &q->has_to, &to, e))
        return false;
    q->from = (int64_t)floor(from);
    q->to = (int64_t)ceil(to);
    if (q->has_from && q->has_to && q->to <= q->from)
        return refuse(e, "to", "A range ends after it begins: give a to that is above from.");
    return true;
}

static bool refuse_number(struct query_error *e, const char *name, uint64_t min, uint64_t max)
{
    e->field = name;
    snprintf(e->text, sizeof e->text, "Give a whole number from %" PRIu64 " to %" PRIu64 ".", min,
             max);
    return false;
}

/* A whole number in [min, max]; untouched when absent. */
static bool read_count(const struct form *f, const char *name, uint64_t min, uint64_t max,
                       uint64_t *number, bool *is_there, struct query_error *e)
{
    const char *text = form_get(f, name);
    *is_there = text != NULL && text[0] != '\0';
    if (!*is_there)
        return true;
    errno = 0;
    const uint64_t value = strtoull(text, NULL, 10);
    if (strspn(text, "0123456789") != strlen(text) || errno != 0 || value < min || value > max)
        return refuse_number(e, name, min, max);
    *number = value;
    return true;
}

static bool read_whole(const struct form *f, const char *name, uint32_t min, uint32_t max,
                       uint32_t *number, bool *is_there, struct query_error *e)
{
    uint64_t value = *number;
    const bool is_ok = read_count(f, name, min, max, &value, is_there, e);
    *number = (uint32_t)value;
    return is_ok;
}

bool query_count(const struct form *f, const char *name, uint64_t max, uint64_t *number,
                 struct query_error *e)
{
    bool ignored;
    return read_count(f, name, 0, max, number, &ignored, e);
}

bool query_flag(const struct form *f, const char *name, bool *is_set, struct query_error *e)
{
    uint64_t value = *is_set;
    const bool is_ok = query_count(f, name, 1, &value, e);
    *is_set = value == 1;
    return is_ok;
}

bool query_whole(const struct form *f, const char *name, uint32_t min, uint32_t max,
                 uint32_t *number, struct query_error *e)
{
    bool ignored;
    return read_whole(f, name, min, max, number, &ignored, e);
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

bool query_knows(const struct form *f, const char *const *names, struct query_error *e)
{
    size_t i = 0;
    while (i < f->count && is_among(f->fields[i].name, names))
        i++;
    if (i == f->count)
        return true;
    size_t used = (size_t)snprintf(e->text, sizeof e->text, "There is no such parameter; give");
    for (size_t k = 0; names[k] != NULL && used < sizeof e->text; k++)
        used += (size_t)snprintf(e->text + used, sizeof e->text - used, "%s %s", k == 0 ? "" : ",",
                                 names[k]);
    e->field = "";
    return false;
}

static bool read_ids(const struct form *f, struct query *q, struct query_error *e)
{
    const char *at = form_get(f, "ids");
    while (at != NULL && *at != '\0') {
        char text[NUMBER_LEN_MAX + 1];
        size_t len = strcspn(at, ",");
        if (q->id_count == QUERY_IDS_MAX)
            return refuse(e, "ids", "Too many: ask for at most 200 rows at a time.");
        if (len == 0 || len > 10)
            return refuse(e, "ids", "Give ids of rows with commas between, such as 1,2,3.");
        memcpy(text, at, len);
        text[len] = '\0';
        double id = is_plain_number(text) && strchr(text, '.') == NULL ? strtod(text, NULL) : NAN;
        if (!(id <= INT32_MAX))
            return refuse(e, "ids", "Give ids of rows with commas between, such as 1,2,3.");
        q->ids[q->id_count++] = (uint32_t)id;
        at += len + (at[len] == ',');
    }
    return true;
}

bool query_read(const struct form *f, struct query *q, struct query_error *e)
{
    bool ignored;
    const char *columns = form_get(f, "columns");
    *q = (struct query){.points = POINTS_DEFAULT};
    if (!read_range(f, q, e) || !read_whole(f, "step", 1, QUERY_STEP_MAX, &q->step, &ignored, e) ||
        !read_whole(f, "id", 0, INT32_MAX, &q->id, &ignored, e) ||
        !read_whole(f, "worker", 0, QUERY_WORKER_MAX, &q->worker, &q->has_worker, e) ||
        !read_whole(f, "group", 1, GROUPS_DEPTH_MAX, &q->group, &q->has_group, e) ||
        !read_whole(f, "points", 2, QUERY_POINTS_MAX, &q->points, &ignored, e) ||
        !read_ids(f, q, e))
        return false;
    if (columns != NULL && columns[0] != '\0' && strcmp(columns, "all") != 0)
        return refuse(e, "columns", "Give columns=all, or leave it out for the first nine.");
    q->has_all_columns = columns != NULL && columns[0] != '\0';
    return true;
}
