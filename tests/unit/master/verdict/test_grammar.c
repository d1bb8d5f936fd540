// SPDX-License-Identifier: MIT
/* What a threshold may look like, in k6's words and in ours, and what is said of what is none. */
#include "master/verdict/grammar.h"
#include "master/verdict/list.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- k6 ---- */

struct k6_case {
    const char *key, *expression;
    enum threshold_stat stat;
    double share;
    enum threshold_op op;
    double limit;
    enum threshold_scope scope;
};

static const struct k6_case k6_good[] = {
    {"http_req_duration", "p(95)<500", STAT_QUANTILE, .95, OP_LESS, 500, SCOPE_HTTP},
    {"http_req_duration", " p(99.9) <= 1e3 ", STAT_QUANTILE, .999, OP_LESS_EQUAL, 1000, SCOPE_HTTP},
    {"http_req_duration", "p(0)>0", STAT_QUANTILE, 0, OP_MORE, 0, SCOPE_HTTP},
    {"http_req_duration", "p(100)<inf", STAT_QUANTILE, 1, OP_LESS, INFINITY, SCOPE_HTTP},
    {"http_req_duration", "med<200", STAT_QUANTILE, .5, OP_LESS, 200, SCOPE_HTTP},
    {"http_req_duration", "avg < 100.5", STAT_MEAN, 0, OP_LESS, 100.5, SCOPE_HTTP},
    {"http_req_duration", "max===3", STAT_MAX, 0, OP_EQUAL, 3, SCOPE_HTTP},
    {"http_req_duration", "min!=3", STAT_MIN, 0, OP_NOT_EQUAL, 3, SCOPE_HTTP},
    {"http_req_duration{name:/cart}", "p(95)<300", STAT_QUANTILE, .95, OP_LESS, 300, SCOPE_ROWS},
    {"http_req_duration{ name : '/cart' , method:\"GET\" }", "p(95)<3", STAT_QUANTILE, .95, OP_LESS,
     3, SCOPE_ROWS},
    {"http_req_duration{group:::main}", "p(95)<3", STAT_QUANTILE, .95, OP_LESS, 3, SCOPE_TAGS},
    {"http_req_duration{expected_response:true}", "p(95)<3", STAT_QUANTILE, .95, OP_LESS, 3,
     SCOPE_HTTP},
    {"http_req_failed", "rate<0.01", STAT_FAIL_RATIO, 0, OP_LESS, .01, SCOPE_HTTP},
    {"http_reqs", "count>=1000", STAT_COUNT, 0, OP_MORE_EQUAL, 1000, SCOPE_HTTP},
    {"http_reqs", "rate>50", STAT_RPS, 0, OP_MORE, 50, SCOPE_HTTP},
    {"vus", "value>5", STAT_USERS, 0, OP_MORE, 5, SCOPE_TOTAL},
    {"checks", "rate>0.9", STAT_RATE, 0, OP_MORE, .9, SCOPE_METRIC},
    {"checks{check:status is 200}", "rate==1", STAT_RATE, 0, OP_EQUAL, 1, SCOPE_METRIC},
    {"checkout_errors", "rate<0.005", STAT_RATE, 0, OP_LESS, .005, SCOPE_METRIC},
    {"checkout_duration", "p(95)<2000", STAT_QUANTILE, .95, OP_LESS, 2000, SCOPE_METRIC},
    {"http_req_waiting", "p(90)<400", STAT_QUANTILE, .9, OP_LESS, 400, SCOPE_HTTP},
    {"http_req_connecting", "avg<4", STAT_MEAN, 0, OP_LESS, 4, SCOPE_HTTP},
    {"data_received", "rate<1e6", STAT_RECEIVED_RATE, 0, OP_LESS, 1e6, SCOPE_TOTAL},
    {"dropped_iterations", "count<1", STAT_DROPPED, 0, OP_LESS, 1, SCOPE_TOTAL},
    {"dropped_iterations{scenario:buy}", "rate<1", STAT_DROPPED, 0, OP_LESS, 1, SCOPE_TAGS},
};

