// SPDX-License-Identifier: MIT
/* Feeds what a server might say to WebSocket; see websocket_driver.h for what is asserted. */
#include "tests/fuzz/websocket_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct driven whole, cut;
    if (!len)
        return 0;
    const bool deflates = bytes[0] & 1;
    const size_t piece = (bytes[0] >> 1) + 1u;
    websocket_drive(bytes + 1, len - 1, SIZE_MAX, deflates, &whole);
    websocket_drive(bytes + 1, len - 1, piece, deflates, &cut);
    assert(whole.code == cut.code && whole.messages == cut.messages && whole.sum == cut.sum);
    return 0;
}
