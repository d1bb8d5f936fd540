// SPDX-License-Identifier: MIT
#pragma once
/* proto_json: pieces of messages, and msgpack from and to JSON. */
#include "common/base/sbuf.h"
#include <stdbool.h>
#include <stddef.h>

struct slice { /* borrowed bytes, not NUL-terminated */
    const char *data;
    size_t len;
};

/* Any msgpack value as JSON: text of any bytes, numbers that are none become null. false:
 * malformed. */
bool proto_to_json(struct slice value, struct sbuf *out);

/* A JSON object as msgpack. false and *wrong when it is none. */
struct json_wrong {
    char text[160];
};
bool proto_from_json(const char *text, struct sbuf *out, struct json_wrong *wrong);

void proto_pack_text(struct sbuf *out, const char *text); /* one msgpack string */
