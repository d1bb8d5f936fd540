// SPDX-License-Identifier: MIT
/* access: who asks, by a token or by the session that it was changed for. */
#include "master/web/access.h"
#include "master/web/throttle.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN "aaaaaaaaaaaaaaaa"
#define SEE "bbbbbbbbbbbbbbbb"
#define HERE "10.0.0.1"

static struct access *made(const char *given)
{
    char *why = NULL;
    struct access *a = access_new(given, &why);
    assert_non_null(a);
    return a;
}

static struct access_verdict show(struct access *a, const char *header, const char *session)
{
    return access_check(a, &(struct access_shown){header, session, HERE});
}

static void a_header_tells_who_asks(void **state)
{
    struct access *a = made("run anna " RUN ",see " SEE);
    (void)state;
    struct access_verdict v = show(a, "Bearer " RUN, NULL);
    assert_int_equal(v.who.role, ROLE_RUN);
    assert_string_equal(v.who.name, "anna");
    assert_true(v.by_header);
    assert_int_equal(show(a, "bearer   " SEE, NULL).who.role, ROLE_SEE);
    static const char *const others[] = {NULL, "", "Basic YTpi", RUN, "Bearer", "Bearer" RUN};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        v = show(a, others[i], NULL);
        assert_int_equal(v.who.role, ROLE_NONE);
        assert_false(v.is_failed);
    }
    assert_true(show(a, "Bearer " RUN "a", NULL).is_failed);
    access_free(a);
}

static void a_session_ends_when_it_is_ended(void **state)
{
    char session[2 * ACCESS_ID + 1], other[2 * ACCESS_ID + 1];
    struct access *a = made("run anna " RUN);
    (void)state;
    assert_true(access_sign_in(a, "wrong", HERE, session).is_failed);
    assert_string_equal(session, "");
    assert_int_equal(access_sign_in(a, RUN, HERE, session).who.role, ROLE_RUN);
    assert_int_equal(access_sign_in(a, RUN, HERE, other).who.role, ROLE_RUN);
    assert_string_not_equal(session, other);
    assert_string_equal(show(a, NULL, session).who.name, "anna");
    assert_int_equal(show(a, NULL, "00").who.role, ROLE_NONE);
    assert_int_equal(show(a, NULL, RUN).who.role, ROLE_NONE);
    access_sign_out(a, session);
    assert_int_equal(show(a, NULL, session).who.role, ROLE_NONE);
    assert_int_equal(show(a, NULL, other).who.role, ROLE_RUN);
    access_free(a);
}

static void sessions_are_bounded(void **state)
{
    char first[2 * ACCESS_ID + 1], last[2 * ACCESS_ID + 1];
    struct access *a = made(RUN);
    (void)state;
    access_sign_in(a, RUN, HERE, first);
    for (int i = 0; i < ACCESS_SESSIONS_MAX; i++)
        access_sign_in(a, RUN, HERE, last);
    assert_int_equal(show(a, NULL, first).who.role, ROLE_NONE);
    assert_int_equal(show(a, NULL, last).who.role, ROLE_RUN);
    access_free(a);
}

static void guesses_are_slowed_and_disturb_nobody(void **state)
{
    char session[2 * ACCESS_ID + 1], other[2 * ACCESS_ID + 1];
    struct access *a = made("run anna " RUN ",see wall " SEE);
    (void)state;
    assert_int_equal(access_sign_in(a, RUN, HERE, session).who.role, ROLE_RUN);
    for (int i = 0; i < THROTTLE_FREE; i++)
        assert_true(show(a, "Bearer wrong", NULL).is_failed);
    struct access_verdict v = show(a, "Bearer wrong", NULL);
    assert_true(v.wait_s > 0 && !v.is_failed);
    /* a right one that was not heard of from here is an attempt as any other */
    v = show(a, "Bearer " SEE, NULL);
    assert_true(v.wait_s > 0 && v.who.role == ROLE_NONE);
    assert_true(access_sign_in(a, SEE, HERE, other).wait_s > 0);
    assert_int_equal(show(a, NULL, session).who.role, ROLE_RUN);
    assert_int_equal(show(a, "Bearer " RUN, NULL).who.role, ROLE_RUN);
    access_free(a);
}

static void write_file(const char *path, const char *text)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(fresh, path), 0);
}

static void a_file_is_read_at_the_start(void **state)
{
    char path[] = "/tmp/katydid-tokens-XXXXXX", given[64], *why = NULL;
    (void)state;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(given, sizeof given, "@%s", path);
    assert_null(access_new(given, &why));
    assert_non_null(strstr(why, "there is no token"));
    assert_non_null(strstr(why, path));
    free(why);
    write_file(path, "see wall " SEE "\n");
    struct access *a = made(given);
    assert_int_equal(show(a, "Bearer " SEE, NULL).who.role, ROLE_SEE);
    access_free(a);
    remove(path);
    why = NULL;
    assert_null(access_new(given, &why));
    assert_non_null(strstr(why, "cannot read"));
    free(why);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_tells_who_asks),
        cmocka_unit_test(a_session_ends_when_it_is_ended),
        cmocka_unit_test(sessions_are_bounded),
        cmocka_unit_test(guesses_are_slowed_and_disturb_nobody),
        cmocka_unit_test(a_file_is_read_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
