// SPDX-License-Identifier: MIT
#pragma once
/* http1: HTTP/1.1 behind the client's seam. */
#include "worker/proto/protocol.h"

extern const struct protocol http1; /* one exchange at a time on a connection */
extern const struct tunnel http1_tunnel;
