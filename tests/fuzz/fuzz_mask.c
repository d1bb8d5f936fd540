// SPDX-License-Identifier: MIT
/* Any bytes as a body that is shown: what is hidden once stays so, and what is called a secret is
 * not to be seen, whatever stands around it. */
#include "common/base/sbuf.h"
#include "tests/fuzz/fuzz.h"
#include "worker/proto/mask.h"

static const char SECRET[] = "&password=Zq0Zq1Zq2Zq3&";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sbuf out = {0}, again = {0};
    if (size < 1)
        return 0;
    char *copy = malloc(size);
    memcpy(copy, data, size);
    mask_is_secret(copy, size);
    mask_text(&out, copy, size);
    MUST(out.len <= size * (sizeof MASKED + 1));
    mask_text(&again, out.data, out.len);
    MUST(again.len <= out.len * (sizeof MASKED + 1));
    free(copy);
    if (!memmem(data, size, "Zq", 2) && !memchr(data, '<', size) && !memchr(data, '"', size) &&
        !memchr(data, '\'', size)) {
        sbuf_clear(&out);
        sbuf_clear(&again);
        sbuf_add(&out, data, size);
        sbuf_adds(&out, SECRET);
        mask_text(&again, out.data, out.len);
        MUST(!memmem(again.data, again.len, "Zq0Zq1Zq2Zq3", 12));
    }
    sbuf_fini(&out);
    sbuf_fini(&again);
    return 0;
}
