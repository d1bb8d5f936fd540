// SPDX-License-Identifier: MIT
/* Feeds the response parser and the decoders; see response_driver.h for what is asserted. */
#include "tests/fuzz/response_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    response_drive(bytes, len);
    return 0;
}
