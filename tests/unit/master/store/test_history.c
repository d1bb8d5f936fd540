// SPDX-License-Identifier: MIT
/* The table of runs: what is put is found, by all the words people have for it; what is pinned
 * stays; many at once do not get into each other's way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/history_words.h"
#include "master/store/run_about.h"
#include "master/store/run_file.h"
#include "master/store/run_id.h"
#include "tests/unit/history_folder.h"
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int open_new(void **state)
{
    (void)state;
    return open_history_folder();
}

static int close_it(void **state)
{
    (void)state;
    return close_history_folder();
}

/* Of a minute: the id says which. */
static char *put(int minute, const char *branch, bool is_valid)
{
    static char id[RUN_ID_SIZE];
    const unsigned char random[RUN_ID_RANDOM] = {(unsigned char)minute};
    char *why = NULL;
    run_id_make(id, 1700000000.0 + minute * 60, random);
    json_t *run =
        json_pack("{s:s,s:f,s:s,s:s,s:b,s:{s:s},s:{s:s}}", "id", id, "started",
                  1700000000.0 + minute * 60, "profile", "shop", "state", "done", "valid", is_valid,
                  "git", "branch", branch, "tags", "parity", minute % 2 ? "odd" : "even");
    assert_int_equal(history_put(h, run, &why), 0);
    json_decref(run);
    return id;
}

/* The minutes of the runs that were found, "" and the words when none was. */
static char *found(const char *spec, char **why)
{
    struct sbuf out = {0};
    size_t i;
    json_t *run, *list = history_find(h, spec, NULL, why);
    json_array_foreach(list, i, run)
        sbuf_addf(&out, "%s%.0f", i ? " " : "",
                  (json_number_value(json_object_get(run, "started")) - 1700000000.0) / 60);
    json_decref(list);
    return out.data ? sbuf_take(&out) : mem_strdup("");
}

static void assert_found(const char *spec, const char *minutes)
{
    char *why = NULL, *got = found(spec, &why);
    assert_string_equal(got, minutes);
    free(got);
    free(why);
}

static void assert_not_found(const char *spec, const char *words)
{
    char *why = NULL, *got = found(spec, &why);
    assert_string_equal(got, "");
    assert_non_null(why);
    if (!strstr(why, words))
        fail_msg("'%s' is not in '%s'", words, why);
    free(got);
    free(why);
}

static void runs_are_found_by_what_people_call_them(void **state)
{
    (void)state;
    char *why = NULL;
    for (int minute = 0; minute < 6; minute++)
        put(minute, minute < 3 ? "main" : "fix", minute != 5);
    char *fourth = mem_strdup(put(4, "fix", true));
    assert_int_equal(history_pin(h, fourth, "good", &why), 0);
    assert_found("latest", "5");
    assert_found("latest~2", "3");
    assert_found("latest valid", "4");
    assert_found("pinned:good", "4");
    assert_found(fourth, "4");
    assert_found("branch:main", "2");
    assert_found("branch:main latest valid 5", "2 1 0");
    assert_found("profile:shop tag:parity=odd 2", "5 3");
    assert_found("tag:parity=even", "4");
    assert_not_found("latest~9", "no run is stored");
    assert_not_found("branch:none", "no run is stored");
    assert_not_found("lastest", "did you mean latest?");
    assert_not_found("pined:good", "did you mean pinned:?");
    assert_not_found("", "is no run");
    assert_not_found("01HF", "runs begin with");
    free(fourth);
}

static void what_is_done_to_one_run_is_not_done_to_one_of_several(void **state)
{
    (void)state;
    char *why = NULL;
    bool is_several = true;
    for (int minute = 0; minute < 3; minute++)
        put(minute, "main", true);
    json_t *run = history_find_one(h, "branch:main", &is_several, &why);
    assert_true(run && !is_several);
    json_decref(run);
    assert_null(history_find_one(h, "branch:main 2", &is_several, &why));
    assert_true(is_several);
    assert_non_null(strstr(why, "'branch:main 2' means 2 runs; name one of them: 01HF"));
    free(why);
    why = NULL;
    assert_null(history_find_one(h, "branch:none 2", &is_several, &why));
    assert_false(is_several);
    free(why);
}

