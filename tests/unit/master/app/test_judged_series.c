// SPDX-License-Identifier: MIT
/* What thresholds find in series: a zero that is one, and the names that were meant. */
#include "common/base/mem.h"
#include "master/app/judged_series.h"
#include "master/verdict/grammar.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void make(struct series_store *store, const char *metric, const struct tag *tags,
                 size_t count)
{
    enum metric_problem why;
    struct series_table *t = series_store_table(store);
    struct metric *m =
        series_metric(t, metric, (struct metric_kind_of){METRIC_RATE, "", METRIC_SCALE}, &why);
    series_of(t, m, tags_of(&t->tags, tags, count));
}

static struct series_store *a_run(void)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    const struct tag request[] = {
        {"method", "GET"}, {"name", "/cart"}, {"status", "200"}, {"tier", "gold"}};
    make(store, "http_req_failed", request, 4);
    make(store, "group_failed", &(struct tag){"group", "checkout"}, 1);
    make(store, "checkout_errors", NULL, 0);
    make(store, "iterations_due", &(struct tag){"scenario", "buy"}, 1);
    make(store, "start_delay", &(struct tag){"scenario", "buy"}, 1);
    return store;
}

struct found {
    bool is_there;
    char *near; /* owned */
};

static struct found look(const struct series_store *store, const char *text)
{
    struct threshold t;
    struct threshold_error e;
    struct series_value v;
    struct verdict_metric out;
    if (threshold_parse(text, &t, &e) != 0)
        fail_msg("%s: %s", text, e.text);
    series_value_init(&v);
    const struct found f = {judged_series_read(store, &t, 0, 9, &v, &out),
                            judged_series_nearest(store, &t)};
    series_value_fini(&v);
    threshold_fini(&t);
    return f;
}

static void a_zero_is_one_where_no_name_can_be_wrong(void **state)
{
    static const struct {
        const char *text;
        bool is_there;
        const char *near; /* or NULL */
    } cases[] = {
        {"count of {status:200} < 1", true, NULL},
        {"count of {status:500} < 1", true, NULL},
        {"count of {status:500,name:/cart} < 1", true, NULL},
        {"fails of {expected_response:false} < 1", true, NULL},
        {"http_reqs{status:503}: count<1", true, NULL},
        {"http_reqs{error_code:1212}: count<1", true, NULL},
        {"http_reqs{error_code:503}: count<1", false, NULL},
        {"count of {status:500,name:/crat} < 1", false, "{name:/cart}"},
        {"count of {status:2000} < 1", false, "{status:200}"},
        {"count of {status:20} < 1", false, "{status:200}"},
        {"dropped < 1", true, NULL},
        {"dropped of {scenario:buy} < 1", true, NULL},
        {"dropped_iterations{scenario:buy}: count<1", true, NULL},
        {"count of iterations_dropped < 1", true, NULL},
        {"count of iterations_lost{scenario:buy} < 1", true, NULL},
        {"count of iterations_lost{scenario:byu} < 1", false, "{scenario:buy}"},
        {"late_p99 < 50ms", true, NULL},
        {"late_p99 of {scenario:byu} < 50ms", false, "{scenario:buy}"},
        {"count of {statsu:500} < 1", false, "{status:500}"},
        {"count of {tier:glod} < 1", false, "{tier:gold}"},
        {"count of {tier:gold,status:404} < 1", true, NULL},
        {"count of group 'chekcout' < 1", false, "{group:checkout}"},
        {"rate of checkout_erors < 1%", false, "checkout_errors"},
        {"rate of entirely_else < 1%", false, NULL},
    };
    struct series_store *store = a_run();
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct found f = look(store, cases[i].text);
        if (f.is_there != cases[i].is_there)
            fail_msg("%s: there: %d", cases[i].text, f.is_there);
        if (!f.is_there &&
            (!f.near != !cases[i].near || (f.near && strcmp(f.near, cases[i].near) != 0)))
            fail_msg("%s: near: %s", cases[i].text, f.near ? f.near : "none");
        free(f.near);
    }
    series_store_free(store);
}

static void before_the_first_request_there_is_nothing(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    (void)state;
    struct found f = look(store, "count of {status:500} < 1");
    assert_false(f.is_there);
    assert_null(f.near);
    f = look(store, "count of {expected_respons:true} < 1");
    assert_false(f.is_there);
    assert_string_equal(f.near, "{expected_response:true}");
    free(f.near);
    series_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zero_is_one_where_no_name_can_be_wrong),
        cmocka_unit_test(before_the_first_request_there_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
