// SPDX-License-Identifier: MIT
/* Any bytes as a file of times that a scenario replays: they are a list that a scenario takes, or
 * an error with words. */
#include "master/app/replay.h"
#include "common/base/sbuf.h"
#include "common/plan/scenario.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf text = {0};
    struct scenario s;
    char *why = NULL;
    sbuf_addf(&text, "a:ramping-arrival-rate:stages=replay(%s)", fuzz_file(data, size));
    char *resolved = replay_resolved(text.data, &why);
    fuzz_why(resolved, why);
    why = NULL;
    if (resolved) {
        const bool is_read = scenario_read(&s, resolved, &why);
        fuzz_why(is_read, why);
        if (is_read)
            scenario_fini(&s);
    }
    free(resolved);
    sbuf_fini(&text);
    return 0;
}