static void k6_thresholds_are_taken_as_they_stand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof k6_good / sizeof *k6_good; i++) {
        const struct k6_case *c = &k6_good[i];
        struct threshold t;
        struct threshold_error e = {0};
        bool is_key = false;
        if (threshold_parse_k6(c->key, c->expression, &t, &e, &is_key) != 0)
            fail_msg("%s %s: %s", c->key, c->expression, e.text);
        assert_int_equal(t.stat, c->stat);
        assert_int_equal(t.op, c->op);
        assert_int_equal(t.scope, c->scope);
        assert_true(t.share >= c->share - 1e-9 && t.share <= c->share + 1e-9);
        assert_true(t.limit.value >= c->limit && t.limit.value <= c->limit);
        threshold_fini(&t);
    }
}

static const struct {
    const char *key, *expression, *words;
    size_t column;
    bool is_key;
} k6_bad[] = {
    {"http_req_duration", "p(95)<200ms", "'200ms' is no number", 7, false},
    {"http_req_duration", "p(95)<0x10", "is no number", 7, false},
    {"http_req_duration", "p(95)<1,000", "is no number", 7, false},
    {"http_req_duration", "p(95)<200 && p(99)<300", "is no number", 7, false},
    {"http_req_duration", "p(101)<200", "from 0 to 100", 3, false},
    {"http_req_duration", "p(NaN)<200", "from 0 to 100", 3, false},
    {"http_req_duration", "p95<200", "did you mean p(95)?", 1, false},
    {"http_req_duration", "agv<200", "did you mean avg?", 1, false},
    {"http_req_duration", "p(95)", "no operator", 6, false},
    {"http_req_duration", "p(95)<", "no operator", 7, false},
    {"http_req_duration", "", "no operator", 1, false},
    {"http_req_duration", "count<3", "is a trend, which has avg", 1, false},
    {"http_req_failed", "avg<3", "is a rate, which has rate", 1, false},
    {"http_reqs", "p(95)<3", "is a counter, which has count and rate", 1, false},
    {"vus", "rate<3", "is a gauge, which has value", 1, false},
    {"http_req_duraton", "p(95)<3", "did you mean http_req_duration?", 1, true},
    {"http_req_duration{}", "p(95)<3", "key:value", 19, true},
    {"http_req_duration{name}", "p(95)<3", "key:value", 19, true},
    {"http_req_duration{name:}", "p(95)<3", "the value of a tag is missing", 19, true},
    {"http_req_duration{name:a", "p(95)<3", "has no '}'", 24, true},
    {"http_req_duration{name:a,}", "p(95)<3", "key:value", 26, true},
    {"2fast", "p(95)<3", "is no metric", 1, true},
    {"", "p(95)<3", "is no metric", 1, true},
    {"http_req_sending", "p(95)<3", "only avg", 1, false},
};

static void what_k6_refuses_is_refused_with_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof k6_bad / sizeof *k6_bad; i++) {
        struct threshold t;
        struct threshold_error e = {0};
        bool is_key = false;
        if (threshold_parse_k6(k6_bad[i].key, k6_bad[i].expression, &t, &e, &is_key) == 0)
            fail_msg("taken: %s %s", k6_bad[i].key, k6_bad[i].expression);
        if (!strstr(e.text, k6_bad[i].words) || e.column != k6_bad[i].column ||
            is_key != k6_bad[i].is_key)
            fail_msg("%s %s: column %zu: %s", k6_bad[i].key, k6_bad[i].expression, e.column,
                     e.text);
    }
}

/* ---- ours ---- */

struct our_case {
    const char *text;
    enum threshold_stat stat;
    enum threshold_scope scope;
    enum threshold_op op;
    double limit;
    enum threshold_mode mode;
    unsigned window_s;
    enum threshold_action action;
};

#define ALL MODE_ALL, 0, ACTION_CONTINUE

