// SPDX-License-Identifier: MIT
/* tokens: what --web-token may say, and what is wrong with the rest. */
#include "master/web/tokens.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "aaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbb"
#define C "cccccccccccccccc-._~+/="

static const struct token *find(const struct tokens *t, const char *text)
{
    unsigned char hash[TOKENS_HASH];
    tokens_hash(text, strlen(text), hash);
    return tokens_find(t, hash);
}

static void a_list_has_roles_and_names(void **state)
{
    static const char *const lists[] = {
        A "\nsee " B "\nrun anna " C "\n",
        A ",see " B ", run  anna\t" C,
        "# who, when\r\n" A "\r\n\r\n   see " B " # the wall, of room 2\r\nrun anna " C,
    };
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct tokens t;
        char *why = NULL;
        assert_true(tokens_read(lists[i], &t, &why));
        assert_null(why);
        assert_int_equal(t.count, 3);
        assert_int_equal(find(&t, A)->role, ROLE_RUN);
        assert_string_equal(find(&t, A)->name, "run");
        assert_int_equal(find(&t, B)->role, ROLE_SEE);
        assert_string_equal(find(&t, B)->name, "see");
        assert_string_equal(find(&t, C)->name, "anna");
        assert_null(find(&t, "aaaaaaaaaaaaaaab"));
        assert_null(find(&t, ""));
    }
}

static void what_is_wrong_is_said_without_the_token(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "no token"},
        {"# nothing\n\n", "no token"},
        {"short", "5 characters"},
        {"admin " A, "no role"},
        {"see room two " A, "more than"},
        {"see r\xc3\xb6om " A, "the name"},
        {A "\"", "letters, digits"},
        {A "\nsee " A, "twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tokens t;
        char *why = NULL;
        assert_false(tokens_read(cases[i].text, &t, &why));
        assert_non_null(strstr(why, cases[i].says));
        assert_null(strstr(why, A));
        free(why);
    }
}

static void there_are_so_many_at_most(void **state)
{
    char text[(TOKENS_MAX + 1) * 32] = "", *why = NULL;
    struct tokens t;
    (void)state;
    for (int i = 0; i <= TOKENS_MAX; i++)
        snprintf(text + strlen(text), 32, "%020d\n", i);
    assert_false(tokens_read(text, &t, &why));
    assert_non_null(strstr(why, "more than"));
    free(why);
    text[TOKENS_MAX * 21] = '\0';
    assert_true(tokens_read(text, &t, &why));
    assert_non_null(find(&t, "00000000000000000063"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_roles_and_names),
        cmocka_unit_test(what_is_wrong_is_said_without_the_token),
        cmocka_unit_test(there_are_so_many_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
