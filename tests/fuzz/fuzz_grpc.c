// SPDX-License-Identifier: MIT
/* Feeds what a server might send as messages of gRPC, in pieces, and what of it is compressed; see
 * grpc_driver.h for what is asserted. */
#include "tests/fuzz/grpc_driver.h"
#include "worker/grpc/coding.h"
#include "worker/grpc/status.h"
#include "worker/grpc/text.h"

enum { MOST = 1 << 16 };

/* As what the trailers say, and the type of the answer. */
static void as_status(const uint8_t *bytes, size_t len, struct sbuf *out)
{
    const char *text = (const char *)bytes;
    const uint32_t n = (uint32_t)len;
    const struct fetch_header trailers[] = {{"grpc-status", text, 11, n < 4 ? n : 4},
                                            {"grpc-message", text, 12, n}},
                              type = {"content-type", text, 12, n};
    const struct fetch_response told = {.status = 200, .trailers = trailers, .trailer_count = 2},
                                untold = {.status = 100 + bytes[0] * 2,
                                          .headers = &type,
                                          .header_count = 1};
    assert(grpc_status_of(&told, false, out) < GRPC_STATUS_COUNT && out->len <= len);
    grpc_has_messages(&untold);
    assert(grpc_status_of(&untold, false, out) < GRPC_STATUS_COUNT);
}

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
    sbuf_clear(&out);
    as_status(bytes, len, &out);
    sbuf_fini(&out);
    return 0;
}
