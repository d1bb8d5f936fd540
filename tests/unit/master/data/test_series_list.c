// SPDX-License-Identifier: MIT
#include "master/data/series_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_latest_of_a_gauge_is_who_said_its_value(void **state)
{
    struct series_said said[] = {{"a", 1, 10}, {"b", 2, 12}, {"c", 3, 12}, {"d", 4, 11}};
    struct series_row row = {.kind = METRIC_GAUGE, .said = said, .said_count = 4};
    (void)state;
    for (int i = 1; i <= 2; i++) { /* two at the same time: the one that was merged last */
        row.last = said[i].value;
        assert_string_equal(series_row_latest(&row)->worker, said[i].worker);
    }
    row.last = 7; /* of a worker that is no longer among them */
    assert_true(series_row_latest(&row)->at == 12);
    row.said_count = 0;
    assert_null(series_row_latest(&row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_of_a_gauge_is_who_said_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
