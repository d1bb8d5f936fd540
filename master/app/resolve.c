// SPDX-License-Identifier: MIT
/* See resolve.h. */
#include "master/app/resolve.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

static bool has_proxy(void)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy",
                                        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return true;
    }
    return false;
}

/* The host of "scheme://user:password@host:port/path"; NULL: a Unix socket has none. */
static char *host_of(const char *url)
{
    const char *start = strstr(url, "://");
    if (!start || strncasecmp(url, "http+unix:", 10) == 0)
        return NULL;
    start += 3;
    size_t len = strcspn(start, "/?#");
    for (size_t i = len; i-- > 0;)
        if (start[i] == '@') {
            start += i + 1;
            len -= i + 1;
            break;
        }
    if (len > 0 && start[0] == '[') {
        start++;
        len = strcspn(start, "]");
    } else {
        len = strcspn(start, ":/?#");
    }
    return len > 0 ? mem_dup(start, len) : NULL;
}

int resolve_check(const char *url, char **why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char *host = has_proxy() ? NULL : host_of(url);
    if (!host)
        return 0;
    int rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc == 0)
        freeaddrinfo(found);
    if (rc != 0) {
        struct sbuf text = {0};
        sbuf_addf(&text,
                  "the host %s of %s does not resolve (%s): check the spelling of --host, or the "
                  "DNS of this machine",
                  host, url, gai_strerror(rc));
        *why = sbuf_take(&text);
    }
    free(host);
    return rc == 0 ? 0 : -1;
}
