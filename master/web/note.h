// SPDX-License-Identifier: MIT
#pragma once
/* note: which requests the audit is told of, and in which words. */

struct audit;
struct request;
struct route;

/* Of a request that was answered with `status`. route: of ours; NULL none. audit NULL: nothing. */
void note_request(struct audit *audit, const struct request *r, const struct route *route,
                  int status);
