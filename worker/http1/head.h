// SPDX-License-Identifier: MIT
#pragma once
#include "common/base/sbuf.h"
#include "worker/proto/client.h"

/* Appends the head of a request as HTTP/1.1 writes it, blank line included. */
void head_write(struct sbuf *out, const struct fetch_request *r);
