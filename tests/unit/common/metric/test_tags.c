// SPDX-License-Identifier: MIT
#include "common/metric/tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void the_same_tags_are_the_same_set(void **state)
{
    const struct tag one[] = {{"method", "GET"}, {"name", "/a"}},
                     two[] = {{"name", "/a"}, {"method", "PUT"}, {"method", "GET"}, {"x", ""}};
    struct tags_table t;
    (void)state;
    tags_init(&t, 100);
    const struct tags *set = tags_of(&t, one, 2);
    assert_ptr_equal(set, tags_of(&t, two, 4));
    assert_int_equal(set->count, 2);
    assert_string_equal(set->list[0].key, "method");
    assert_string_equal(tags_get(set, "name"), "/a");
    assert_null(tags_get(set, "nam"));
    const struct tags *more = tags_with(&t, set, (struct tag){"a", "1"});
    assert_int_equal(more->count, 3);
    assert_ptr_equal(tags_with(&t, more, (struct tag){"a", ""}), set);
    assert_ptr_equal(tags_with(&t, set, (struct tag){"name", "/a"}), set);
    assert_true(tags_have(more, set) && !tags_have(set, more) && tags_have(set, t.none));
    assert_ptr_equal(tags_of(&t, NULL, 0), t.none);
    assert_true(set->number != more->number && t.count == 2);
    tags_fini(&t);
}

/* Neighbours in memory must not be one text: ("a", "bc") is not ("ab", "c"). */
static void keys_and_values_are_kept_apart(void **state)
{
    struct tags_table t;
    (void)state;
    tags_init(&t, 100);
    assert_ptr_not_equal(tags_of(&t, &(struct tag){"a", "bc"}, 1),
                         tags_of(&t, &(struct tag){"ab", "c"}, 1));
    assert_ptr_not_equal(tags_of(&t, &(struct tag){"a", "b"}, 1),
                         tags_of(&t, &(struct tag){"b", "a"}, 1));
    tags_fini(&t);
}

static void what_is_no_tag_is_refused(void **state)
{
    static const char *const bad[] = {"", "1a", "a-b", "a b", "\xc3\xa4", "a.b"};
    struct tag many[TAGS_MOST + 1];
    char keys[TAGS_MOST + 1][16], key[TAG_KEY_MOST + 2], value[TAG_VALUE_MOST + 10];
    struct tags_table t;
    (void)state;
    tags_init(&t, 100);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(tags_of(&t, &(struct tag){bad[i], "x"}, 1));
    assert_null(tags_of(&t, &(struct tag){"a", "\xff"}, 1));
    for (size_t i = 0; i <= TAGS_MOST; i++) {
        snprintf(keys[i], sizeof keys[i], "k%zu", i);
        many[i] = (struct tag){keys[i], "v"};
    }
    assert_null(tags_of(&t, many, TAGS_MOST + 1));
    const struct tags *full = tags_of(&t, many, TAGS_MOST);
    assert_int_equal(full->count, TAGS_MOST);
    assert_null(tags_with(&t, full, (struct tag){"one_more", "v"}));
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    assert_null(tags_of(&t, &(struct tag){key, "v"}, 1));
    key[TAG_KEY_MOST] = 0;
    assert_non_null(tags_of(&t, &(struct tag){key, "v"}, 1));
    memset(value, 'v', sizeof value - 1);
    memcpy(value + TAG_VALUE_MOST - 1, "\xc3\xa4", 2); /* the limit is in the middle of it */
    value[sizeof value - 1] = 0;
    assert_int_equal(strlen(tags_get(tags_of(&t, &(struct tag){"a", value}, 1), "a")),
                     TAG_VALUE_MOST - 1);
    assert_non_null(tags_with(&t, t.none, (struct tag){"a", value}));
    tags_fini(&t);
}

static void too_many_sets_are_one(void **state)
{
    char value[16];
    struct tags_table t;
    (void)state;
    tags_init(&t, 3);
    const struct tags *sets[5];
    for (int i = 0; i < 5; i++) {
        snprintf(value, sizeof value, "%d", i);
        sets[i] = tags_of(&t, &(struct tag){"user", value}, 1);
    }
    assert_true(sets[2]->count == 1 && sets[3] == t.other && sets[4] == t.other);
    assert_int_equal(t.overflow, 2);
    assert_ptr_equal(tags_of(&t, &(struct tag){"user", "1"}, 1), sets[1]);
    assert_ptr_equal(tags_with(&t, t.other, (struct tag){"a", "b"}), t.other);
    tags_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_tags_are_the_same_set),
        cmocka_unit_test(keys_and_values_are_kept_apart),
        cmocka_unit_test(what_is_no_tag_is_refused),
        cmocka_unit_test(too_many_sets_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
