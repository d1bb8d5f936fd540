// SPDX-License-Identifier: MIT
#pragma once
/* http_coding: whether a client takes an answer in a content coding (RFC 9110 12.5.3). */
#include <stdbool.h>

/* accept_encoding: the value of the header, NULL where the client sent none, which takes nothing
 * but the plain text here. coding: such as "gzip", in any case. */
bool http_takes_coding(const char *accept_encoding, const char *coding);
