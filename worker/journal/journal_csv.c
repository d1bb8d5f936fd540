// SPDX-License-Identifier: MIT
/* CSV as k6 writes it (--out csv): a line for each metric of a request and each value of other
 * metrics, the tags that k6 knows in columns of their own, the others as key=value&key=value in
 * one.
 */
#include "worker/journal/journal_format.h"

#include <stdbool.h>
#include <string.h>

/* Of tags; check, service and subproto are k6's, no request has them here. */
static const char *const columns[] = {"check",       "error",   "error_code", "expected_response",
                                      "group",       "method",  "name",       "proto",
                                      "scenario",    "service", "status",     "subproto",
                                      "tls_version", "url"};
#define COLUMNS (sizeof columns / sizeof *columns)

static void head(struct sbuf *out)
{
    sbuf_adds(out, "metric_name,timestamp,metric_value,");
    for (size_t i = 0; i < COLUMNS; i++) {
        sbuf_adds(out, columns[i]);
        sbuf_addc(out, ',');
    }
    sbuf_adds(out, "extra_tags,metadata\n");
}

static void add_text(struct sbuf *out, struct journal_text text)
{
    add_csv_field(out, text);
    sbuf_addc(out, ',');
}

static void add_own(struct sbuf *out, const char *text)
{
    sbuf_adds(out, text);
    sbuf_addc(out, ',');
}

static void add_extra(struct sbuf *extra, struct journal_text key, struct journal_text value)
{
    if (!value.len)
        return;
    if (extra->len)
        sbuf_addc(extra, '&');
    sbuf_add(extra, key.text, key.len);
    sbuf_addc(extra, '=');
    sbuf_add(extra, value.text, value.len);
}

static struct journal_text text_of(const char *text)
{
    return (struct journal_text){text, strlen(text)};
}

static bool is_text(struct journal_text t, const char *text)
{
    return t.len == strlen(text) && memcmp(t.text, text, t.len) == 0;
}

/* Only values have tags that are: of requests they are none of the place's. */
static bool is_column(struct journal_text key)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (is_text(key, columns[i]))
            return true;
    return false;
}

static void add_extras(const struct journal_writing *w, const struct journal_seen *p,
                       struct sbuf *out)
{
    struct sbuf extra = {0};
    add_extra(&extra, text_of("class"), p->part[JOURNAL_CLASS]);
    for (size_t i = 0; i < p->tag_count; i++)
        if (!is_column(p->key[i]))
            add_extra(&extra, p->key[i], p->value[i]);
    if (w->worker)
        add_extra(&extra, text_of("worker"), text_of(w->worker));
    add_text(out, (struct journal_text){extra.data ? extra.data : "", extra.len});
    sbuf_fini(&extra);
}

static void add_metadata(struct sbuf *out, uint32_t number)
{
    char user[24];
    if (number) {
        sbuf_adds(out, "vu=");
        sbuf_add(out, user, (size_t)(put_u64(user, number) - user));
    }
    sbuf_addc(out, '\n');
}

/* What stands in the columns from `check` on, in the same way in each line of a request. */
static void make_rest(struct journal_writing *w, const struct journal_seen *p,
                      const struct journal_request *r)
{
    struct sbuf *out = &w->rest;
    char own[OWNS][16];
    journal_own(&r->n, own);
    sbuf_clear(out);
    sbuf_adds(out, ",,");
    add_text(out, r->error);
    add_own(out, own[OWN_ERROR_CODE]);
    add_own(out, own[OWN_EXPECTED]);
    add_text(out, p->part[JOURNAL_GROUP]);
    add_text(out, p->part[JOURNAL_METHOD]);
    add_text(out, p->part[JOURNAL_NAME]);
    add_own(out, own[OWN_PROTO]);
    add_text(out, p->part[JOURNAL_SCENARIO]);
    add_own(out, "");
    add_own(out, own[OWN_STATUS]);
    add_own(out, "");
    add_own(out, own[OWN_TLS]);
    add_text(out, r->url);
    add_extras(w, p, out);
    add_metadata(out, r->n.user);
}

