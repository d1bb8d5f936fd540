// SPDX-License-Identifier: MIT
/* What a comparison says as Markdown: names of strangers stay names, and a comment takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include "master/store/contrast.h"
#include <stdlib.h>
#include <string.h>

#define COMMENT_MOST 65536 /* characters that GitHub takes */

static char none[] = "", method[] = "GET";

static struct contrast_line line_of(char *name, enum contrast_answer answer)
{
    return (struct contrast_line){.rule = &gate_usual.rules[1],
                                  .method = method,
                                  .name = name,
                                  .change = {.before = 400,
                                             .after = 472,
                                             .change = 1.18,
                                             .low = 1.09,
                                             .high = 1.27,
                                             .is_there = true},
                                  .answer = answer};
}

static char *markdown_of(const struct contrast *c)
{
    struct sbuf out = {0};
    contrast_markdown(c, "branch:main valid 5: 5 runs", "this_run", &out);
    return sbuf_take(&out);
}

static void assert_said(char *name, const char *words)
{
    struct contrast_line line = line_of(name, ANSWER_WORSE);
    struct contrast c = {.remarks = none, .lines = &line, .count = 1, .worse = 1};
    char *text = markdown_of(&c);
    if (!strstr(text, words))
        fail_msg("'%s' is not in '%s'", words, text);
    free(text);
}

static void a_line_has_all_that_is_known(void **state)
{
    char name[] = "/cart";
    (void)state;
    assert_said(name, "| figure | branch:main valid 5: 5 runs | this\\_run | change [95 %] "
                      "| answer |\n|---|---|---|---|---|\n"
                      "| p99 of `GET /cart` | 400 ms | 472 ms | +18.0 % [+9.0, +27.0] | **worse** "
                      "|\n");
    assert_said(name, "95 % intervals; ");
}

/* As code nothing of a name marks up, calls people or refers to anything; a pipe splits a table
 * there too. */
static void names_stay_names(void **state)
{
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"/a*b*_c_<b>[x](http://y)@you#1", "| p99 of `GET /a*b*_c_<b>[x](http://y)@you#1` | 400"},
        {"/a|b", "| p99 of `GET /a\\|b` | 400"},
        {"/a\\|b", "| p99 of `GET /a\\\\\\|b` | 400"},
        {"/a\\\\|b", "| p99 of `GET /a\\\\\\|b` | 400"},
        {"/a`b", "| p99 of ``GET /a`b`` | 400"},
        {"/a``b`", "| p99 of ``` GET /a``b` ``` | 400"},
        {"/a\nb\x1b[1m", "\\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = mem_strdup(cases[i].name);
        assert_said(name, cases[i].words);
        free(name);
    }
}

static void what_is_said_besides_marks_nothing_up(void **state)
{
    char remarks[] = "Of *that* | run. ", refusal[] = "the load differs: '<b>' has [x](y)";
    struct contrast c = {.remarks = remarks, .refusal = refusal};
    (void)state;
    char *text = markdown_of(&c);
    assert_string_equal(text, "Not compared: the load differs: '\\<b\\>' has \\[x\\](y). "
                              "Of \\*that\\* \\| run. \n");
    free(text);
}

static size_t count_of(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

/* The worst 600 lines there can be: long names, of characters that need more than one. */
static void a_comment_takes_it_and_what_is_worse_is_in_it(void **state)
{
    enum { LINES = 600 };
    struct contrast_line *lines = mem_zalloc(LINES * sizeof *lines);
    char *name = mem_zalloc(4096);
    (void)state;
    for (size_t i = 0; i + 3 < 4096; i += 3)
        memcpy(name + i, "ä|", 3);
    for (size_t i = 0; i < LINES; i++)
        lines[i] = line_of(name, i >= LINES - 40 ? ANSWER_WORSE : ANSWER_UNSURE);
    struct contrast c = {.remarks = none, .lines = lines, .count = LINES, .worse = 40};
    char *text = markdown_of(&c);
    assert_true(strlen(text) < COMMENT_MOST);
    assert_int_equal(utf8_valid_prefix(text, strlen(text)), strlen(text));
    assert_int_equal(count_of(text, "**worse**"), 40);
    assert_int_equal(count_of(text, "…` |"), 100);
    assert_non_null(strstr(text, "| 500 more, none of them worse | | | | |\n"));
    free(text);
    c.worse = LINES;
    for (size_t i = 0; i < LINES; i++)
        lines[i].answer = ANSWER_WORSE;
    text = markdown_of(&c);
    assert_non_null(strstr(text, "| 500 more, of which some are worse | | | | |\n"));
    free(text);
    free(name);
    free(lines);
}

/* More seconds where these tell, more runs where they do not; nothing where neither is known. */
static void what_would_tell_is_said_as_people_can_have_it(void **state)
{
    static const struct {
        double seconds, runs;
        const char *words;
    } cases[] = {{240, 0, "| cannot tell (about 240 s more of each run would tell) |\n"},
                 {0, 1, "| cannot tell (about 1 more run of each side would tell) |\n"},
                 {0, 4, "| cannot tell (about 4 more runs of each side would tell) |\n"},
                 {0, 0, "| cannot tell |\n"}};
    char name[] = "/a";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct contrast_line line = line_of(name, ANSWER_UNSURE);
        line.more_s = cases[i].seconds;
        line.more_runs = cases[i].runs;
        struct contrast c = {.remarks = none, .lines = &line, .count = 1, .unsure = 1};
        char *text = markdown_of(&c);
        assert_non_null(strstr(text, cases[i].words));
        free(text);
    }
}

static void what_cannot_be_told_is_not_called_worse(void **state)
{
    (void)state;
    char refusal[] = "too short";
    struct contrast_line line = {
        .rule = &gate_usual.rules[0], .method = none, .name = none, .answer = ANSWER_UNSURE};
    struct contrast c = {.remarks = none, .lines = &line, .count = 1, .unsure = 1};
    struct sbuf out = {0};
    assert_false(contrast_fails(&c));
    c.fails_unsure = true;
    assert_string_equal(contrast_reason(&c),
                        "cannot tell whether it is worse than the baseline (cant_tell = fail)");
    contrast_markdown(&c, "before", "after", &out);
    assert_non_null(strstr(out.data, "What cannot be told fails here"));
    assert_null(strstr(out.data, "worse |"));
    c.worse = 1;
    assert_string_equal(contrast_reason(&c), "worse than the baseline");
    c.worse = c.unsure = 0;
    assert_false(contrast_fails(&c));
    c.refusal = refusal;
    assert_string_equal(contrast_reason(&c), "not compared with the baseline (cant_tell = fail)");
    sbuf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_all_that_is_known),
        cmocka_unit_test(names_stay_names),
        cmocka_unit_test(what_is_said_besides_marks_nothing_up),
        cmocka_unit_test(a_comment_takes_it_and_what_is_worse_is_in_it),
        cmocka_unit_test(what_would_tell_is_said_as_people_can_have_it),
        cmocka_unit_test(what_cannot_be_told_is_not_called_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
