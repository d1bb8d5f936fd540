// SPDX-License-Identifier: MIT
#include "master/app/explain.h"

#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MOST 200

static void add_understood(const struct threshold *t, struct sbuf *out)
{
    char stat[40], limit[48], *scope = threshold_scope_text(t);
    threshold_add_value(t, t->limit.value, limit, sizeof limit);
    sbuf_adds(out, ",\"ok\":true");
    sbuf_add_json_member(out, "stat", threshold_stat_name(t, stat, sizeof stat));
    sbuf_add_json_member(out, "scope", scope);
    sbuf_add_json_member(out, "op", threshold_op_text(t->op));
    sbuf_add_json_member(out, "limit", limit);
    sbuf_add_json_member(out, "warning", t->warning);
    free(scope);
}

static void explain(const char *text, struct sbuf *out)
{
    struct threshold t;
    struct threshold_error e = {0};
    sbuf_adds(out, "{\"text\":");
    sbuf_add_json(out, text, strlen(text));
    if (threshold_parse(text, &t, &e) == 0) {
        add_understood(&t, out);
        threshold_fini(&t);
    } else {
        sbuf_addf(out, ",\"ok\":false,\"column\":%zu", e.column);
        sbuf_add_json_member(out, "error", e.text);
    }
    sbuf_addc(out, '}');
}

static struct command_result wrong(void)
{
    struct command_result r = {.field = "thresholds"};
    snprintf(r.text, sizeof r.text, "Give a list of at most %d texts.", TEXTS_MOST);
    return r;
}

struct command_result explain_thresholds(const char *json, struct sbuf *out)
{
    json_t *root = json_loads(json ? json : "", 0, NULL), *text;
    const json_t *list = json_object_get(root, "thresholds");
    struct command_result r = {.is_ok = true};
    size_t i;
    sbuf_adds(out, "{\"thresholds\":[");
    if (!json_is_array(list) || json_array_size(list) > TEXTS_MOST)
        r = wrong();
    json_array_foreach((json_t *)(uintptr_t)(r.is_ok ? list : NULL), i, text)
    {
        if (!json_is_string(text)) {
            r = wrong();
            break;
        }
        sbuf_adds(out, i ? "," : "");
        explain(json_string_value(text), out);
    }
    sbuf_adds(out, "]}");
    json_decref(root);
    return r;
}