static const struct our_case our_good[] = {
    {"p95 < 300ms", STAT_QUANTILE, SCOPE_TOTAL, OP_LESS, 300, ALL},
    {"p(99.9)<1.5s", STAT_QUANTILE, SCOPE_TOTAL, OP_LESS, 1500, ALL},
    {"p95 of 'GET /cart' < 300ms for 30s, stop", STAT_QUANTILE, SCOPE_ROWS, OP_LESS, 300, MODE_FOR,
     30, ACTION_STOP},
    {"cart is fast: p95 of \"GET /cart\" < 300 within 1m30s , warn", STAT_QUANTILE, SCOPE_ROWS,
     OP_LESS, 300, MODE_WITHIN, 90, ACTION_WARN},
    {"p95 of GET /cart < 300", STAT_QUANTILE, SCOPE_ROWS, OP_LESS, 300, ALL},
    {"p95 of /cart* < 300us over 10", STAT_QUANTILE, SCOPE_ROWS, OP_LESS, .3, MODE_OVER, 10,
     ACTION_CONTINUE},
    {"fail_ratio < 1%", STAT_FAIL_RATIO, SCOPE_TOTAL, OP_LESS, .01, ALL},
    {"fail_ratio<0.01", STAT_FAIL_RATIO, SCOPE_TOTAL, OP_LESS, .01, ALL},
    {"rps >= 50/s for 5s", STAT_RPS, SCOPE_TOTAL, OP_MORE_EQUAL, 50, MODE_FOR, 5, ACTION_CONTINUE},
    {"rps>50", STAT_RPS, SCOPE_TOTAL, OP_MORE, 50, ALL},
    {"fails == 0", STAT_FAILS, SCOPE_TOTAL, OP_EQUAL, 0, ALL},
    {"count of group 'check out' > 10", STAT_COUNT, SCOPE_GROUP, OP_MORE, 10, ALL},
    {"avg of class Shopper < 1s", STAT_MEAN, SCOPE_CLASS, OP_LESS, 1000, ALL},
    {"p99 of worker 'w1' < 1s", STAT_QUANTILE, SCOPE_WORKER, OP_LESS, 1000, ALL},
    {"p95 of {tier:gold, shop:7} < 200ms", STAT_QUANTILE, SCOPE_TAGS, OP_LESS, 200, ALL},
    {"p95 of http_req_waiting < 200ms", STAT_QUANTILE, SCOPE_HTTP, OP_LESS, 200, ALL},
    {"p95 of http_req_duration{name:/a b} < 2", STAT_QUANTILE, SCOPE_ROWS, OP_LESS, 2, ALL},
    {"rate of checkout_errors{shop:7} < 0.5%", STAT_RATE, SCOPE_METRIC, OP_LESS, .005, ALL},
    {"value of basket >= 12.5", STAT_VALUE, SCOPE_METRIC, OP_MORE_EQUAL, 12.5, ALL},
    {"check_ratio > 99%", STAT_RATE, SCOPE_METRIC, OP_MORE, .99, ALL},
    {"check_ratio of {tier:gold} > 99%", STAT_RATE, SCOPE_METRIC, OP_MORE, .99, ALL},
    {"goodput(ttft<300ms & itl<50ms) > 95%", STAT_RATE, SCOPE_METRIC, OP_MORE, .95, ALL},
    {"good: goodput( ttft <= 0.3s&&e2e < 5 ) of {name:sky} >= 0.9 for 30s, stop", STAT_RATE,
     SCOPE_METRIC, OP_MORE_EQUAL, .9, MODE_FOR, 30, ACTION_STOP},
    {"apdex(500ms) > 0.9", STAT_APDEX, SCOPE_TOTAL, OP_MORE, .9, ALL},
    {"status(5xx) < 1%", STAT_STATUS, SCOPE_TOTAL, OP_LESS, .01, ALL},
    {"status(404) <= 3", STAT_COUNT, SCOPE_TAGS, OP_LESS_EQUAL, 3, ALL},
    {"status(none) <= 3", STAT_STATUS, SCOPE_TOTAL, OP_LESS_EQUAL, 3, ALL},
    {"worker_cpu < 80% for 10s", STAT_WORKER_CPU, SCOPE_TOTAL, OP_LESS, 80, MODE_FOR, 10,
     ACTION_CONTINUE},
    {"loop_lag_p99 < 50ms", STAT_LOOP_LAG, SCOPE_TOTAL, OP_LESS, 50, ALL},
    {"corrected_p95 of 'GET /x' < 50ms", STAT_QUANTILE, SCOPE_ROWS, OP_LESS, 50, ALL},
    {"corrected_p95 of {tier:gold} < 50ms", STAT_QUANTILE, SCOPE_TAGS, OP_LESS, 50, ALL},
    {"late_p99 < 50ms", STAT_LATE, SCOPE_TOTAL, OP_LESS, 50, ALL},
    {"received < 10MB", STAT_RECEIVED, SCOPE_TOTAL, OP_LESS, 1e7, ALL},
    {"users >= 1", STAT_USERS, SCOPE_TOTAL, OP_MORE_EQUAL, 1, ALL},
    {"p95 < 300 ms for 3s", STAT_QUANTILE, SCOPE_TOTAL, OP_LESS, 300, MODE_FOR, 3, ACTION_CONTINUE},
    {"fail_ratio < 0.5 %, stop", STAT_FAIL_RATIO, SCOPE_TOTAL, OP_LESS, .005, MODE_ALL, 0,
     ACTION_STOP},
    {"http_req_duration{name:/cart}: p(95)<300", STAT_QUANTILE, SCOPE_ROWS, OP_LESS, 300, ALL},
    {"http_req_failed:rate<0.01", STAT_FAIL_RATIO, SCOPE_HTTP, OP_LESS, .01, ALL},
};