static char *put_time(struct journal_writing *w, char *to, uint64_t us)
{
    static const struct {
        const char *name;
        uint64_t us, times;
    } units[] = {{"unix_milli", 1000, 1}, {"unix_micro", 1, 1}, {"unix_nano", 1, 1000}};
    if (w->time && strncmp(w->time, "rfc3339", 7) == 0)
        return put_rfc3339(w, to, us);
    for (size_t i = 0; w->time && i < sizeof units / sizeof *units; i++)
        if (strcmp(w->time, units[i].name) == 0)
            return put_u64(to, us / units[i].us * units[i].times);
    return put_u64(to, us / 1000000);
}

/* %f: six decimals. */
static char *put_value(char *to, uint64_t thousandths)
{
    const unsigned part = (unsigned)(thousandths % 1000);
    to = put_u64(to, thousandths / 1000);
    *to++ = '.';
    *to++ = (char)('0' + part / 100);
    *to++ = (char)('0' + part / 10 % 10);
    *to++ = (char)('0' + part % 10);
    return mempcpy(to, "000", 3);
}

static void lines(struct journal_writing *w, struct journal_seen *place,
                  const struct journal_request *r, struct sbuf *out)
{
    enum journal_metrics which[METRICS];
    uint64_t value[METRICS];
    char when[PUT_TIME_ROOM], number[40];
    const size_t when_len = (size_t)(put_time(w, when, r->n.ended_us) - when);
    const size_t count = journal_points(&r->n, which, value);
    make_rest(w, place, r);
    for (size_t i = 0; i < count; i++) {
        sbuf_adds(out, journal_metrics[which[i]].name);
        sbuf_addc(out, ',');
        sbuf_add(out, when, when_len);
        sbuf_addc(out, ',');
        sbuf_add(out, number, (size_t)(put_value(number, value[i]) - number));
        sbuf_add(out, w->rest.data, w->rest.len);
    }
}

static struct journal_text tag_of(const struct journal_seen *p, const char *key)
{
    if (strcmp(key, "group") == 0)
        return p->part[JOURNAL_GROUP];
    if (strcmp(key, "scenario") == 0)
        return p->part[JOURNAL_SCENARIO];
    for (size_t i = 0; i < p->tag_count; i++)
        if (is_text(p->key[i], key))
            return p->value[i];
    return (struct journal_text){"", 0};
}

/* What stands from the comma behind the value up to the metadata, kept ready with the place. */
static void make_ready(const struct journal_writing *w, struct journal_seen *p)
{
    sbuf_clear(&p->ready);
    sbuf_addc(&p->ready, ',');
    for (size_t i = 0; i < COLUMNS; i++)
        add_text(&p->ready, tag_of(p, columns[i]));
    add_extras(w, p, &p->ready);
    p->ready_for = JOURNAL_KEY_OF_VALUES;
}

static void line_of_value(struct journal_writing *w, const struct journal_point *p,
                          struct sbuf *out)
{
    char text[40];
    uint64_t thousandths;
    if (p->place->ready_for != JOURNAL_KEY_OF_VALUES)
        make_ready(w, p->place);
    sbuf_adds(out, p->metric->metric.name);
    sbuf_addc(out, ',');
    sbuf_add(out, text, (size_t)(put_time(w, text, p->at_us) - text));
    sbuf_addc(out, ',');
    if (whole_thousandths(p->value, &thousandths))
        sbuf_add(out, text, (size_t)(put_value(text, thousandths) - text));
    else
        sbuf_addf(out, "%f", p->value);
    sbuf_add(out, p->place->ready.data, p->place->ready.len);
    add_metadata(out, p->user);
}

const struct journal_format journal_csv = {
    .name = "csv", .head = head, .lines = lines, .value = line_of_value};
