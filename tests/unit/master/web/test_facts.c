// SPDX-License-Identifier: MIT
/* facts: what scripts look for in Locust's page and report. */
#include "master/web/facts.h"

#include "common/base/sbuf.h"
#include "master/data/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct view demo(double seconds)
{
    return (struct view){.state = "running",
                         .locustfile = "ba'se</script>.py",
                         .host = "https://shop.test/?a=1&b=<c>",
                         .users = 7,
                         .now = 1700000000 + seconds,
                         .started_at = 1700000000};
}

static void the_page_says_what_locusts_says(void **state)
{
    struct sbuf html = {0};
    struct view v = demo(1);
    (void)state;
    facts_add_page(&html, &v);
    assert_non_null(strstr(html.data, "\"state\": \"running\""));
    assert_non_null(strstr(html.data, "\"user_count\": 7"));
    assert_non_null(strstr(html.data, "\"is_distributed\": false"));
    assert_non_null(strstr(html.data, "ba\\u0027se\\u003c/script\\u003e.py"));
    const char *end = strstr(html.data, "</script>"); /* the block's own, and no other */
    assert_string_equal(end, "</script>\n");
    sbuf_fini(&html);
}

static void the_report_names_file_host_and_time(void **state)
{
    static const struct {
        double seconds;
        const char *duration;
    } cases[] = {{0.9, "0 seconds"},
                 {1, "1 second"},
                 {61, "1 minute and 1 second"},
                 {3600, "1 hour"},
                 {7384, "2 hours, 3 minutes and 4 seconds"},
                 {90061, "1 day, 1 hour, 1 minute and 1 second"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sbuf html = {0}, want = {0};
        struct view v = demo(cases[i].seconds);
        facts_add_report(&html, &v);
        sbuf_addf(&want, "\"duration\": \"%s\"", cases[i].duration);
        assert_non_null(strstr(html.data, want.data));
        assert_non_null(strstr(html.data, "\"start_time\": \"2023-11-14T22:13:20Z\""));
        assert_non_null(strstr(html.data, "https://shop.test/?a=1\\u0026b=\\u003cc\\u003e"));
        assert_non_null(strstr(html.data, "\"show_download_link\": false"));
        sbuf_fini(&html);
        sbuf_fini(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_says_what_locusts_says),
        cmocka_unit_test(the_report_names_file_host_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