static void our_thresholds_say_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof our_good / sizeof *our_good; i++) {
        const struct our_case *c = &our_good[i];
        struct threshold t;
        struct threshold_error e = {0};
        if (threshold_parse(c->text, &t, &e) != 0)
            fail_msg("%s: column %zu: %s", c->text, e.column, e.text);
        if (t.stat != c->stat || t.scope != c->scope || t.op != c->op || t.mode != c->mode ||
            t.window_s != c->window_s || t.action != c->action ||
            fabs(t.limit.value - c->limit) > 1e-9)
            fail_msg("%s: stat %d scope %d op %d limit %g mode %d window %u action %d", c->text,
                     t.stat, t.scope, t.op, t.limit.value, t.mode, t.window_s, t.action);
        threshold_fini(&t);
    }
}

static void goodput_says_what_workers_are_to_count(void **state)
{
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"goodput(ttft<300ms & itl<50ms) > 95%", "ttft<300ms & itl<50ms"},
        {"goodput( ttft <= 0.3s&&e2e < 5 ) of {name:sky} >= 0.9", "ttft<=300ms & e2e<5ms"},
        {"goodput(tpot<12.5ms&ttfo<1m) >= 0.9", "tpot<12.5ms & ttfo<60000ms"},
        {"rate of goodput > 95%", NULL},
        {"rate of slo_goodput > 95%", NULL},
        {"p95 of {slo:ttft<1ms} < 95", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct threshold t;
        struct threshold_error e = {0};
        assert_int_equal(threshold_parse(cases[i].text, &t, &e), 0);
        const char *what = threshold_goodput(&t);
        assert_int_equal(!what, !cases[i].what);
        if (what)
            assert_string_equal(what, cases[i].what);
        assert_int_equal(t.tag_count, i == 1 ? 2 : i < 3 || i == 5);
        threshold_fini(&t);
    }
}

static void what_follows_a_comma_is_kept(void **state)
{
    (void)state;
    struct threshold t;
    struct threshold_error e;
    assert_int_equal(threshold_parse("a: p95 of 'GET *' < 1s, stop, after=10s, warmup = 30s, "
                                     "min_samples=100, no_data=pass",
                                     &t, &e),
                     0);
    assert_string_equal(t.name, "a");
    assert_string_equal(t.method, "GET");
    assert_string_equal(t.row, "*");
    assert_true(t.action == ACTION_STOP && t.no_data == NO_DATA_PASS && t.min_samples == 100);
    assert_true(t.after_s > 9.9 && t.after_s < 10.1 && t.warmup_s > 29.9 && t.warmup_s < 30.1);
    assert_null(t.scenario);
    threshold_fini(&t);
    assert_int_equal(threshold_parse("p95 < 1s, stop = slow-buy, after=10s", &t, &e), 0);
    assert_true(t.action == ACTION_STOP && t.after_s > 9.9);
    assert_string_equal(t.scenario, "slow-buy");
    threshold_fini(&t);
    assert_int_equal(threshold_parse("p95 < 1s, after=10s", &t, &e), 0);
    assert_non_null(strstr(t.warning, "only delays a stop"));
    threshold_fini(&t);
}

