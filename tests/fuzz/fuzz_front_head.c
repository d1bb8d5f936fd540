// SPDX-License-Identifier: MIT
/* Any bytes as the head of a request to the page: it ends at one place, however much of it has
 * come, and what follows it changes nothing. */
#include "master/web/front_head.h"
#include "tests/fuzz/fuzz.h"

static bool read_copy(const uint8_t *data, size_t size, struct front_head *h)
{
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    *h = (struct front_head){0};
    const bool is_whole = front_head_read(copy, size, h);
    free(copy);
    return is_whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct front_head h, cut;
    if (!read_copy(data, size, &h))
        return 0;
    MUST(h.line_len <= h.head_len && h.head_len <= size && h.body_len >= 0);
    MUST(read_copy(data, h.head_len, &cut));
    MUST(cut.line_len == h.line_len && cut.head_len == h.head_len && cut.body_len == h.body_len);
    MUST(cut.expects == h.expects && cut.is_upgrade == h.is_upgrade);
    MUST(cut.is_chunked == h.is_chunked);
    MUST(!h.head_len || !read_copy(data, h.head_len - 1, &cut) || cut.head_len < h.head_len);
    return 0;
}
