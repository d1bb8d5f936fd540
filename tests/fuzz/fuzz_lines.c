// SPDX-License-Identifier: MIT
/* Any bytes as a file of lines, plain, of gzip or of zstd: those of a plain one are all of it, and
 * none is longer than may be. */
#include "master/store/line_reader.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *why = NULL;
    const char *line;
    size_t len, sum = 0, count = 0;
    struct line_reader *r = line_reader_open(fuzz_file(data, size), &why);
    MUST(!r == !!why);
    while (r && count < 100000 && (line = line_reader_next(r, &len, &why))) {
        MUST(!why && len <= LINE_MOST && !memchr(line, '\n', len));
        sum += len;
        count++;
    }
    const bool is_packed = size > 1 && ((data[0] == 0x1f && data[1] == 0x8b) || data[0] == 0x28);
    MUST(is_packed || why || sum + count >= size);
    free(why);
    line_reader_close(r);
    return 0;
}
