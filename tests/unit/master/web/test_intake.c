// SPDX-License-Identifier: MIT
/* intake and form: what is taken from people and scripts, and which words refuse the rest. */
#include "master/web/intake.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static bool near(double a, double b)
{
    return a - b < 1e-9 && b - a < 1e-9;
}

static void start_takes_every_field(void **state)
{
    static const char body[] = "{\"users\":\"400\",\"spawn_rate\":2.5,\"host\":\" "
                               "https://shop.test \",\"run_time\":\"1m\"}";
    struct command c;
    struct intake_error e;
    (void)state;
    assert_true(intake_json(INTAKE_START, body, sizeof body - 1, false, &c, &e));
    assert_int_equal(c.kind, CMD_SWARM);
    assert_true(near(c.users, 400) && near(c.spawn_rate, 2.5) && near(c.run_time_s, 60));
    assert_string_equal(c.host, "https://shop.test");
    command_fini(&c);
}

static void a_marker_has_a_text_and_perhaps_a_time(void **state)
{
    static const char body[] = "{\"text\":\"deploy \\u202e<b>\",\"at\":1700000000.5}";
    static const struct {
        const char *body, *field;
    } cases[] = {{"{}", "text"},
                 {"{\"text\":\"\"}", "text"},
                 {"{\"text\":7}", "text"},
                 {"{\"text\":\"a\",\"at\":-1}", "at"},
                 {"{\"text\":\"a\",\"at\":\"now\"}", "at"},
                 {"{\"text\":\"a\",\"when\":1}", "when"}};
    struct command c;
    struct intake_error e;
    (void)state;
    assert_true(intake_json(INTAKE_MARKER, body, sizeof body - 1, false, &c, &e));
    assert_int_equal(c.kind, CMD_MARKER);
    assert_string_equal(c.text, "deploy \342\200\256<b>");
    assert_true(near(c.at, 1700000000.5));
    command_fini(&c);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i].body;
        assert_false(intake_json(INTAKE_MARKER, text, strlen(text), false, &c, &e));
        assert_string_equal(e.field, cases[i].field);
        assert_true(e.text[0] != '\0');
    }
}

