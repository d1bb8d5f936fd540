// SPDX-License-Identifier: MIT
#pragma once
/* route: which handler answers a request, by path and method; what a path takes is said where it is
 * not taken. Several routes may have one path, with other methods. */
#include "master/web/request.h"

struct route_found {
    const struct route *route;     /* NULL: none of this path and method */
    char piece[REQUEST_PIECE_MAX]; /* of the path, where the route's has a parameter */
    char allowed[64];              /* what the path takes; "": there is no such path */
};
struct route_found route_find(const struct routes *const *tables, size_t count, const char *path,
                              const char *method);
/* Of a path that there is: the handler's answer, or a refusal. */
int route_call(struct request *r, const struct route_found *f);
bool route_is_read(const char *method); /* GET and HEAD */
