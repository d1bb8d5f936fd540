// SPDX-License-Identifier: MIT
/* Feeds what a server might say to HTTP/2; see http2_driver.h for what is asserted. */
#include "tests/fuzz/http2_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct driven d;
    if (len)
        http2_drive(bytes + 1, len - 1, bytes[0] ? bytes[0] : SIZE_MAX, &d);
    return 0;
}
