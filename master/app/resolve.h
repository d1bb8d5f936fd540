// SPDX-License-Identifier: MIT
#pragma once
/* resolve: does the name in the target's URL exist? Asked once, before an automatic start, so that
 * a typing error does not become a run full of failures. Blocks as long as the resolver does. */

/* 0 when the host of the URL resolves, when it is an address, or when a proxy is set (then only
 * the proxy has to know it). Else -1 with a sentence in *why (malloced). */
int resolve_check(const char *url, char **why);
