// SPDX-License-Identifier: MIT
/* Feeds what a server might send as messages of gRPC, in pieces, and what of it is compressed; see
 * grpc_driver.h for what is asserted. */
#include "tests/fuzz/grpc_driver.h"
#include "worker/grpc/coding.h"
#include "worker/grpc/text.h"

enum { MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct grpc_driven d;
    struct sbuf out = {0};
    if (len < 2)
        return 0;
    grpc_drive(bytes + 1, len - 1, bytes[0] ? bytes[0] : SIZE_MAX, MOST, &d);
    grpc_decompress(bytes[0] & 1 ? GRPC_GZIP : GRPC_DEFLATE, (const char *)bytes + 1, len - 1, MOST,
                    &out);
    assert(out.len <= MOST + 1);
    sbuf_clear(&out);
    grpc_add_unescaped(&out, (const char *)bytes, len);
    assert(out.len <= len);
    sbuf_clear(&out);
    grpc_add_from_base64(&out, (const char *)bytes, len);
    assert(out.len <= len);
    sbuf_fini(&out);
    return 0;
}
