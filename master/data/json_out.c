// SPDX-License-Identifier: MIT
/* json_out: see json_out.h. */
#include "master/data/json_out.h"

#include "master/data/number_text.h"

#include <math.h>
#include <string.h>

void json_out_init(struct json_out *j, struct sbuf *out)
{
    *j = (struct json_out){.out = out, .is_empty = true};
}

static void new_line(struct json_out *j)
{
    sbuf_addc(j->out, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        sbuf_adds(j->out, "  ");
}

static void begin(struct json_out *j, const char *key)
{
    if (j->depth > 0) {
        if (!j->is_empty)
            sbuf_addc(j->out, ',');
        new_line(j);
    }
    j->is_empty = false;
    if (key == NULL)
        return;
    sbuf_add_json(j->out, key, strlen(key));
    sbuf_adds(j->out, ": ");
}

void json_out_open(struct json_out *j, const char *key, char bracket)
{
    begin(j, key);
    sbuf_addc(j->out, bracket);
    j->depth++;
    j->is_empty = true;
}

void json_out_close(struct json_out *j, char bracket)
{
    j->depth--;
    if (!j->is_empty)
        new_line(j);
    sbuf_addc(j->out, bracket);
    j->is_empty = false;
    if (j->depth == 0)
        sbuf_addc(j->out, '\n');
}

void json_out_text(struct json_out *j, const char *key, const char *text)
{
    begin(j, key);
    sbuf_add_json(j->out, text, strlen(text));
}

void json_out_count(struct json_out *j, const char *key, unsigned long long number)
{
    begin(j, key);
    sbuf_addf(j->out, "%llu", number);
}

void json_out_float(struct json_out *j, const char *key, double number)
{
    begin(j, key);
    if (isfinite(number))
        output_add_float(j->out, number);
    else
        sbuf_adds(j->out, "null");
}

void json_out_whole(struct json_out *j, const char *key, double number)
{
    begin(j, key);
    if (isfinite(number))
        sbuf_addf(j->out, "%.0f", number);
    else
        sbuf_adds(j->out, "null");
}

void json_out_bool(struct json_out *j, const char *key, bool is_true)
{
    begin(j, key);
    sbuf_adds(j->out, is_true ? "true" : "false");
}