static void bad_json_names_the_field(void **state)
{
    static const struct {
        enum intake_action action;
        const char *body, *field;
    } cases[] = {
        {INTAKE_START, "{\"users\":", ""},
        {INTAKE_START, "[1]", ""},
        {INTAKE_START, "null", ""},
        {INTAKE_START, "{\"users\":1,\"users\":2}", ""},
        {INTAKE_START, "", "users"},
        {INTAKE_START, "{\"users\":5}", "spawn_rate"},
        {INTAKE_START, "{\"users\":0,\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":-1,\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":1.5,\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":\"\",\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":\"nan\",\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":\"1e99\",\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":[],\"spawn_rate\":1}", "users"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":0}", "spawn_rate"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":\"fast\"}", "spawn_rate"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"htp://shop.test\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\":8000\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"ftp://shop\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"user@shop:80\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"//shop\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"shop:80x\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"javascript:alert(1)\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"http://a b\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":\"http://\"}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"host\":5}", "host"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"run_time\":\"soon\"}", "run_time"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"run_time\":[]}", "run_time"},
        {INTAKE_START, "{\"users\":1,\"spawn_rate\":1,\"colour\":1}", "colour"},
        {INTAKE_EDIT, "{}", "users"},
        {INTAKE_EDIT, "{\"host\":\"http://a\"}", "host"},
        {INTAKE_STOP, "{\"now\":true}", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command c;
        struct intake_error e;
        if (intake_json(cases[i].action, cases[i].body, strlen(cases[i].body), false, &c, &e))
            fail_msg("%s was taken", cases[i].body);
        if (strcmp(e.field, cases[i].field) != 0 || e.text[0] == '\0')
            fail_msg("%s: field \"%s\", text \"%s\"", cases[i].body, e.field, e.text);
        assert_null(c.host);
    }
}

static void deep_or_long_json_is_refused(void **state)
{
    static char body[INTAKE_BODY_MAX + 2];
    struct command c;
    struct intake_error e;
    (void)state;
    memset(body, '[', sizeof body);
    assert_false(intake_json(INTAKE_START, body, INTAKE_BODY_MAX, false, &c, &e));
    assert_false(intake_json(INTAKE_START, body, sizeof body, false, &c, &e));
    assert_string_equal(e.field, "");
    assert_false(intake_json(INTAKE_START, body, 100, false, &c, &e));
    assert_string_equal(e.text,
                        "The body nests too deep."); /* not left to the parser's recursion */
}

static void a_bare_address_is_completed(void **state)
{
    static const char *const cases[][2] = {
        {"127.0.0.1:28080", "http://127.0.0.1:28080"},   {"shop.test", "http://shop.test"},
        {"localhost:80/api", "http://localhost:80/api"}, {"[::1]:8000", "http://[::1]:8000"},
        {"https://shop.test", "https://shop.test"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[200];
        struct command c;
        struct intake_error e;
        snprintf(body, sizeof body, "{\"users\":1,\"spawn_rate\":1,\"host\":\"%s\"}", cases[i][0]);
        assert_true(intake_json(INTAKE_START, body, strlen(body), false, &c, &e));
        assert_string_equal(c.host, cases[i][1]);
        command_fini(&c);
    }
}

static void everything_wrong_is_told_at_once(void **state)
{
    static const char body[] = "{\"users\":\"ten\",\"spawn_rate\":\"1,5\",\"host\":\"htp://\","
                               "\"run_time\":\"5 minuets\",\"user_classes\":[\"A\"]}";
    static const char *const fields[] = {"users", "spawn_rate", "host", "run_time"};
    struct command c;
    struct intake_error errors[8];
    (void)state;
    assert_int_equal(intake_check(body, sizeof body - 1, false, &c, errors, 8), 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(errors[i].field, fields[i]);
    assert_string_equal(c.user_classes[0], "A");
    assert_true(c.is_check && c.users == 1 && c.spawn_rate == 1);
    command_fini(&c);
    assert_int_equal(intake_check(body, sizeof body - 1, false, &c, errors, 2), 2);
    command_fini(&c);
    assert_int_equal(intake_check("{}", 2, false, &c, errors, 8), 2);
    assert_string_equal(errors[0].field, "users");
    assert_string_equal(errors[1].field, "spawn_rate");
    command_fini(&c);
    assert_int_equal(intake_check("{}", 2, true, &c, errors, 8), 0);
    command_fini(&c);
    assert_int_equal(intake_check("[", 1, false, &c, errors, 8), 1);
    assert_string_equal(errors[0].field, "");
    command_fini(&c);
}

static void a_shape_needs_no_numbers(void **state)
{
    struct command c;
    struct intake_error e;
    (void)state;
    assert_true(intake_json(INTAKE_START, "{}", 2, true, &c, &e));
    assert_true(c.users < 0 && c.spawn_rate < 0 && c.run_time_s < 0 && c.host == NULL);
}

static void forms_decode(void **state)
{
    static const char text[] = "a=1&b=%41+%2b&&c&=d&a=2&e=";
    struct form f;
    (void)state;
    assert_true(form_parse(&f, text, sizeof text - 1));
    assert_int_equal(f.count, 6);
    assert_string_equal(form_get(&f, "a"), "1");
    assert_string_equal(form_get(&f, "b"), "A +");
    assert_string_equal(form_get(&f, "c"), "");
    assert_string_equal(form_get(&f, ""), "d");
    assert_string_equal(form_get(&f, "e"), "");
    assert_null(form_get(&f, "x"));
    form_fini(&f);
}

static void broken_forms_are_refused(void **state)
{
    static const char *const cases[] = {"a=%", "a=%4", "a=%zz", "a=%00", "%0=1", "a%"};
    char many[(FORM_FIELDS_MAX + 1) * 2 + 1];
    struct form f;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (form_parse(&f, cases[i], strlen(cases[i])))
            fail_msg("%s was taken", cases[i]);
        form_fini(&f);
    }
    assert_false(form_parse(&f, "a=\0b", 4));
    form_fini(&f);
    for (size_t i = 0; i < sizeof many - 1; i++)
        many[i] = i % 2 == 0 ? 'a' : '&';
    assert_false(form_parse(&f, many, sizeof many - 1));
    form_fini(&f);
}

static void swarm_takes_locusts_fields(void **state)
{
    static const char text[] = "user_count=5&spawn_rate=0.5&host=http%3A%2F%2Fa&run_time=90"
                               "&user_classes=A&user_classes=B&profile=x";
    struct form f;
    struct command c;
    struct intake_error e;
    (void)state;
    assert_true(form_parse(&f, text, sizeof text - 1));
    assert_true(intake_form(&f, false, &c, &e));
    assert_true(near(c.users, 5) && near(c.spawn_rate, 0.5) && near(c.run_time_s, 90));
    assert_string_equal(c.host, "http://a");
    assert_string_equal(c.user_classes[0], "A");
    assert_string_equal(c.user_classes[1], "B");
    assert_null(c.user_classes[2]);
    command_fini(&c);
    form_fini(&f);
}

static void swarm_refuses_in_locusts_words(void **state)
{
    static const char *const cases[][3] = {
        {"user_count=abc&spawn_rate=1", "user_count",
         "Invalid user_count value: 'abc' (must be an integer)"},
        {"user_count=1.5&spawn_rate=1", "user_count",
         "Invalid user_count value: '1.5' (must be an integer)"},
        {"user_count=1&spawn_rate=x", "spawn_rate",
         "Invalid spawn_rate value: 'x' (must be a number)"},
        {"user_count=1&spawn_rate=0", "spawn_rate",
         "Missing or invalid user_count or spawn_rate from /swarm request"},
        {"user_count=1&spawn_rate=inf", "spawn_rate",
         "Missing or invalid user_count or spawn_rate from /swarm request"},
        {"user_count=1&spawn_rate=nan", "spawn_rate",
         "Missing or invalid user_count or spawn_rate from /swarm request"},
        {"user_count=1&spawn_rate=nan(1)", "spawn_rate",
         "Invalid spawn_rate value: 'nan(1)' (must be a number)"},
        {"host=a", "user_count", "Missing or invalid user_count or spawn_rate from /swarm request"},
        {"user_count=1&spawn_rate=1&run_time=soon", "run_time",
         "Valid run_time formats are : 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc."}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct form f;
        struct command c;
        struct intake_error e;
        assert_true(form_parse(&f, cases[i][0], strlen(cases[i][0])));
        assert_false(intake_form(&f, false, &c, &e));
        assert_string_equal(e.field, cases[i][1]);
        assert_string_equal(e.text, cases[i][2]);
        form_fini(&f);
    }
}

static void other_fields_are_kept_in_order(void **state)
{
    static const char form[] = "user_count=0&spawn_rate=1&host=<b>&my_arg=1&list=a&list=b";
    static const char json[] = "{\"users\":1,\"spawn_rate\":1,\"user_classes\":[\"A\"],"
                               "\"profile\":\"p\",\"options\":{\"n\":2,\"on\":true,\"l\":[1,2]}}";
    struct form f;
    struct command c;
    struct intake_error e;
    (void)state;
    assert_true(form_parse(&f, form, sizeof form - 1));
    assert_true(intake_form(&f, false, &c, &e));
    assert_string_equal(c.host, "b");
    assert_int_equal(c.field_count, 3);
    assert_string_equal(c.fields[0].name, "my_arg");
    assert_string_equal(c.fields[2].value, "b");
    command_fini(&c);
    form_fini(&f);
    assert_true(intake_json(INTAKE_START, json, sizeof json - 1, false, &c, &e));
    assert_string_equal(c.user_classes[0], "A");
    assert_int_equal(c.field_count, 5);
    assert_string_equal(c.fields[2].value, "true");
    command_fini(&c);
}

static bool parse_parts(struct form *f, const char *body)
{
    return form_parse_parts(f, "multipart/form-data; boundary=\"x y\"", body, strlen(body));
}

static void parts_decode(void **state)
{
    static const char body[] =
        "--x y\r\nContent-Disposition: form-data; name=\"a%22\"\r\n\r\n1\r\n"
        "--x y\r\ncontent-type: text/plain\r\n"
        "content-disposition: form-data; filename=\"f;x\"; name=\"b\"\r\n\r\n"
        "left out\r\n"
        "--x y\r\nContent-Disposition: form-data; name=c\r\n\r\n\r\n--x\r\n"
        "--x y--\r\n";
    struct form f;
    (void)state;
    assert_true(parse_parts(&f, body));
    assert_int_equal(f.count, 2);
    assert_string_equal(form_get(&f, "a\""), "1");
    assert_string_equal(form_get(&f, "c"), "\r\n--x");
    form_fini(&f);
    assert_true(parse_parts(&f, "--x y--"));
    form_fini(&f);
}

static void broken_parts_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "--x y",
        "--x y\r\n",
        "--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1",
        "--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n--x y--",
        "--x y\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--x y--",
        "--x y\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x y--",
        "--x y\r\nContent-Type: a/b\r\n\r\n1\r\n--x y--",
    };
    struct form f;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse_parts(&f, cases[i]))
            fail_msg("case %zu was taken", i);
        form_fini(&f);
    }
    assert_false(form_parse_parts(&f, "multipart/form-data", "--\r\n", 4));
    form_fini(&f);
}