static const struct {
    const char *text, *words;
    size_t column;
} our_bad[] = {
    {"", "nothing to measure", 1},
    {"p951 < 3", "from 0 to 100", 2},
    {"p(95 < 3", "has no ')'", 5},
    {"pp95 < 3", "did you mean p95?", 1},
    {"fail_rato < 1%", "did you mean fail_ratio?", 1},
    {"rps < 200ms", "rps cannot be compared with 200ms: give a rate", 7},
    {"p95 < 5%", "p95 cannot be compared with 5%: give a time", 7},
    {"fail_ratio < 5ms", "give a ratio", 14},
    {"fail_ratio < 5", "0 to 1", 14},
    {"slow: fail_ratio of {a:b} < 200%", "0 to 1", 29},
    {"p95 < 300mss", "did you mean ms?", 10},
    {"p95 < ", "no number", 7},
    {"p95", "no operator and limit", 4},
    {"p95 = 300", "did you mean ==?", 5},
    {"p95 300", "is no operator", 5},
    {"p95 < 300 fore 30s", "did you mean for?", 11},
    {"p95 < 300 for", "there is no time", 14},
    {"p95 < 300 for 1.5s", "whole seconds", 15},
    {"p95 < 300 for 0s", "whole seconds", 15},
    {"p95 < 300, stp", "did you mean stop?", 12},
    {"p95 < 300, no_data=maybe", "one of fail, pass and warn", 20},
    {"p95 < 300, min_samples=0", "from 1", 24},
    {"p95 of 'GET /cart < 3", "the quote has no end", 8},
    {"p95 of '' < 3", "nothing between the quotes", 8},
    {"p95 of < 3", "there is no name", 8},
    {"p95 of {tier} < 3", "key:value", 9},
    {"p95 of {tier:gold < 3", "has no '}'", 8},
    {"p95 of http_req_waitin < 3", "did you mean http_req_waiting?", 8},
    {"rate < 3", "needs a metric", 1},
    {"users of 'GET /' < 3", "of the whole run", 1},
    {"x: dropped of worker 'w1' < 3", "or of a scenario", 4},
    {"avg of clas 'A' < 3", "did you mean class?", 8},
    {"avg of rows 'A' < 3", "there are group, class, worker", 8},
    {"avg of group < 3", "there is no name", 14},
    {"avg of worker", "there is no name", 14},
    {"p95 =< 3", "did you mean <=?", 5},
    {"rps => 3", "did you mean >=?", 5},
    {"fails of checkout < 3", "quote 'checkout'", 10},
    {"status(404) < 3%", "cannot be compared with 3%", 15},
    {"status(404) of '/a' < 3", "count of {status:404,name:/cart}", 15},
    {"status(1000) < 3", "write status(5xx)", 7},
    {"status(6xx) < 3", "write status(5xx)", 7},
    {"apdex < 3", "apdex(500ms)", 6},
    {"goodput > 95%", "write goodput(ttft<300ms", 8},
    {"goodput() > 95%", "'' is no time of an answer: there are ttft", 9},
    {"goodput(tfft<3) > 95%", "did you mean ttft?", 9},
    {"goodput(ttft>3) > 95%", "write what it takes at most", 13},
    {"goodput(ttft<x) > 95%", "no time", 14},
    {"goodput(ttft<3, itl<5) > 1%", "conditions are joined by &", 15},
    {"goodput(ttft<3 & ttft<5) > 1%", "ttft stands there twice", 18},
    {"goodput(ttft<3 > 95%", "'(' has no ')'", 16},
    {"goodput(ttft<3) of '/x' > 95%", "needs a metric", 1},
    {"goodput(ttft<3) > 95ms", "cannot be compared", 19},
    {"http_req_duration: p(95)<30x", "'30x' is no number", 26},
    {"p95 < 5 %", "cannot be compared with 5 %", 7},
    {"p95 < 300ms stop", "a comma is missing in front of 'stop'", 13},
    {"p95 < 300ms, stop, warn", "'warn' contradicts 'stop'", 20},
    {"p95 < 300ms, warn, after=3s, continue", "'continue' contradicts 'warn'", 30},
    {"p95 < 300ms, stop, stop", "'stop' stands there twice", 20},
    {"p95 < 300ms, stop=buy, stop", "'stop' stands there twice", 24},
    {"p95 < 300ms, stop=", "stop= is followed by the name of a scenario", 19},
    {"p95 < 300ms, stop=buy it", "'it' is too much", 23},
    {"p95 < 300ms, after=1s, stop, after=2s", "'after' stands there twice", 30},
    {"p95 < 300ms, no_data=fail, no_data=pass", "'no_data' stands there twice", 28},
    {"p95 < 300ms, warn, no_data=fail", "what only warns fails no run", 20},
    {"p95 < 300ms, no_data=fail, warn", "what only warns fails no run", 28},
    {"http_req_duration: <300", "nothing in front of the operator", 20},
};

