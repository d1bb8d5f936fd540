// SPDX-License-Identifier: MIT
/* page: see page.h. */
#include "master/web/page.h"

#include "master/web/bridge.h"
#include "master/web/asset.h"
#include "master/web/door.h"
#include "master/web/facts.h"
#include "master/web/reply.h"
#include "master/web/request.h"

#include <string.h>

/* Before its script has asked: else it would show for a moment what a role may not do. Of a token's
 * name (tokens.h) nothing can end the block. */
static void add_who(const struct request *r, struct sbuf *html)
{
    sbuf_adds(html, "<script type=\"application/json\" id=\"who\">");
    door_add_who(r, html);
    sbuf_adds(html, "</script>\n");
}

/* The page, and in its head who looks at it, and what scripts look for in Locust's. v: NULL as long
 * as there is none. */
static bool add_page(const struct asset *page, const struct request *r, const struct view *v,
                     struct sbuf *html)
{
    struct sbuf plain = {0};
    const char *end = asset_inflate(page, &plain) ? strstr(plain.data, "</head>") : NULL;
    if (end != NULL) {
        sbuf_add(html, plain.data, (size_t)(end - plain.data));
        add_who(r, html);
        if (v != NULL)
            facts_add_page(html, v);
        sbuf_adds(html, end);
    }
    sbuf_fini(&plain);
    return end != NULL;
}

int page_get(struct request *r)
{
    const struct asset *page = asset_find("/index.html");
    if (page == NULL)
        return reply_text(r->conn, 200,
                          "This katydid was built without its page (WEBUI=0); the API is at "
                          "api/v1/state, see docs/api.md.\n");
    struct view *v = bridge_view(r->bridge);
    struct sbuf html = {0};
    bool is_made = add_page(page, r, v, &html);
    int status = is_made ? reply_page(r->conn, &html) : reply_asset(r->conn, page);
    if (v != NULL)
        view_unref(v);
    sbuf_fini(&html);
    return status;
}