static void a_run_that_its_gate_failed_has_failed(void **state)
{
    (void)state;
    char *why = NULL;
    json_t *run = json_pack("{s:s,s:f,s:s,s:b,s:{s:i,s:b,s:b}}", "id", put(1, "main", true),
                            "started", 1700000060.0, "state", "done", "valid", true, "verdict",
                            "thresholds", 0, "passed", true, "gate_failed", true);
    put(2, "main", true);
    assert_string_equal(history_verdict(run), "failed");
    assert_int_equal(history_put(h, run, &why), 0);
    assert_int_equal(history_count(h, &(struct history_filter){.verdict = "failed"}), 1);
    assert_int_equal(history_count(h, &(struct history_filter){.verdict = "-"}), 1);
    json_decref(run);
}

static void what_a_stranger_calls_something_is_shown_and_not_obeyed(void **state)
{
    (void)state;
    struct sbuf out = {0};
    json_t *run = json_pack("{s:s,s:s}", "id", "x", "\x1b[1mbold\t\n", "\x1b[1m");
    history_details(run, &out);
    assert_null(strpbrk(out.data, "\x1b\t"));
    assert_non_null(strstr(out.data, "bold"));
    assert_non_null(strstr(out.data, "id           x\n"));
    sbuf_fini(&out);
    json_decref(run);
}

static void tables_have_room_for_any_time(void **state)
{
    static const double times[] = {-1, 0, 1e12, 1e300, NAN};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct sbuf out = {0};
        json_t *run = json_pack("{s:s,s:s}", "id", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "state", "done");
        json_t *list = json_pack("[O]", run);
        if (isfinite(times[i]))
            json_object_set_new(run, "started", json_real(times[i]));
        history_table(list, &out);
        history_details(run, &out);
        assert_non_null(strstr(out.data, "01ARZ3NDEKTSV4RRFFQ69G5FAV"));
        sbuf_clear(&out);
        history_csv(list, &out);
        assert_non_null(strstr(out.data, "\n,")); /* no time */
        sbuf_fini(&out);
        json_decref(list);
        json_decref(run);
    }
}

static void what_is_pinned_stays(void **state)
{
    (void)state;
    char *why = NULL;
    char *first = mem_strdup(put(0, "main", true));
    for (int minute = 1; minute < 9; minute++)
        put(minute, "main", true);
    assert_int_equal(history_pin(h, first, "base", &why), 0);
    assert_int_equal(history_remove(h, first, &why), -1);
    assert_non_null(strstr(why, "pinned as base"));
    free(why);
    why = NULL;
    assert_int_equal(history_prune(h, &(struct history_keep){.runs = 3}, 0, &why), 5);
    assert_found("latest 9", "8 7 6 0");
    char *other = mem_strdup(put(7, "main", true));
    assert_int_equal(history_pin(h, other, "base", &why), 0); /* a name is of one run: it moves */
    assert_found("pinned:base", "7");
    assert_int_equal(history_remove(h, first, &why), 0);
    free(other);
    free(first);
}

static void put_of_size(int minute, double bytes, const char *pin)
{
    char *why = NULL;
    json_t *run = history_get(h, put(minute, "main", true));
    json_object_set_new(run, "bytes", json_integer((json_int_t)bytes));
    assert_int_equal(history_put(h, run, &why), 0);
    if (pin)
        assert_int_equal(history_pin(h, json_string_value(json_object_get(run, "id")), pin, &why),
                         0);
    json_decref(run);
}

/* The oldest go first; the newest stays, however large it is. */
static void runs_take_no_more_room_than_they_may(void **state)
{
    char *why = NULL;
    (void)state;
    put_of_size(0, 2e6, "base");
    for (int minute = 1; minute < 6; minute++)
        put_of_size(minute, 2e6, NULL);
    assert_int_equal(history_prune(h, &(struct history_keep){.megabytes = 12}, 0, &why), 0);
    assert_int_equal(history_prune(h, &(struct history_keep){.megabytes = 5}, 0, &why), 3);
    assert_found("latest 9", "5 4 0");
    assert_int_equal(history_prune(h, &(struct history_keep){.megabytes = 1}, 0, &why), 1);
    assert_found("latest 9", "5 0");
    assert_int_equal(history_prune(h, &(struct history_keep){.runs = 1}, 0, &why), 0);
    assert_found("latest 9", "5 0");
}

