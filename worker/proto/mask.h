// SPDX-License-Identifier: MIT
#pragma once
/* mask: keeps secrets out of what is shown to people. Pure.
 *
 * What a value is called decides: names with authorization, cookie, token, secret, passw, api key
 * or credential in them. It errs towards hiding: a field max_tokens is hidden too.
 */
#include <stdbool.h>
#include <stddef.h>

struct sbuf;

#define MASKED "(masked)"

/* Whether a header or field of that name holds a secret. */
bool mask_is_secret(const char *name, size_t len);

/* Appends text with the values of secret fields replaced: of forms and queries (a=b), JSON, YAML
 * and header lines ("a": "b"), XML elements, and parts of multipart forms; and user:password of
 * URLs. */
void mask_text(struct sbuf *out, const char *text, size_t len);
