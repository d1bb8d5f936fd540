// SPDX-License-Identifier: MIT
#pragma once
/* http_reason: the words of a status code (RFC 9110 15), for answers that carry none, and ours. */

/* Static; NULL for a status that has none here. */
const char *http_reason(int status);
