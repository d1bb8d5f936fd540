// SPDX-License-Identifier: MIT
/* JSON lines as k6 writes them (--out json): a Metric before the first Point of each, and a Point
 * for each metric of a request, with all its tags, and for each value of other metrics.
 *
 * Ten lines a request have one end, which is most of them: it is made once a request; and of that
 * what follows from the place and the answer's kind is kept ready with the place. */
#include "worker/journal/journal_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_ROOM 32
#define BEFORE_ROOM 72 /* copied whole, which is quicker than as many bytes as there are */
#define WHEN_ROOM 40

#define BEFORE_TIME(name) "{\"metric\":\"" name "\",\"type\":\"Point\",\"data\":{\"time\":\""
static const struct {
    char text[BEFORE_ROOM];
    size_t len;
} befores[METRICS] = {
#define BEFORE(metric, name) [metric] = {BEFORE_TIME(name), sizeof BEFORE_TIME(name) - 1}
    BEFORE(METRIC_REQS, "http_reqs"),
    BEFORE(METRIC_DURATION, "http_req_duration"),
    BEFORE(METRIC_BLOCKED, "http_req_blocked"),
    BEFORE(METRIC_CONNECTING, "http_req_connecting"),
    BEFORE(METRIC_TLS, "http_req_tls_handshaking"),
    BEFORE(METRIC_SENDING, "http_req_sending"),
    BEFORE(METRIC_WAITING, "http_req_waiting"),
    BEFORE(METRIC_RECEIVING, "http_req_receiving"),
    BEFORE(METRIC_FAILED, "http_req_failed"),
    BEFORE(METRIC_SENT, "data_sent"),
    BEFORE(METRIC_RECEIVED, "data_received"),
#undef BEFORE
};
_Static_assert(sizeof BEFORE_TIME("http_req_tls_handshaking") <= BEFORE_ROOM, "the longest one");

/* The line of that name, behind its name; NULL: there is none. */
static const char *find_known(const struct journal_writing *w, const char *name)
{
    const size_t len = strlen(name);
    for (const char *at = w->known; at && *at; at = strchrnul(at, '\n') + 1) {
        if (!strncmp(at, name, len) && at[len] == '\t')
            return at + len + 1;
        if (!strchr(at, '\n'))
            break;
    }
    return NULL;
}

static void tell_metric(const struct journal_writing *w, const struct journal_metric *m,
                        struct sbuf *out)
{
    const char *known = find_known(w, m->name);
    const char *thresholds = known ? known : "[]\tnull";
    const char *parts = thresholds + strcspn(thresholds, "\t\n");
    parts = *parts == '\t' ? parts + 1 : "null";
    sbuf_addf(out,
              "{\"type\":\"Metric\",\"data\":{\"name\":\"%s\",\"type\":\"%s\",\"contains\":\"%s\","
              "\"thresholds\":",
              m->name, m->type, m->contains);
    sbuf_add(out, thresholds, strcspn(thresholds, "\t\n"));
    sbuf_adds(out, ",\"submetrics\":");
    sbuf_add(out, parts, strcspn(parts, "\n"));
    sbuf_addf(out, "},\"metric\":\"%s\"}\n", m->name);
}

static void tell_metrics(struct journal_writing *w, const enum journal_metrics *which, size_t count,
                         struct sbuf *out)
{
    for (size_t i = 0; i < count; i++)
        if (!(w->metrics & 1u << which[i])) {
            w->metrics |= 1u << which[i];
            tell_metric(w, &journal_metrics[which[i]], out);
        }
}

static void add_tag(struct sbuf *out, const char *key, const char *value, size_t len)
{
    sbuf_add_json(out, key, strlen(key));
    sbuf_addc(out, ':');
    sbuf_add_json(out, value, len);
    sbuf_addc(out, ',');
}

static void add_part(struct sbuf *out, const char *key, struct journal_text value)
{
    if (value.len)
        add_tag(out, key, value.text, value.len);
}

static void add_more_tags(const struct journal_writing *w, const struct journal_seen *p,
                          struct sbuf *out)
{
    for (size_t i = 0; i < p->tag_count; i++) {
        sbuf_add_json(out, p->key[i].text, p->key[i].len);
        sbuf_addc(out, ':');
        sbuf_add_json(out, p->value[i].text, p->value[i].len);
        sbuf_addc(out, ',');
    }
    if (w->worker)
        add_tag(out, "worker", w->worker, strlen(w->worker));
}

/* All that the place and the kind of answer say; a comma at its end. */
static void make_ready(const struct journal_writing *w, struct journal_seen *p,
                       const struct journal_numbers *n)
{
    struct sbuf *out = &p->ready;
    char own[OWNS][16];
    sbuf_clear(out);
    sbuf_adds(out, ",\"tags\":{");
    add_part(out, "class", p->part[JOURNAL_CLASS]);
    journal_own(n, own);
    for (int i = 0; i < OWNS; i++)
        add_part(out, journal_own_names[i], (struct journal_text){own[i], strlen(own[i])});
    add_tag(out, "group", p->part[JOURNAL_GROUP].text, p->part[JOURNAL_GROUP].len);
    add_tag(out, "method", p->part[JOURNAL_METHOD].text, p->part[JOURNAL_METHOD].len);
    add_tag(out, "name", p->part[JOURNAL_NAME].text, p->part[JOURNAL_NAME].len);
    add_part(out, "scenario", p->part[JOURNAL_SCENARIO]);
    add_more_tags(w, p, out);
    p->ready_for = journal_own_key(n);
}

