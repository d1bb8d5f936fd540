// SPDX-License-Identifier: MIT
#pragma once
/* front_head: as much of a request's head as the front must know to wait for a whole request.
 *
 * It decides nothing: civetweb parses the same bytes again. A head that it reads otherwise only
 * waits too long or too short. Pure.
 */
#include <stdbool.h>
#include <stddef.h>

struct front_head {
    size_t line_len; /* of the first line, with its end */
    size_t head_len; /* with the empty line */
    long long body_len;
    bool expects;    /* the client waits for 100 Continue before its body */
    bool is_upgrade; /* to a socket that stays */
    bool is_chunked; /* a body of unknown length, which nobody here takes */
};

/* false: the head has not ended yet. */
bool front_head_read(const char *bytes, size_t len, struct front_head *h);
