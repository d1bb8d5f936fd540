// SPDX-License-Identifier: MIT
/* options_toml_document: TOML as JSON; and what is none is refused, with its line. */
#include "master/options/options.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void is_as(const char *text, const char *json)
{
    json_t *root = options_toml_document("file.toml", text, strlen(text));
    if (!root)
        fail_msg("'%s' was refused", text);
    char *found = json_dumps(root, JSON_COMPACT);
    assert_string_equal(found, json);
    free(found);
    json_decref(root);
}

static void documents_are_read(void **state)
{
    (void)state;
    is_as("", "{}");
    is_as("\xef\xbb\xbf# nothing\r\n\r\n", "{}");
    is_as("a = 1\nb = 'x' # c\nc.d = true\nc.\"e f\" = 1_000.5\nd = 2026-01-02",
          "{\"a\":1,\"b\":\"x\",\"c\":"
          "{\"d\":true,\"e f\":1000.5},\"d\":\"2026-01-02\"}");
    is_as("[x]\ns = [ { d = '1m', t = 3 },\n  # more\n  {d='2m',t=4,}, ]\n[x.env]\nA = "
          "\"1\\n\"\n[y]\n",
          "{\"x\":{\"s\":[{\"d\":\"1m\",\"t\":3},{\"d\":\"2m\",\"t\":4}],\"env\":{\"A\":\"1\\n\"}},"
          "\"y\":{}}");
    is_as("[[x.s]]\nd = 1\n[[x.s]]\nd = 2\n[x.s.e]\nf = []\n",
          "{\"x\":{\"s\":[{\"d\":1},{\"d\":2,\"e\":{\"f\":[]}}]}}");
    is_as("a = [[1, 2], 'y', { }]", "{\"a\":[[1,2],\"y\",{}]}");
}

static void what_is_none_is_refused(void **state)
{
    static const char *const texts[] = {"a",
                                        "a =",
                                        "a = 1 2",
                                        "a = 1\na = 2",
                                        "a = [1",
                                        "a = [1 2]",
                                        "a = {b = 1",
                                        "a = {b}",
                                        "[a",
                                        "a = 1\n[a]",
                                        "a = 1\n[a.b]",
                                        "a = \"x",
                                        "a.b = 1\na = 2",
                                        "[[a]]\n[a.b]\nc = 1\nc = 2",
                                        "a = \"\\q\"",
                                        "a = '\xff'"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (options_toml_document("file.toml", texts[i], strlen(texts[i])))
            fail_msg("'%s' was taken", texts[i]);
    char deep[200] = "a = ";
    memset(deep + 4, '[', 100);
    assert_null(options_toml_document("file.toml", deep, strlen(deep)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read),
        cmocka_unit_test(what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
