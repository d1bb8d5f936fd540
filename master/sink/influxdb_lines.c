// SPDX-License-Identifier: MIT
#include "master/sink/influxdb_lines.h"
#include "common/base/sbuf.h"
#include "master/sink/http_post.h"
#include <math.h>
#include <string.h>

#define LINES_MOST 5000 /* in a push; and bytes: */
#define BYTES_MOST (1000u << 10)

static void add_escaped(struct sbuf *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20) {
            sbuf_addc(out, ' ');
            continue;
        }
        if (strchr(special, *text))
            sbuf_addc(out, '\\');
        sbuf_addc(out, *text);
    }
}

/* An empty value is none, and a backslash at the end would take the comma with it. */
void line_tag(struct sbuf *out, const char *key, const char *value)
{
    const size_t at = out->len + 1;
    if (!*value)
        return;
    sbuf_addc(out, ',');
    add_escaped(out, key, ",= ");
    sbuf_addc(out, '=');
    for (; *value; value++) {
        if ((unsigned char)*value < 0x20 || *value == ' ')
            sbuf_adds(out, "\\ ");
        else if (*value == ',' || *value == '=')
            sbuf_addf(out, "\\%c", *value);
        else
            sbuf_addc(out, *value);
    }
    if (out->len > at && out->data[out->len - 1] == '\\')
        sbuf_addc(out, '_');
}

static void finish_body(struct lines *l)
{
    if (l->body && l->is_gzip)
        http_gzip(l->body);
    l->body = NULL;
    l->count = 0;
}

void line_begin(struct lines *l, const char *measurement)
{
    if (l->body && (l->count >= LINES_MOST || l->body->len > BYTES_MOST))
        finish_body(l);
    if (!l->body)
        l->body = &parcels_add(l->out, 0)->body;
    sbuf_adds(l->body, measurement);
    l->has_field = false;
}

static void begin_field(struct lines *l, const char *key)
{
    if (!l->has_field) {
        sbuf_add(l->body, l->tags.data, l->tags.len);
        sbuf_addc(l->body, ' ');
    } else {
        sbuf_addc(l->body, ',');
    }
    l->has_field = true;
    sbuf_adds(l->body, key);
    sbuf_addc(l->body, '=');
}

void line_whole(struct lines *l, const char *key, uint64_t value)
{
    begin_field(l, key);
    sbuf_add_u64(l->body, value);
    sbuf_addc(l->body, 'i');
}

/* What is no number is left out. */
void line_real(struct lines *l, const char *key, double value)
{
    if (!isfinite(value))
        return;
    begin_field(l, key);
    sbuf_addf(l->body, "%.10g", value);
}

void line_text(struct lines *l, const char *key, const char *value)
{
    begin_field(l, key);
    sbuf_addc(l->body, '"');
    add_escaped(l->body, value, "\"\\");
    sbuf_addc(l->body, '"');
}

void line_end_at(struct lines *l, double at)
{
    sbuf_addf(l->body, " %.0f\n", floor(at * 1000));
    l->count++;
}

void line_end(struct lines *l)
{
    line_end_at(l, l->m->at);
}

void lines_end(struct lines *l)
{
    finish_body(l);
    sbuf_fini(&l->tags);
}

double influxdb_seconds(const struct moment *m)
{
    const double since = m->since ? m->since->view->now : m->s->stats.started_at;
    return m->s->view->now - since > 0.001 ? m->s->view->now - since : 1;
}
