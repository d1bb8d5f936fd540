// SPDX-License-Identifier: MIT
#include "master/web/route.h"
#include "master/web/path.h"
#include "master/web/reply.h"
#include <stdio.h>
#include <string.h>

bool route_is_read(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool is_listed(const char *methods, const char *method)
{
    size_t len = strlen(method);
    for (const char *at = methods; len > 0 && (at = strstr(at, method)) != NULL; at += len)
        if (at[len] == '\0' || at[len] == ',')
            return true;
    return false;
}

struct route_found route_find(const struct routes *const *tables, size_t count, const char *path,
                              const char *method)
{
    struct route_found f = {.route = NULL};
    char piece[REQUEST_PIECE_MAX];
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            const struct route *route = &tables[t]->routes[i];
            if (!path_fits(route->path, path, piece, sizeof piece))
                continue;
            const bool takes_reads = strcmp(route->method, "GET") == 0;
            const size_t len = strlen(f.allowed);
            snprintf(f.allowed + len, sizeof f.allowed - len, "%s%s, ", route->method,
                     takes_reads ? ", HEAD" : "");
            if (f.route != NULL ||
                !(takes_reads ? route_is_read(method) : is_listed(route->method, method)))
                continue;
            f.route = route;
            memcpy(f.piece, piece, sizeof piece);
        }
    if (f.allowed[0] != '\0')
        snprintf(f.allowed + strlen(f.allowed), sizeof f.allowed - strlen(f.allowed), "OPTIONS");
    return f;
}

int route_call(struct request *r, const struct route_found *f)
{
    if (f->route != NULL) {
        memcpy(r->piece, f->piece, sizeof r->piece);
        return f->route->handle(r);
    }
    if (strcmp(r->method, "OPTIONS") == 0)
        return reply_options(r->conn, f->allowed);
    return reply_method(r->conn, f->allowed);
}
