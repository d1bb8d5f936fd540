// SPDX-License-Identifier: MIT
#pragma once
/* http2: HTTP/2 (RFC 9113) behind the client's seam, by nghttp2. */
#include "worker/proto/protocol.h"

extern const struct protocol http2; /* many exchanges side by side on a connection */