static void live_texts(void **state)
{
    struct intake_live m;
    (void)state;
    assert_true(intake_live("{\"type\":\"ack\",\"tick\":7}", 23, &m));
    assert_true(m.kind == LIVE_ACK && m.tick == 7);
    assert_true(intake_live("{\"type\":\"pause\"}", 16, &m));
    assert_true(m.kind == LIVE_PAUSE);
    assert_true(intake_live("{\"type\":\"resume\"}", 17, &m));
    assert_true(intake_live("{\"type\":\"sub\",\"columns\":9}", 26, &m));
    assert_true(m.kind == LIVE_SUB && m.columns == 9);
    assert_false(intake_live("{\"type\":\"sub\"}", 14, &m));
    assert_false(intake_live("{\"type\":\"sub\",\"columns\":0}", 26, &m));
    assert_true(intake_live("{\"type\":\"sub\",\"columns\":4294967296}", 35, &m));
    assert_true(m.columns == UINT64_C(1) << 32); /* a 33rd column */
    assert_false(intake_live("{\"type\":\"sub\",\"columns\":-1}", 27, &m));
    assert_false(intake_live("{\"type\":\"sub\",\"columns\":9223372036854775808}", 44, &m));
    assert_false(intake_live("", 0, &m));
    assert_false(intake_live("{\"type\":\"ack\"}", 14, &m));
    assert_false(intake_live("{\"type\":\"ack\",\"tick\":-1}", 24, &m));
    assert_false(intake_live("{\"type\":\"start\"}", 16, &m));
    assert_false(intake_live("[]", 2, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_takes_every_field),
        cmocka_unit_test(a_marker_has_a_text_and_perhaps_a_time),
        cmocka_unit_test(bad_json_names_the_field),
        cmocka_unit_test(deep_or_long_json_is_refused),
        cmocka_unit_test(a_bare_address_is_completed),
        cmocka_unit_test(everything_wrong_is_told_at_once),
        cmocka_unit_test(a_shape_needs_no_numbers),
        cmocka_unit_test(forms_decode),
        cmocka_unit_test(broken_forms_are_refused),
        cmocka_unit_test(swarm_takes_locusts_fields),
        cmocka_unit_test(swarm_refuses_in_locusts_words),
        cmocka_unit_test(other_fields_are_kept_in_order),
        cmocka_unit_test(parts_decode),
        cmocka_unit_test(broken_parts_are_refused),
        cmocka_unit_test(live_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
