// SPDX-License-Identifier: MIT
/* Thresholds: any text is one of ours, or an error with words and a column in it; the same of k6's,
 * and of JSON. */
#include "master/verdict/grammar.h"
#include "master/verdict/list.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int rc, const char *text, struct threshold *t, const struct threshold_error *e)
{
    assert(rc == 0 || (rc == -1 && *e->text && e->column <= strlen(text) + 2));
    if (rc != 0)
        return;
    struct threshold copy;
    char value[64];
    char *scope = threshold_scope_text(t);
    assert(t->text && scope);
    threshold_add_value(t, t->limit.value, value, sizeof value);
    threshold_copy(&copy, t);
    threshold_fini(&copy);
    threshold_fini(t);
    free(scope);
}

static void as_json(const char *text, bool is_marked)
{
    struct threshold_list l = {0};
    char *why = NULL;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!value)
        return;
    if (!is_marked) {
        char *marked = threshold_list_mark(text);
        as_json(marked, true);
        free(marked);
    }
    const int rc = threshold_list_json(&l, value, "file", &why);
    assert((rc == 0) == !why);
    free(threshold_list_print(&l));
    free(why);
    threshold_list_fini(&l);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct threshold t;
    struct threshold_error e = {0};
    bool is_key = false;
    if (size < 1 || size > 4096 || memchr(data, '\0', size))
        return 0;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    check(threshold_parse(text, &t, &e), text, &t, &e);
    char *bar = strchr(text, '|');
    as_json(text, false);
    if (bar) {
        *bar = '\0';
        e = (struct threshold_error){0};
        const int rc = threshold_parse_k6(text, bar + 1, &t, &e, &is_key);
        check(rc, is_key ? text : bar + 1, &t, &e);
    }
    free(text);
    return 0;
}