static void a_run_that_goes_on_stays(void **state)
{
    char *why = NULL, *id = mem_strdup(put(0, "main", true));
    (void)state;
    put(1, "main", true);
    char *path = history_path(h, id);
    struct run_file *file = run_file_create(path);
    assert_int_equal(history_prune(h, &(struct history_keep){.runs = 1}, 0, &why), 0);
    assert_int_equal(history_remove(h, id, &why), -1);
    assert_non_null(strstr(why, "goes on"));
    run_file_close(file);
    assert_int_equal(history_prune(h, &(struct history_keep){.runs = 1}, 0, &why), 1);
    assert_int_equal(access(path, F_OK), -1);
    free(why);
    free(path);
    free(id);
}

/* Of the time of the world, wherever the machine is: sorted by name runs are in its order. */
static void an_id_says_when_its_run_began_and_nothing_of_where(void **state)
{
    static const unsigned char random[RUN_ID_RANDOM] = {7};
    char ids[3][RUN_ID_SIZE], later[RUN_ID_SIZE];
    static const char *const zones[] = {"UTC", "Pacific/Kiritimati", "America/Los_Angeles"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        setenv("TZ", zones[i], 1);
        tzset();
        run_id_make(ids[i], 1700000000.5, random);
        assert_true(run_id_is(ids[i]));
    }
    unsetenv("TZ");
    tzset();
    assert_string_equal(ids[0], ids[1]);
    assert_string_equal(ids[0], ids[2]);
    run_id_make(later, 1700000000.75, random);
    assert_true(strcmp(ids[0], later) < 0);
}

static void runs_are_as_old_as_the_clock_that_is_passed_in_says(void **state)
{
    const struct history_keep keep = {.days = 1};
    const double day = 86400, minute = 60;
    char *why = NULL;
    (void)state;
    for (int at = 0; at < 4; at++)
        put(at, "main", true);
    assert_int_equal(history_prune(h, &keep, 1700000000 + day, &why), 0);
    assert_int_equal(history_prune(h, &keep, 1700000000 + day + 1.5 * minute, &why), 2);
    assert_found("latest 9", "3 2");
}

static void what_people_added_stays_when_the_run_is_put_again(void **state)
{
    (void)state;
    char *why = NULL, *id = put(1, "main", true);
    assert_int_equal(history_note(h, id, "a note: \"äöü\"", &why), 0);
    assert_int_equal(history_tag(h, id, "build", "17", &why), 0);
    assert_int_equal(history_tag(h, id, "parity", NULL, &why), 0);
    put(1, "main", true);
    json_t *run = history_get(h, id);
    assert_string_equal(json_string_value(json_object_get(run, "note")), "a note: \"äöü\"");
    assert_string_equal(json_string_value(json_object_get(json_object_get(run, "tags"), "build")),
                        "17");
    assert_null(json_object_get(json_object_get(run, "tags"), "parity"));
    json_decref(run);
    assert_int_equal(history_note(h, "01ARYZ6S410000000000000000", "x", &why), -1);
    free(why);
}

/* Several masters end at once. */
static void many_write_at_once(void **state)
{
    (void)state;
    pid_t children[6];
    for (size_t c = 0; c < 6; c++) {
        children[c] = fork();
        if (children[c] != 0)
            continue;
        char *why = NULL;
        h = history_open(folder, true, &why);
        for (int i = 0; h && i < 20; i++)
            put(100 * (int)c + i, "main", true);
        history_close(h);
        _exit(h ? 0 : 1);
    }
    for (size_t c = 0; c < 6; c++) {
        int status = -1;
        waitpid(children[c], &status, 0);
        assert_int_equal(status, 0);
    }
    json_t *all = history_list(h, &(struct history_filter){0});
    assert_int_equal(json_array_size(all), 120);
    json_decref(all);
}

static size_t count_of(const struct history_filter *f)
{
    json_t *list = history_list(h, f);
    const size_t count = json_array_size(list);
    json_decref(list);
    assert_int_equal(history_count(h, f), count);
    return count;
}

