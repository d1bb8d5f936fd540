// SPDX-License-Identifier: MIT
/* The names of runs in tables and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/store/run_name.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEN "1234567890"

static void assert_name(const char *run, const char *expected)
{
    json_t *read = json_loads(run, 0, NULL);
    char *name = run_name(read);
    assert_non_null(read);
    assert_string_equal(name, expected);
    free(name);
    json_decref(read);
}

static void a_run_is_named_by_its_words_and_its_start(void **state)
{
    (void)state;
    assert_name("{\"id\":\"01K\",\"note\":\"with the cache\",\"profile\":\"shop\","
                "\"started\":1764452460.7}",
                "with the cache (2025-11-29 21:41, 01K)");
    assert_name("{\"id\":\"01K\",\"note\":\"\",\"profile\":\"shop\",\"locustfile\":\"a/b.py\","
                "\"started\":1764452460}",
                "shop (2025-11-29 21:41, 01K)");
    assert_name("{\"id\":\"01K\",\"locustfile\":\"a/b.py\"}", "b.py (01K)");
    assert_name("{\"id\":\"01K\",\"pin\":\"release\",\"note\":\"a\"}", "release (01K)");
    assert_name("{\"id\":\"01K\",\"started\":1764452460}", "2025-11-29 21:41, 01K");
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    assert_name("{\"id\":\"01K\"}", "01K");
    assert_name("{}", "this run");
    assert_name("{\"id\":\"01K\",\"started\":\"never\",\"note\":5}", "01K");
}

static void a_note_is_one_short_line(void **state)
{
    (void)state;
    assert_name("{\"id\":\"01K\",\"note\":\"one\\n\\u001b[2Jtwo\"}", "one  [2Jtwo (01K)");
    assert_name("{\"id\":\"01K\",\"note\":\"" TEN TEN TEN TEN TEN "123456789\xc3\xa9\xc3\xa9\"}",
                TEN TEN TEN TEN TEN "123456789… (01K)");
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_named_by_its_words_and_its_start),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(a_note_is_one_short_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