static void what_is_no_threshold_is_told_with_its_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof our_bad / sizeof *our_bad; i++) {
        struct threshold t;
        struct threshold_error e = {0};
        if (threshold_parse(our_bad[i].text, &t, &e) == 0) {
            if (*our_bad[i].words)
                fail_msg("taken: %s", our_bad[i].text);
            threshold_fini(&t);
            continue;
        }
        if (!strstr(e.text, our_bad[i].words) || e.column != our_bad[i].column)
            fail_msg("%s: column %zu: %s", our_bad[i].text, e.column, e.text);
    }
}

/* ---- lists ---- */

static int read_list(struct threshold_list *l, const char *json, char **why)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    const int rc = threshold_list_json(l, value, "gates.json", why);
    json_decref(value);
    return rc;
}

static void tables_lists_and_k6_dictionaries_are_one_list(void **state)
{
    (void)state;
    struct threshold_list l = {0};
    char *why = NULL;
    const int rc = read_list(
        &l,
        "{\"thresholds\": [\"p95 < 300ms\","
        " {\"metric\": \"http_req_waiting\", \"where\": \"GET /cart\", \"stat\": \"p95\", "
        "\"op\": \"<\", \"value\": 300, \"mode\": \"for\", \"window\": \"30s\", \"abort\": true, "
        "\"after\": \"10s\", \"name\": \"cart\", \"no_data\": \"warn\"},"
        " {\"threshold\": \"fails < 3\", \"min_samples\": 10, \"user_class\": \"Shopper\"},"
        " {\"http_req_duration{name:/cart}\": [\"p(95)<300\", {\"threshold\": \"p(99)<900\", "
        "\"abortOnFail\": true, \"delayAbortEval\": \"10s\"}], \"http_req_failed\": "
        "\"rate<0.01\"}]}",
        &why);
    if (rc != 0)
        fail_msg("%s", why);
    assert_int_equal(l.count, 6);
    const struct threshold *t = l.items;
    assert_true(t[1].field == FIELD_WAIT && t[1].scope == SCOPE_ROWS && t[1].window_s == 30);
    assert_true(t[1].action == ACTION_STOP && t[1].no_data == NO_DATA_WARN);
    assert_string_equal(t[1].text, "p95 of 'GET /cart' < 300 for 30s");
    assert_true(t[2].scope == SCOPE_CLASS && t[2].min_samples == 10);
    assert_true(t[4].action == ACTION_STOP && t[4].after_s > 9 && t[4].is_k6);
    assert_string_equal(t[3].text, "http_req_duration{name:/cart} p(95)<300");
    char *scope = threshold_scope_text(&t[3]);
    assert_string_equal(scope, "'/cart'");
    free(scope);
    char *printed = threshold_list_print(&l);
    assert_non_null(strstr(printed, "6 thresholds\np95 < 300ms\n"));
    assert_non_null(strstr(printed, "from gates.json"));
    free(printed);
    threshold_list_fini(&l);
}

