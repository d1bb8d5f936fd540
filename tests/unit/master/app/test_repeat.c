// SPDX-License-Identifier: MIT
/* Of several runs of one --repeat the last compares all with the baseline, and those are no
 * baseline of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/app/baseline.h"
#include "master/app/repeat.h"
#include "master/store/history_words.h"
#include "tests/unit/folder.h"
#include "tests/unit/master_bench.h"
#include "tests/unit/played_runs.h"
#include <stdio.h>
#include <unistd.h>

#define ID "01HF7YAT005BSZ57WBG287C63G"
#define OTHER "01HF7YAT005BSZ57WBG287C63H" /* of which no run is stored */

static char folder[] = "/tmp/katydid-repeat-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return remove_with_files(folder);
}

/* Six runs, an hour apart: the last three belong together, and their row 1 is so much slower. */
static void play(double slow_row)
{
    char *why = NULL;
    for (size_t i = 0; i < 6; i++)
        play_run((struct played){.folder = folder,
                                 .id = (const char *[]){"a", "b", "c", "d", "e", "f"}[i],
                                 .rows = 3,
                                 .seconds = 300,
                                 .per_second = 20,
                                 .started = 1700000000 + 3600.0 * (double)i,
                                 .level_ms = 100,
                                 .slow_row = i < 3 ? 1 : slow_row,
                                 .users = 5,
                                 .seed = i + 1});
    struct history *h = history_open(folder, true, &why);
    json_t *runs = history_list(h, &(struct history_filter){0});
    for (size_t i = 0; i < 6; i++) /* the newest first */
        assert_int_equal(
            history_tag(h, json_string_value(json_object_get(json_array_get(runs, i), "id")),
                        i < 3 ? "repeat" : "side", i < 3 ? ID : "before", &why),
            0);
    json_decref(runs);
    history_close(h);
}

/* The run that judges is of number 4 of 4, and was itself not valid. */
static struct bench *judge(char *baseline, const char *told)
{
    static char four[] = "4", file[] = "shop.py", profile[] = "shop";
    struct bench *b = new_bench();
    b->m.live.baseline = baseline;
    b->m.live.history = folder;
    b->m.live.repeat = four;
    b->m.live.locustfile = file;
    b->m.live.profile = profile;
    setenv("KATYDID_REPEAT_RUN", told, 1);
    assert_int_equal(baseline_open(&b->m), 0);
    repeat_open(&b->m);
    assert_null(getenv("KATYDID_REPEAT_RUN")); /* no process of this run takes itself for one */
    repeat_judge(&b->m, false, baseline_gate(&b->m));
    baseline_judge(&b->m, false);
    return b;
}

static void end(struct bench *b)
{
    baseline_fini(&b->m);
    repeat_fini(&b->m);
    free_bench(b);
}

static void the_last_run_compares_all_of_them(void **state)
{
    (void)state;
    play(1.4);
    struct bench *b = judge((char[]){"tag:side=before 3"}, ID " 4 4 0 -1");
    assert_false(repeat_goes_on(&b->m));
    assert_string_equal(baseline_reason(&b->m), "worse than the baseline");
    assert_non_null(strstr(baseline_words(&b->m), "| these 3 runs |"));
    assert_non_null(strstr(baseline_words(&b->m), "| p99 of `GET /row/1` |"));
    assert_non_null(strstr(baseline_words(&b->m), "intervals are of the runs of both sides"));
    assert_non_null(strstr(baseline_object(&b->m), "\"basis\":\"runs\""));
    end(b);
}

static void equal_runs_are_not_worse(void **state)
{
    (void)state;
    play(1);
    struct bench *b = judge((char[]){"tag:side=before 3"}, ID " 4 4 0 -1");
    assert_null(baseline_reason(&b->m));
    assert_non_null(strstr(baseline_object(&b->m), "\"answer\":\"not worse\""));
    end(b);
}

/* Else nobody would compare them. */
static void who_cannot_ask_for_more_is_the_last(void **state)
{
    (void)state;
    play(1.4);
    struct bench *b = judge((char[]){"tag:side=before 3"}, OTHER " 1 10 1 -1");
    assert_false(repeat_goes_on(&b->m));
    assert_non_null(baseline_words(&b->m));
    end(b);
}

static void those_before_the_last_compare_nothing(void **state)
{
    (void)state;
    play(1.4);
    struct bench *b = judge((char[]){"tag:side=before 3"}, ID " 3 4 0 -1");
    assert_true(repeat_goes_on(&b->m));
    assert_null(baseline_words(&b->m));
    assert_null(baseline_object(&b->m));
    end(b);
}

static void runs_of_one_series_are_no_baseline_of_it(void **state)
{
    (void)state;
    play(1);
    struct bench *b = judge((char[]){"tag:repeat=" ID " 3"}, ID " 4 4 0 -1");
    assert_non_null(strstr(baseline_object(&b->m), "\"answer\":\"no baseline\""));
    end(b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(the_last_run_compares_all_of_them),        TEST(equal_runs_are_not_worse),
        TEST(who_cannot_ask_for_more_is_the_last),      TEST(those_before_the_last_compare_nothing),
        TEST(runs_of_one_series_are_no_baseline_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
