// SPDX-License-Identifier: MIT
#include "common/wire/pack.h"

#include "common/wire/report_parts.h"

#include <string.h>

static msgpack_packer packer(struct sbuf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, report_to_sbuf);
    return pk;
}

void pack_map(struct sbuf *out, size_t pairs)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_map(&pk, pairs);
}

void pack_array(struct sbuf *out, size_t values)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_array(&pk, values);
}

void pack_chars(struct sbuf *out, const char *text, size_t len)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_str(&pk, len);
    if (len)
        msgpack_pack_str_body(&pk, text, len);
}

void pack_text(struct sbuf *out, const char *text)
{
    if (text)
        pack_chars(out, text, strlen(text));
    else
        pack_nil(out);
}

void pack_number(struct sbuf *out, double number)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_double(&pk, number);
}

void pack_whole(struct sbuf *out, uint64_t number)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_uint64(&pk, number);
}

void pack_nil(struct sbuf *out)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_nil(&pk);
}
