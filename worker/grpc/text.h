// SPDX-License-Identifier: MIT
#pragma once
/* text: values of gRPC's headers. Pure. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

#define GRPC_TIMEOUT_ROOM 12
/* At most eight digits and a unit, rounded up; returns its length. */
size_t grpc_timeout_text(uint64_t ns, char text[GRPC_TIMEOUT_ROOM]);

/* Percent-encoded UTF-8. An escape that is none stands for itself. */
void grpc_add_unescaped(struct sbuf *out, const char *text, size_t len);

void grpc_add_base64(struct sbuf *out, const void *bytes, size_t len); /* without padding */
/* With padding or without. False: it is none; then out is as it was. */
bool grpc_add_from_base64(struct sbuf *out, const char *text, size_t len);

/* Of metadata that users give: lower case, digits, _ - . */
bool grpc_is_key(const char *key, size_t len);
bool grpc_is_binary(const char *key, size_t len);  /* ends in -bin */
bool grpc_is_value(const char *value, size_t len); /* visible ASCII and blanks */
/* Headers that are gRPC's or HTTP's own, in an answer. */
bool grpc_is_reserved(const char *name, size_t len);
