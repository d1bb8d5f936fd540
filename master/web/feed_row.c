// SPDX-License-Identifier: MIT
/* feed_row: a row as an array of its columns, as feed and timeline_json send it. */
#include "master/web/feed.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#define SHOWN_ID(field, name) "\"" name "\""
#define SHOWN_COUNT(field, name, from, unit, label, width, meaning) ",\"" name "\""
#define SHOWN_NUMBER(field, name, unit, label, width, meaning) ",\"" name "\""
#define SHOWN_QUANTILE(field, name, of, share, unit, label, width, meaning) ",\"" name "\""
const char feed_row_columns[] = "["
#include "common/metric/columns.def"
                                "]";

static const struct {
    enum { ID, COUNT, NUMBER } kind;
    size_t offset;
} ROW_COLUMNS[] = {
#define SHOWN_ID(field, name) {ID, offsetof(struct view_row, field)},
#define SHOWN_COUNT(field, name, from, unit, label, width, meaning)                                \
    {COUNT, offsetof(struct view_row, field)},
#define SHOWN_NUMBER(field, name, unit, label, width, meaning)                                     \
    {NUMBER, offsetof(struct view_row, field)},
#define SHOWN_QUANTILE(field, name, of, share, unit, label, width, meaning)                        \
    {NUMBER, offsetof(struct view_row, field)},
#include "common/metric/columns.def"
};
static_assert(sizeof ROW_COLUMNS / sizeof *ROW_COLUMNS == FEED_COLUMNS, "each has its bit");

/* Three digits or more: below 100 what is shown of it, from there on whole numbers. */
static double cut_to_digits(double number)
{
    double size = fabs(number);
    if (size >= 100)
        return round(number);
    if (size >= 10)
        return round(number * 10) / 10;
    return size >= 1 ? round(number * 100) / 100 : number;
}

void feed_columns(struct sbuf *out, const struct view_row *r, uint64_t columns)
{
    uint64_t left = columns != 0 ? columns : FEED_COLUMNS_ALL;
    for (char before = '['; left != 0; left &= left - 1, before = ',') {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const void *value = (const char *)r + ROW_COLUMNS[i].offset;
        sbuf_addc(out, before);
        if (ROW_COLUMNS[i].kind == ID)
            sbuf_add_u64(out, *(const uint32_t *)value);
        else if (ROW_COLUMNS[i].kind == COUNT)
            sbuf_add_u64(out, *(const uint64_t *)value);
        else if (columns == 0)
            sbuf_add_decimal(out, *(const double *)value);
        else
            sbuf_add_decimal(out, cut_to_digits(*(const double *)value));
    }
    sbuf_addc(out, ']');
}

void feed_row(struct sbuf *out, const struct view_row *r)
{
    feed_columns(out, r, 0);
}
