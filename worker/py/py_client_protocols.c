// SPDX-License-Identifier: MIT
/* Which protocols the HTTP clients speak: the one place of this folder that knows them by name. */
#include "worker/py/py_client_site.h"

#include "worker/http1/http1.h" /* LINT: layer what is wired together here */

const struct protocols *client_protocols(void)
{
    static const struct protocol *const list[] = {&http1, NULL};
    static const struct protocols protocols = {
        .list = list, .plain = &http1, .tunnel = &http1_tunnel};
    return &protocols;
}
