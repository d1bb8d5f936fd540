// SPDX-License-Identifier: MIT
#include "master/web/query.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static bool read(const char *text, struct query *q, struct query_error *e)
{
    struct form f;
    assert_true(form_parse(&f, text, strlen(text)));
    bool is_ok = query_read(&f, q, e);
    form_fini(&f);
    return is_ok;
}

static void ranges_are_whole_seconds_that_hold_what_was_asked(void **state)
{
    struct query q;
    struct query_error e;
    (void)state;
    assert_true(read("from=100.7&to=200.2&step=5&id=7&worker=0&columns=all&other=x", &q, &e));
    assert_true(q.has_from && q.has_to && q.has_worker && q.has_all_columns);
    assert_int_equal(q.from, 100);
    assert_int_equal(q.to, 201);
    assert_int_equal(q.step, 5);
    assert_int_equal(q.id, 7);
    assert_int_equal(q.worker, 0);
    assert_true(read("", &q, &e));
    assert_true(!q.has_from && !q.has_to && !q.has_worker && q.step == 0 && q.points == 30);
    assert_true(read("ids=3,1,2,", &q, &e));
    assert_int_equal(q.id_count, 3);
    assert_int_equal(q.ids[0], 3);
}

static void parameters_that_an_answer_does_not_know_are_named(void **state)
{
    static const char *const known[] = {"limit", "text", NULL};
    struct query_error e;
    struct form f;
    (void)state;
    assert_true(form_parse(&f, "text=a&limit=3", 14));
    assert_true(query_knows(&f, known, &e));
    form_fini(&f);
    assert_true(form_parse(&f, "limit=3&skip=1", 14));
    assert_false(query_knows(&f, known, &e));
    assert_string_equal(e.text, "There is no such parameter; give limit, text");
    form_fini(&f);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *field;
    } cases[] = {{"from=yesterday", "from"},
                 {"from=-5", "from"},
                 {"from=1e9", "from"},
                 {"from=.5", "from"},
                 {"from=0x10", "from"},
                 {"from=nan", "from"},
                 {"from=999999999999", "from"},
                 {"from=00000000000000000000000000001", "from"},
                 {"to=1.2.3", "to"},
                 {"from=5&to=5", "to"},
                 {"from=6&to=5", "to"},
                 {"step=0", "step"},
                 {"step=3601", "step"},
                 {"step=1.5", "step"},
                 {"id=-1", "id"},
                 {"id=4294967296", "id"},
                 {"worker=10000", "worker"},
                 {"group=0", "group"},
                 {"group=4", "group"},
                 {"points=1", "points"},
                 {"points=121", "points"},
                 {"columns=some", "columns"},
                 {"ids=1;2", "ids"},
                 {"ids=,1", "ids"},
                 {"ids=99999999999", "ids"}};
    struct query q;
    struct query_error e;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (read(cases[i].text, &q, &e))
            fail_msg("%s was taken", cases[i].text);
        assert_string_equal(e.field, cases[i].field);
        assert_true(e.text[0] != '\0');
    }
}

static void whole_numbers_are_whole(void **state)
{
    static const struct {
        const char *text;
        bool is_ok;
        uint64_t value;
    } cases[] = {{"", true, 7},
                 {"n=", true, 7},
                 {"n=0", true, 0},
                 {"n=18446744073709551615", true, UINT64_MAX},
                 {"n=18446744073709551616", false, 7},
                 {"n=null", false, 7},
                 {"n=1.5", false, 7},
                 {"n=1.0", false, 7},
                 {"n=-1", false, 7},
                 {"n=+1", false, 7},
                 {"n= 1", false, 7},
                 {"n=1x", false, 7}};
    struct query_error e;
    struct form f;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t n = 7;
        assert_true(form_parse(&f, cases[i].text, strlen(cases[i].text)));
        if (query_count(&f, "n", UINT64_MAX, &n, &e) != cases[i].is_ok)
            fail_msg("%s", cases[i].text);
        assert_int_equal(n, cases[i].value);
        form_fini(&f);
    }
    uint64_t n = 7;
    bool is_set = false;
    assert_true(form_parse(&f, "n=8&on=1&off=0&two=2", 20));
    assert_false(query_count(&f, "n", 7, &n, &e));
    assert_string_equal(e.field, "n");
    assert_string_equal(e.text, "Give a whole number from 0 to 7.");
    assert_true(query_flag(&f, "on", &is_set, &e) && is_set);
    assert_true(query_flag(&f, "none", &is_set, &e) && is_set);
    assert_true(query_flag(&f, "off", &is_set, &e) && !is_set);
    assert_false(query_flag(&f, "two", &is_set, &e));
    form_fini(&f);
}

static void there_is_an_end_to_ids(void **state)
{
    char text[QUERY_IDS_MAX * 2 + 16] = "ids=1";
    struct query q;
    struct query_error e;
    (void)state;
    for (size_t i = 1; i < QUERY_IDS_MAX; i++)
        memcpy(text + strlen(text), ",1", 3);
    assert_true(read(text, &q, &e));
    assert_int_equal(q.id_count, QUERY_IDS_MAX);
    memcpy(text + strlen(text), ",1", 3);
    assert_false(read(text, &q, &e));
    assert_string_equal(e.field, "ids");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_whole_seconds_that_hold_what_was_asked),
        cmocka_unit_test(parameters_that_an_answer_does_not_know_are_named),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(whole_numbers_are_whole),
        cmocka_unit_test(there_is_an_end_to_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