/* The same of values: what a metric has no tag for is not there. */
static void make_ready_for_values(const struct journal_writing *w, struct journal_seen *p)
{
    struct sbuf *out = &p->ready;
    sbuf_clear(out);
    sbuf_adds(out, ",\"tags\":{");
    add_part(out, "class", p->part[JOURNAL_CLASS]);
    add_tag(out, "group", p->part[JOURNAL_GROUP].text, p->part[JOURNAL_GROUP].len);
    add_part(out, "scenario", p->part[JOURNAL_SCENARIO]);
    add_more_tags(w, p, out);
    p->ready_for = JOURNAL_KEY_OF_VALUES;
}

/* What nearly all URLs are made of. */
static bool is_plain(struct journal_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.text[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void add_string(struct sbuf *out, const char *before, struct journal_text text)
{
    sbuf_adds(out, before);
    if (!is_plain(text)) {
        sbuf_add_json(out, text.text, text.len);
    } else {
        sbuf_addc(out, '"');
        sbuf_add(out, text.text, text.len);
        sbuf_addc(out, '"');
    }
    sbuf_addc(out, ',');
}

/* For the comma at the end of `rest`. */
static void end_rest(struct sbuf *rest, uint32_t number)
{
    char user[24];
    rest->len--;
    sbuf_adds(rest, "}");
    if (number) {
        sbuf_adds(rest, ",\"metadata\":{\"vu\":\"");
        sbuf_add(rest, user, (size_t)(put_u64(user, number) - user));
        sbuf_adds(rest, "\"}");
    }
    sbuf_adds(rest, "}}\n");
}

static void make_rest(struct journal_writing *w, struct journal_seen *p,
                      const struct journal_request *r)
{
    struct sbuf *rest = &w->rest;
    if (p->ready_for != journal_own_key(&r->n))
        make_ready(w, p, &r->n);
    sbuf_clear(rest);
    sbuf_add(rest, p->ready.data, p->ready.len);
    if (r->error.len)
        add_string(rest, "\"error\":", r->error);
    if (r->url.len)
        add_string(rest, "\"url\":", r->url);
    end_rest(rest, r->n.user);
}

/* The time and what follows up to the value, as it stands in each line of a request. */
static size_t put_when(struct journal_writing *w, char when[static WHEN_ROOM], uint64_t unix_us)
{
    static const char between[] = "\",\"value\":";
    char *to = put_rfc3339(w, when, unix_us);
    return (size_t)((char *)mempcpy(to, between, sizeof between - 1) - when);
}

static void lines(struct journal_writing *w, struct journal_seen *place,
                  const struct journal_request *r, struct sbuf *out)
{
    enum journal_metrics which[METRICS];
    uint64_t value[METRICS];
    char when[WHEN_ROOM] = "";
    const size_t when_len = put_when(w, when, r->n.ended_us);
    const size_t count = journal_points(&r->n, which, value);
    tell_metrics(w, which, count, out);
    make_rest(w, place, r);
    const char *rest = w->rest.data;
    const size_t rest_len = w->rest.len;
    sbuf_reserve(out, count * (BEFORE_ROOM + WHEN_ROOM + VALUE_ROOM + rest_len));
    char *to = out->data + out->len;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, befores[which[i]].text, BEFORE_ROOM);
        to += befores[which[i]].len;
        memcpy(to, when, WHEN_ROOM);
        to = put_thousandths(to + when_len, value[i]);
        to = mempcpy(to, rest, rest_len);
    }
    *to = 0;
    out->len = (size_t)(to - out->data);
}

/* Any number, so that it reads back as what it was. */
static void add_number(struct sbuf *out, double value)
{
    char text[VALUE_ROOM];
    uint64_t thousandths;
    if (whole_thousandths(value, &thousandths)) {
        sbuf_add(out, text, (size_t)(put_thousandths(text, thousandths) - text));
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    sbuf_adds(out, text);
}

static void line_of_value(struct journal_writing *w, const struct journal_point *p,
                          struct sbuf *out)
{
    char when[WHEN_ROOM] = "";
    const size_t when_len = put_when(w, when, p->at_us);
    struct sbuf *before = &p->metric->before;
    if (!before->len) {
        tell_metric(w, &p->metric->metric, out);
        sbuf_addf(before, BEFORE_TIME("%s"), p->metric->metric.name);
    }
    if (p->place->ready_for != JOURNAL_KEY_OF_VALUES)
        make_ready_for_values(w, p->place);
    sbuf_add(out, before->data, before->len);
    sbuf_add(out, when, when_len);
    add_number(out, p->value);
    sbuf_add(out, p->place->ready.data, p->place->ready.len);
    end_rest(out, p->user);
}

const struct journal_format journal_json = {.name = "json", .lines = lines, .value = line_of_value};
