// SPDX-License-Identifier: MIT
/* Options: what others ask of them: times in words, and the nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/options/options.h"
#include <string.h>

static void timespans_are_locusts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{"90", 90},      {"20s", 20},         {"3m", 180},     {"2h", 7200},
                 {"1h30m", 5400}, {"3h30m10s", 12610}, {"1h10s", 3610}, {"0", 0},
                 {"", -1},        {"h", -1},           {"1d", -1},      {"1m1m", -1},
                 {" 5", -1},      {"5 ", -1},          {"1h30", -1},    {"1.5h", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (options_timespan(cases[i].text) != cases[i].seconds)
            fail_msg("%s: got %g", cases[i].text, options_timespan(cases[i].text));
}

static void the_nearest_name_is_what_was_meant(void **state)
{
    (void)state;
    static const char *const more[] = {"--my-shop", "--tenant"};
    static const char *const cases[][2] = {
        {"--user-count", "--users"},
        {"--headelss", "--headless"},
        {"--spawnrate", "--spawn-rate"},
        {"--runtime=5", "--run-time"},
        {"--my-shp", "--my-shop"},
        {"--tennant", "--tenant"},
        {"--zzzz", NULL},
        {"-x", NULL},
        {"--web_port", "--web-port"},
        {"--log-level", "--loglevel"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = options_nearest(cases[i][0], more, 2);
        const char *want = cases[i][1] ? cases[i][1] : "nothing";
        if (strcmp(got ? got : "nothing", want) != 0)
            fail_msg("%s: want %s, got %s", cases[i][0], want, got ? got : "nothing");
    }
    char huge[4096];
    memset(huge, 'a', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(options_nearest(huge, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timespans_are_locusts),
        cmocka_unit_test(the_nearest_name_is_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
