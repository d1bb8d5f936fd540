// SPDX-License-Identifier: MIT
#pragma once
/* coding: compressed messages. Loop thread only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

/* The numbers are those of grpc.Compression. */
enum grpc_coding { GRPC_IDENTITY, GRPC_DEFLATE, GRPC_GZIP, GRPC_CODINGS };

const char *grpc_coding_name(enum grpc_coding coding);
/* GRPC_CODINGS: not one of them. */
enum grpc_coding grpc_coding_of(const char *name, size_t len);

/* Appended to out. */
void grpc_compress(enum grpc_coding coding, const char *bytes, size_t len, struct sbuf *out);

enum grpc_inflated { GRPC_INFLATED, GRPC_INFLATED_TOO_LARGE, GRPC_NOT_INFLATED };
/* Into out, which is empty; no more than most bytes, whatever the input makes of itself. */
enum grpc_inflated grpc_decompress(enum grpc_coding coding, const char *bytes, size_t len,
                                   uint64_t most, struct sbuf *out);