static void what_is_wrong_in_a_list_names_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"[\"p95 < 3x\"]", "gates.json: 'p95 < 3x': column 8: 'x' is no unit"},
        {"[{\"threshold\": \"p95 < 3\", \"abrot\": true}]", "gates.json: abrot: there is no field"},
        {"[{\"threshold\": \"p95 < 3\", \"abort\": \"maybe\"}]", "abort: is true or false"},
        {"[{\"stat\": \"p95\", \"value\": 3}]", "gates.json: op: is missing"},
        {"[{\"stat\": \"p95\", \"op\": \"<\", \"value\": \"3x\"}]", "value: column 2"},
        {"[{\"stat\": \"p95\", \"op\": \"<\", \"value\": 3, \"mode\": \"for\"}]", "needs a window"},
        {"[{\"op\": \"<\"}]", "stat: is missing"},
        {"[[\"p95 < 3\"]]", "is no list"},
        {"3", "are texts, tables"},
        {"{\"http_req_duration\": [3]}", "http_req_duration: each threshold is a text"},
        {"{\"http_req_duraton\": [\"p(95)<3\"]}", "did you mean http_req_duration?"},
        {"[{\"threshold\": \"p95 < \", \"source\": \"test.py:7\"}]", "test.py:7: 'p95 < '"},
        {"[{\"stat\": \"p95\", \"op\": \"<\", \"value\": 3, \"mode\": \"fr\", \"window\": 3}]",
         "mode: column 1: 'fr' is none of for, within and over: did you mean for?"},
        {"[{\"threshold\": \"p95 < 3\", \"no_data\": \"pas\"}]", "did you mean pass?"},
        {"[{\"#\": 7}]", "gates.json:7: stat: is missing"},
        {"[{\"#\": 7, \"#wher\": 8, \"wher\": \"/\"}]", "gates.json:8: wher: "},
        {"[{\"threshold\": \"p95 < 3\", \"action\": \"abort\"}]",
         "none of stop, continue and warn"},
        {"[{\"threshold\": \"p95 < 3, stop\", \"action\": \"warn\"}]",
         "gates.json: action: contradicts what is said beside it"},
        {"[{\"threshold\": \"p95 < 3, warn\", \"abort\": true}]", "abort: contradicts"},
        {"[{\"threshold\": \"p95 < 3, stop\", \"abort\": false}]", "abort: contradicts"},
        {"[{\"threshold\": \"p95 < 3\", \"action\": \"warn\", \"abort\": true}]",
         "abort: contradicts"},
        {"[{\"threshold\": \"p95 < 3, stop, after=3s\", \"after\": \"4s\"}]", "after: contradicts"},
        {"[{\"threshold\": \"p95 < 3\", \"after\": \"4s\", \"delayAbortEval\": \"5s\"}]",
         "contradicts"},
        {"[{\"threshold\": \"p95 < 3, no_data=pass\", \"no_data\": \"fail\"}]",
         "no_data: contradicts"},
        {"[{\"threshold\": \"p95 < 3, min_samples=3\", \"min_samples\": 4}]",
         "min_samples: contradicts"},
        {"[{\"threshold\": \"a: p95 < 3\", \"name\": \"b\"}]", "name: contradicts"},
        {"[{\"threshold\": \"p95 < 3\", \"action\": \"warn\", \"no_data\": \"fail\"}]",
         "no_data: what only warns fails no run"},
        {"[{\"threshold\": \"p95 < 3\", \"where\": \"GET /cart\"}]",
         "where: does not go beside a text"},
        {"[{\"threshold\": \"p95 < 3\", \"window\": \"3s\"}]", "window: does not go beside a text"},
        {"[{\"threshold\": \"apdex(1s) > 0.9\", \"user_class\": \"Shopper\"}]",
         "threshold: apdex(1000ms) is not kept by tags, class or group"},
        {"[{\"threshold\": \"p95 of '/a*' < 3\", \"user_class\": \"Shopper\"}]",
         "of a class a row has no *"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct threshold_list l = {0};
        char *why = NULL;
        if (read_list(&l, cases[i].json, &why) == 0)
            fail_msg("taken: %s", cases[i].json);
        if (!strstr(why, cases[i].words))
            fail_msg("%s: %s", cases[i].json, why);
        free(why);
        threshold_list_fini(&l);
    }
}

