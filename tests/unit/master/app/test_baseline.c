// SPDX-License-Identifier: MIT
/* A run is compared with stored ones when it is over; where there are none it is said, and no run
 * is worse for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/run/exit_code.h"
#include "master/app/baseline.h"
#include "tests/unit/master_bench.h"
#include <stdio.h>
#include <unistd.h>

static char folder[] = "/tmp/katydid-baseline-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof path, "%s/gate.toml", folder);
    unlink(path);
    return rmdir(folder);
}

static struct bench *with(char *baseline, char *gate)
{
    struct bench *b = new_bench();
    b->m.live.baseline = baseline;
    b->m.live.gate_file = gate;
    b->m.live.history = folder;
    return b;
}

static void free_all(struct bench *b)
{
    baseline_fini(&b->m);
    free_bench(b);
}

static void nothing_is_compared_that_nobody_asked_for(void **state)
{
    (void)state;
    struct bench *b = with(NULL, NULL);
    assert_int_equal(baseline_open(&b->m), 0);
    baseline_judge(&b->m, true);
    assert_null(baseline_words(&b->m));
    assert_null(baseline_reason(&b->m));
    free_all(b);
}

static void words_that_name_no_runs_are_refused(void **state)
{
    char wrong[] = "lastest", nowhere[128];
    (void)state;
    struct bench *b = with(wrong, NULL);
    assert_int_equal(baseline_open(&b->m), EXIT_USAGE);
    free_all(b);
    snprintf(nowhere, sizeof nowhere, "%s/gate.toml", folder);
    b = with(NULL, nowhere);
    assert_int_equal(baseline_open(&b->m), EXIT_USAGE);
    free_all(b);
}

static void without_a_stored_run_no_run_is_worse(void **state)
{
    char latest[] = "latest";
    (void)state;
    struct bench *b = with(latest, NULL);
    assert_int_equal(baseline_open(&b->m), 0);
    assert_null(baseline_words(&b->m));
    baseline_judge(&b->m, true);
    assert_non_null(strstr(baseline_words(&b->m), "Not compared: there is no baseline"));
    assert_null(baseline_reason(&b->m));
    char *once = mem_strdup(baseline_words(&b->m));
    baseline_judge(&b->m, true);
    assert_string_equal(baseline_words(&b->m), once);
    free(once);
    free_all(b);
}

/* What of it is left out is known of a run that is just over as of one that is stored. */
static void when_load_generators_could_not_keep_up_is_known(void **state)
{
    char file[] = "shop.py";
    (void)state;
    struct bench *b = with(NULL, NULL);
    b->m.live.locustfile = file;
    json_t *about = baseline_about(&b->m, true);
    assert_null(json_object_get(about, "invalid"));
    json_decref(about);
    assert_true(events_restore_saturation(b->m.record.events, 1000, 1006, 1, "cpu"));
    about = baseline_about(&b->m, judging_was_valid(&b->m));
    assert_true(json_is_false(json_object_get(about, "valid")));
    const json_t *span = json_array_get(json_object_get(about, "invalid"), 0);
    assert_true(json_number_value(json_array_get(span, 0)) == 1000);
    assert_true(json_number_value(json_array_get(span, 1)) == 1006);
    json_decref(about);
    free_all(b);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        T(nothing_is_compared_that_nobody_asked_for),
        T(words_that_name_no_runs_are_refused),
        T(without_a_stored_run_no_run_is_worse),
        T(when_load_generators_could_not_keep_up_is_known),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
