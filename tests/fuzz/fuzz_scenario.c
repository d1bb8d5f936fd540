// SPDX-License-Identifier: MIT
/* Any text as a scenario: one that is taken is written as a text that says the same, as a changed
 * or throttled one is, and anything else is an error with words. The first byte says when it is
 * changed. */
#include "common/plan/scenario.h"
#include "common/base/sbuf.h"
#include "tests/fuzz/fuzz.h"

/* What was written is read, and is written as the same. */
static void reads_again(const struct sbuf *text)
{
    struct scenario s;
    struct sbuf again = {0};
    char *why = NULL;
    MUST(text->len > 0 && scenario_read(&s, text->data, &why) && !why);
    scenario_write(&s, &again);
    MUST(strcmp(again.data, text->data) == 0);
    scenario_fini(&s);
    sbuf_fini(&again);
}

static void change(const struct scenario *s, const struct scenario_change *c)
{
    struct sbuf out = {0};
    struct scenario other;
    char *why = NULL;
    const bool is_changed = scenario_changed(s, c, &out, &why);
    fuzz_why(is_changed, why);
    why = NULL;
    if (is_changed) {
        MUST(scenario_read(&other, out.data, &why));
        scenario_fini(&other);
    }
    sbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct scenario s;
    struct sbuf out = {0};
    char *text = fuzz_text(data + 1, size - 1), *why = NULL;
    const bool is_read = scenario_read(&s, text, &why);
    fuzz_why(is_read, why);
    why = NULL;
    if (is_read) {
        const int64_t at = (int64_t)data[0] * 500000000;
        scenario_write(&s, &out);
        reads_again(&out);
        sbuf_clear(&out);
        scenario_describe(&s, &out);
        MUST(out.len > 0 && !strchr(out.data, '\n'));
        change(&s, &(struct scenario_change){.at_ns = at, .level = "7"});
        change(&s, &(struct scenario_change){.at_ns = at, .stages = "30s:20,1m:5"});
        change(&s, &(struct scenario_change){.at_ns = at, .resumed_ns = at + 5000000000});
        sbuf_clear(&out);
        fuzz_why(scenario_throttled(&s, at, "50/s", &out, &why), why);
        scenario_fini(&s);
    }
    sbuf_fini(&out);
    free(text);
    return 0;
}