/* Of a User class: its requests alone, whatever it looks at among them. */
static void what_a_class_has_is_of_its_requests(void **state)
{
    (void)state;
    static const struct {
        const char *json, *scope;
    } cases[] = {
        {"{\"threshold\": \"p95 < 3\"}", "class 'Shopper'"},
        {"{\"threshold\": \"p95 of 'GET /a\\\\*b' < 3\"}",
         "requests with {method:GET,name:/a*b,class:Shopper}"},
        {"{\"threshold\": \"fails of '/a' < 3\"}", "requests with {name:/a,class:Shopper}"},
        {"{\"threshold\": \"p95 of {tier:gold} < 3\"}", "requests with {tier:gold,class:Shopper}"},
        {"{\"key\": \"http_reqs\", \"threshold\": \"count>3\"}", "class 'Shopper'"},
        {"{\"key\": \"http_req_duration{name:/a}\", \"threshold\": \"avg<3\"}",
         "requests with {name:/a,class:Shopper}"},
        {"{\"key\": \"http_req_duration{expected_response:true}\", \"threshold\": \"avg<3\"}",
         "requests with {expected_response:true,class:Shopper}"},
        {"{\"threshold\": \"users < 3\"}", "all requests"},
        {"{\"threshold\": \"dropped < 3\"}", "all requests"},
        {"{\"threshold\": \"avg of group 'pay' < 3\"}", "group 'pay'"},
        {"{\"key\": \"checks\", \"threshold\": \"rate>0.9\"}", "checks"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct threshold_list l = {0};
        char *why = NULL;
        json_t *one = json_loads(cases[i].json, 0, NULL);
        assert_non_null(one);
        json_object_set_new(one, "user_class", json_string("Shopper"));
        if (threshold_list_json(&l, one, "class Shopper", &why) != 0)
            fail_msg("%s: %s", cases[i].json, why);
        char *scope = threshold_scope_text(l.items);
        assert_string_equal(scope, cases[i].scope);
        assert_string_equal(l.items->name, "Shopper");
        assert_int_equal(l.items->field, FIELD_TIME);
        free(scope);
        json_decref(one);
        threshold_list_fini(&l);
    }
}

/* What says the same twice is no contradiction. */
static void what_agrees_may_stand_in_both_places(void **state)
{
    (void)state;
    struct threshold_list l = {0};
    char *why = NULL;
    if (read_list(&l,
                  "[{\"threshold\": \"a: p95 < 3, stop, after=4s, no_data=pass, min_samples=5, "
                  "warmup=6s\", \"abort\": true, \"action\": \"stop\", \"after\": 4, \"no_data\": "
                  "\"pass\", \"min_samples\": 5, \"warmup\": \"6s\", \"name\": \"a\"}, "
                  "{\"threshold\": \"p95 < 3\", \"abort\": false, \"action\": \"warn\"}]",
                  &why) != 0)
        fail_msg("%s", why);
    assert_true(l.items[0].action == ACTION_STOP && l.items[1].action == ACTION_WARN);
    threshold_list_fini(&l);
}

/* Of a file: as with TOML, each field has its line. */
static void what_is_wrong_in_a_file_names_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"[\n \"p95 < 1s\",\n \"p95 < 3x\"\n]", "gates.json:3: 'p95 < 3x': column 8"},
        {"[\n{\"stat\": \"p95\",\n\"op\": \"<\",\n\"value\": \"3x\"}]",
         "gates.json:4: value: column 2"},
        {"[\n{\"stat\": \"p95\",\n\"wher\": \"/\"}]", "gates.json:3: wher: "},
        {"[\n\n{\"stat\": \"p95\"}]", "gates.json:3: op: is missing"},
        {"{\"http_req_duration\": [\"p(95)<3\",\n{\"threshold\": \"p(99)<3\",\n\"abortOnFial\": "
         "true}]}",
         "gates.json:3: abortOnFial: there is no field of that name: did you mean abortOnFail?"},
        {"{\"thresholds\":\n{\"http_req_duraton\":\n[\"p(95)<3\"]}}",
         "gates.json:3: 'http_req_duraton'"},
        {"{\"thresholds\": [{\"threshold\" : \"p95 \\u003c 3\\\"x\"}]}",
         "gates.json:1: 'p95 < 3\"x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct threshold_list l = {0};
        char *why = NULL, *marked = threshold_list_mark(cases[i].json);
        if (read_list(&l, marked, &why) == 0)
            fail_msg("taken: %s", cases[i].json);
        if (!strstr(why, cases[i].words))
            fail_msg("%s: %s", cases[i].json, why);
        free(why);
        free(marked);
        threshold_list_fini(&l);
    }
}

static void stars_stand_for_anything(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {{"*", "", true},
                 {"/cart*", "/cart/7", true},
                 {"*cart", "/cart", true},
                 {"/a*c*e", "/abcde", true},
                 {"/a*c*e", "/abcd", false},
                 {"\\*", "*", true},
                 {"\\*", "x", false},
                 {"", "", true},
                 {"", "x", false},
                 {"a**b", "ab", true},
                 {"*aab", "aaab", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (threshold_glob(cases[i].pattern, cases[i].text) != cases[i].fits)
            fail_msg("%s %s", cases[i].pattern, cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k6_thresholds_are_taken_as_they_stand),
        cmocka_unit_test(what_k6_refuses_is_refused_with_its_column),
        cmocka_unit_test(our_thresholds_say_what_they_say),
        cmocka_unit_test(goodput_says_what_workers_are_to_count),
        cmocka_unit_test(what_follows_a_comma_is_kept),
        cmocka_unit_test(what_is_no_threshold_is_told_with_its_column),
        cmocka_unit_test(tables_lists_and_k6_dictionaries_are_one_list),
        cmocka_unit_test(what_is_wrong_in_a_list_names_its_place),
        cmocka_unit_test(what_a_class_has_is_of_its_requests),
        cmocka_unit_test(what_agrees_may_stand_in_both_places),
        cmocka_unit_test(what_is_wrong_in_a_file_names_its_line),
        cmocka_unit_test(stars_stand_for_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
