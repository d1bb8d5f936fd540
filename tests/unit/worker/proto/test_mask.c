// SPDX-License-Identifier: MIT
#include "common/base/sbuf.h"
#include "worker/proto/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
    (void)state;
    static const char *const secret[] = {
        "Authorization", "proxy-authorization", "Cookie",   "Set-Cookie", "X-API-Key",
        "csrf_token",    "clientSecret",        "PASSWORD", "passwd"};
    static const char *const open[] = {"Accept", "Content-Type", "Host", "X-Request-Id", ""};
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        if (!mask_is_secret(secret[i], strlen(secret[i])))
            fail_msg("%s is shown", secret[i]);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (mask_is_secret(open[i], strlen(open[i])))
            fail_msg("%s is hidden", open[i]);
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *masked;
    } cases[] = {
        {"", ""},
        {"nothing to hide, not even a word: password",
         "nothing to hide, not even a word: password"},
        {"user=a&password=b&x=1", "user=a&password=(masked)&x=1"},
        {"token=", "token="},
        {"{\"password\": \"a\\\"b\", \"n\": 1}", "{\"password\": \"(masked)\", \"n\": 1}"},
        {"{\"token\":123,\"n\":1}", "{\"token\":(masked)"},
        {"{\"secret\": {\"a\": 1, \"token\": \"x\"}}",
         "{\"secret\": {\"a\": 1, \"token\": \"(masked)\"}}"},
        {"{'api_key': 'k', 'n': 1}", "{'api_key': '(masked)', 'n': 1}"},
        {"{\"password\": \"cut off in the mid", "{\"password\": \"(masked)"},
        {"<login><password>p</password></login>", "<login><password>(masked)</password></login>"},
        {"Authorization: Bearer abc def\r\nHost: x", "Authorization: (masked)\r\nHost: x"},
        {"http://u:pw@host/?a=1&access_token=t#f",
         "http://u:(masked)@host/?a=1&access_token=(masked)"},
        {"http://host:80/a@b", "http://host:80/a@b"},
        {"form-data; name=\"password\"\r\n\r\nhunter2\r\n--b--",
         "form-data; name=\"password\"\r\n\r\n(masked)\r\n--b--"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sbuf out = {0};
        mask_text(&out, cases[i].text, strlen(cases[i].text));
        const char *got = out.data ? out.data : "";
        if (strncmp(got, cases[i].masked, strlen(cases[i].masked)) != 0)
            fail_msg("%s\n gives %s", cases[i].text, got);
        sbuf_fini(&out);
    }
}

/* Every beginning of a text is masked without looking behind its end, and never shows the secret.
 */
static void test_cut_anywhere(void **state)
{
    (void)state;
    const char *text =
        "a=1&password=SECRET&u=http://x:SECRET@h/{\"token\": \"SECRET\"}<secret>SECRET";
    for (size_t len = 0; len <= strlen(text); len++) {
        char *exact = malloc(len + !len);
        struct sbuf out = {0};
        memcpy(exact, text, len);
        mask_text(&out, exact, len);
        if (out.data && len > 50 && strstr(out.data, "=SECRET"))
            fail_msg("shown: %s", out.data);
        sbuf_fini(&out);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