static void lists_are_filtered_by_words_tags_and_results(void **state)
{
    (void)state;
    char *why = NULL;
    for (int minute = 0; minute < 6; minute++)
        put(minute, minute < 3 ? "main" : "it's", minute != 5);
    assert_int_equal(history_note(h, put(6, "main", true), "100% of the Cache_s", &why), 0);
    assert_int_equal(count_of(&(struct history_filter){.text = "MAIN"}), 4);
    assert_int_equal(count_of(&(struct history_filter){.text = "it's"}), 3);
    assert_int_equal(count_of(&(struct history_filter){.text = "cache_s"}), 1);
    assert_int_equal(count_of(&(struct history_filter){.text = "100%"}), 1);
    assert_int_equal(count_of(&(struct history_filter){.text = "%"}), 1);
    assert_int_equal(count_of(&(struct history_filter){.text = ""}), 7);
    assert_int_equal(count_of(&(struct history_filter){.tag = "parity"}), 7);
    assert_int_equal(count_of(&(struct history_filter){.tag = "parity=odd"}), 3);
    assert_int_equal(count_of(&(struct history_filter){.tag = "parity="}), 0);
    assert_int_equal(count_of(&(struct history_filter){.tag = "Parity=odd"}), 0);
    assert_int_equal(count_of(&(struct history_filter){.verdict = "not valid"}), 1);
    assert_int_equal(count_of(&(struct history_filter){.verdict = "-"}), 6);
    assert_int_equal(count_of(&(struct history_filter){.verdict = "passed"}), 0);
    json_t *page =
        history_list(h, &(struct history_filter){.tag = "parity=odd", .limit = 1, .skip = 2});
    assert_int_equal(json_array_size(page), 1);
    assert_true(json_number_value(json_object_get(json_array_get(page, 0), "started")) ==
                1700000060.0);
    json_decref(page);
    json_t *profiles = history_profiles(h);
    assert_int_equal(json_array_size(profiles), 1);
    assert_string_equal(json_string_value(json_array_get(profiles, 0)), "shop");
    json_decref(profiles);
}

