// SPDX-License-Identifier: MIT
/* audit: what of a body is told, and what is not. */
#include "master/web/audit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void known_fields_are_told_and_no_secret(void **state)
{
    static const struct {
        const char *body, *detail;
    } cases[] = {
        {"{\"users\":5,\"spawn_rate\":\"2\",\"host\":\"https://ann:geheim@shop.test:8443/"
         "a?k=geheim\"}",
         "{\"users\":5,\"spawn_rate\":\"2\",\"host\":\"https://shop.test:8443\"}"},
        {"{\"host\":\"shop.test/geheim\"}", "{\"host\":\"shop.test\"}"},
        {"{\"options\":{\"api_key\":\"geheim\",\"n\":1},\"password\":\"geheim\"}",
         "{\"options\":[\"api_key\",\"n\"],\"password\":\"***\"}"},
        {"user_count=5&spawn_rate=1&host=http%3A%2F%2Fu%3Ageheim%40a.test&api_key=geheim",
         "{\"user_count\":\"5\",\"spawn_rate\":\"1\",\"host\":\"http://"
         "a.test\",\"api_key\":\"***\"}"},
        {"{\"thresholds\":[\"p95 < 300ms\"]}", "{\"thresholds\":[\"p95 < 300ms\"]}"},
        {"{}", NULL},
        {"", NULL},
        {"[1]", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *detail = audit_detail(cases[i].body, strlen(cases[i].body));
        if (cases[i].detail == NULL) {
            assert_null(detail);
        } else {
            assert_non_null(detail);
            assert_string_equal(detail, cases[i].detail);
        }
        free(detail);
    }
}

static void a_detail_is_bounded(void **state)
{
    char body[20000];
    (void)state;
    memset(body, 'a', sizeof body);
    memcpy(body, "text=", 5);
    char *detail = audit_detail(body, sizeof body);
    assert_string_equal(detail, "{\"too_long\":true}");
    free(detail);
}

static const struct audit_entry ANNA = {.name = "anna",
                                        .role = "run",
                                        .login = "",
                                        .address = "10.0.0.7",
                                        .action = "start",
                                        .object = "",
                                        .detail = "{}",
                                        .status = 200};

static void lines_are_added_to_the_file(void **state)
{
    char path[] = "/tmp/katydid-audit-XXXXXX", text[1000], *why = NULL;
    (void)state;
    close(mkstemp(path));
    for (int i = 0; i < 2; i++) {
        struct audit *a = audit_open(path, false, &why);
        assert_non_null(a);
        audit_note(a, &ANNA);
        audit_close(a);
    }
    FILE *f = fopen(path, "r");
    for (int i = 0; i < 2; i++) {
        assert_non_null(fgets(text, sizeof text, f));
        assert_non_null(strstr(text, ",\"name\":\"anna\",\"role\":\"run\",\"address\":\"10.0.0.7\","
                                     "\"action\":\"start\",\"status\":200,\"detail\":{}}\n"));
    }
    assert_null(fgets(text, sizeof text, f));
    fclose(f);
    remove(path);
    assert_null(audit_open("/tmp/katydid-there-is-no-such-folder/a", false, &why));
    assert_non_null(strstr(why, "cannot write"));
    free(why);
}

static void strangers_do_not_fill_the_file(void **state)
{
    enum { NOTES = 20000 };
    char path[] = "/tmp/katydid-audit-XXXXXX", text[1000], *why = NULL;
    struct audit_entry stranger = ANNA;
    int lines = 0, others = 0;
    (void)state;
    close(mkstemp(path));
    stranger.name = "";
    stranger.is_stranger = true;
    struct audit *a = audit_open(path, false, &why);
    for (int i = 0; i < NOTES; i++)
        audit_note(a, &stranger);
    audit_note(a, &ANNA);
    audit_close(a);
    FILE *f = fopen(path, "r");
    while (fgets(text, sizeof text, f) != NULL) {
        lines++;
        others += strstr(text, "anna") != NULL;
    }
    assert_in_range(lines, 2, NOTES / 100);
    assert_int_equal(others, 1);
    fclose(f);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_fields_are_told_and_no_secret),
        cmocka_unit_test(a_detail_is_bounded),
        cmocka_unit_test(lines_are_added_to_the_file),
        cmocka_unit_test(strangers_do_not_fill_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