static void with_table(const char *sql, int (*each)(void *, int, char **, char **), void *arg)
{
    char path[sizeof folder + 16];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/runs.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, each, arg, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int note_sorting(void *sorts, int count, char **values, char **names)
{
    (void)names;
    *(bool *)sorts |= strstr(values[count - 1], "TEMP B-TREE") != NULL;
    return 0;
}

static bool is_sorted_anew(void)
{
    bool sorts = false;
    with_table("EXPLAIN QUERY PLAN SELECT run FROM run WHERE (?1 IS NULL OR profile=?1)"
               " ORDER BY started DESC, id DESC LIMIT 50",
               note_sorting, &sorts);
    return sorts;
}

/* As version 2 had it. */
static void make_old(void)
{
    with_table("CREATE TABLE old(id TEXT PRIMARY KEY, started REAL, profile TEXT, branch TEXT,"
               " state TEXT, valid INTEGER, pin TEXT, bytes INTEGER, run TEXT NOT NULL)"
               " WITHOUT ROWID;"
               "INSERT INTO old SELECT id,started,profile,branch,state,valid,pin,bytes,run"
               " FROM run;"
               "DROP TABLE run; ALTER TABLE old RENAME TO run;"
               "CREATE INDEX run_profile ON run(profile, started);"
               "PRAGMA user_version=2",
               NULL, NULL);
}

/* Also of a table that an older Katydid made. */
static void the_newest_runs_are_listed_without_sorting_all(void **state)
{
    (void)state;
    char *why = NULL;
    assert_false(is_sorted_anew());
    put(1, "main", true);
    put(2, "main", true);
    make_old();
    assert_true(is_sorted_anew());
    history_close(h);
    assert_non_null(h = history_open(folder, false, &why));
    assert_false(is_sorted_anew());
    assert_found("latest", "2");
}

static char *text_of_tables(json_t *runs)
{
    struct sbuf out = {0};
    history_table(runs, &out);
    history_csv(runs, &out);
    json_decref(runs);
    return sbuf_take(&out);
}

static void a_list_in_brief_has_what_tables_show(void **state)
{
    (void)state;
    char *why = NULL;
    put(1, "main", true);
    put(2, "main", false);
    json_t *whole = json_pack(
        "{s:s,s:f,s:s,s:s,s:b,s:s,s:i,s:i,s:f,s:{s:s,s:s},s:{s:b,s:i},s:{s:i},s:{s:i,s:f,s:f},"
        "s:s,s:s}",
        "id", "01HF7YAT00AAAAAAAAAAAAAAAA", "started", 1700000000.0, "state", "done", "locustfile",
        "shop.py", "valid", 1, "note", "a, \"b\"", "users_most", 7, "plans", 1, "duration", 61.5,
        "git", "commit", "abcdef", "branch", "x", "verdict", "passed", 1, "thresholds", 2,
        "iterations", "started", 9, "totals", "requests", 10, "p95", 3.25, "fail_ratio", 0.5, "pin",
        "good", "profile", "");
    assert_non_null(whole);
    assert_int_equal(history_put(h, whole, &why), 0);
    const struct history_filter all = {.limit = 2};
    char *full = text_of_tables(history_list(h, &all));
    char *brief = text_of_tables(history_list_brief(h, &all));
    assert_string_equal(brief, full);
    free(full);
    free(brief);
    const struct history_filter pinned = {.pin = "good"};
    full = text_of_tables(history_list(h, &pinned));
    brief = text_of_tables(history_list_brief(h, &pinned));
    assert_non_null(strstr(brief, "pinned: good"));
    assert_non_null(strstr(brief, "3.25ms"));
    assert_string_equal(brief, full);
    free(full);
    free(brief);
    json_decref(whole);
}

static bool take_two(void *count, json_t *run)
{
    (void)run;
    return ++*(int *)count < 2;
}

static void no_more_runs_are_read_than_are_wanted(void **state)
{
    (void)state;
    int count = 0;
    for (int minute = 0; minute < 5; minute++)
        put(minute, "main", true);
    history_each(h, &(struct history_filter){0}, take_two, &count);
    assert_int_equal(count, 2);
}

static void secrets_of_the_command_are_masked(void **state)
{
    (void)state;
    static const char words[] =
        "katydid\0-H\0http://me:pw@host/x@y\0--db-password\0s3cret\0--token=a="
        "b\0--web-login\0-u\0005";
    json_t *command = run_about_command(words, sizeof words);
    char *text = json_dumps(command, JSON_COMPACT);
    assert_string_equal(text,
                        "[\"katydid\",\"-H\",\"http://***@host/x@y\",\"--db-password\",\"***\","
                        "\"--token=***\",\"--web-login\",\"-u\",\"5\"]");
    free(text);
    json_decref(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_are_found_by_what_people_call_them, open_new,
                                        close_it),
        cmocka_unit_test_setup_teardown(what_is_done_to_one_run_is_not_done_to_one_of_several,
                                        open_new, close_it),
        cmocka_unit_test_setup_teardown(a_run_that_its_gate_failed_has_failed, open_new, close_it),
        cmocka_unit_test_setup_teardown(what_a_stranger_calls_something_is_shown_and_not_obeyed,
                                        open_new, close_it),
        cmocka_unit_test_setup_teardown(tables_have_room_for_any_time, open_new, close_it),
        cmocka_unit_test_setup_teardown(what_is_pinned_stays, open_new, close_it),
        cmocka_unit_test_setup_teardown(runs_take_no_more_room_than_they_may, open_new, close_it),
        cmocka_unit_test_setup_teardown(a_run_that_goes_on_stays, open_new, close_it),
        cmocka_unit_test(an_id_says_when_its_run_began_and_nothing_of_where),
        cmocka_unit_test_setup_teardown(runs_are_as_old_as_the_clock_that_is_passed_in_says,
                                        open_new, close_it),
        cmocka_unit_test_setup_teardown(what_people_added_stays_when_the_run_is_put_again, open_new,
                                        close_it),
        cmocka_unit_test_setup_teardown(many_write_at_once, open_new, close_it),
        cmocka_unit_test_setup_teardown(lists_are_filtered_by_words_tags_and_results, open_new,
                                        close_it),
        cmocka_unit_test_setup_teardown(the_newest_runs_are_listed_without_sorting_all, open_new,
                                        close_it),
        cmocka_unit_test_setup_teardown(a_list_in_brief_has_what_tables_show, open_new, close_it),
        cmocka_unit_test_setup_teardown(no_more_runs_are_read_than_are_wanted, open_new, close_it),
        cmocka_unit_test(secrets_of_the_command_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
