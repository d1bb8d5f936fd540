// SPDX-License-Identifier: MIT
/* A WebSocket server for the bench: sends each message back. So lean that it is never what limits a
 * generator; short frames only. Prints its port; GET /count says how many
 * messages came back, /open how many sockets there are. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/sbuf.h"
#include "worker/websocket/frame.h"

static struct event_base *base;
static uint64_t count, open_count;

struct client {
    bool is_open;
    struct sbuf in;
};

static void answer_head(struct bufferevent *b, struct client *c, const char *end)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *key = strcasestr(c->in.data, "sec-websocket-key:");
    char text[128];
    unsigned char hash[SHA_DIGEST_LENGTH], accept[32];
    if (!key) {
        const bool is_open = !strncmp(c->in.data, "GET /open ", 10);
        const int n =
            snprintf(text, sizeof text, "%llu", (unsigned long long)(is_open ? open_count : count));
        evbuffer_add_printf(bufferevent_get_output(b),
                            "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, text);
    } else {
        for (key += 18; *key == ' '; key++)
            continue;
        const int n = snprintf(text, sizeof text, "%.24s%s", key, guid);
        SHA1((const unsigned char *)text, (size_t)n, hash);
        EVP_EncodeBlock(accept, hash, sizeof hash);
        evbuffer_add_printf(bufferevent_get_output(b),
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                            accept);
        c->is_open = true;
        open_count++;
    }
    const size_t used = (size_t)(end + 4 - c->in.data);
    memmove(c->in.data, end + 4, c->in.len - used);
    c->in.len -= used;
}

static void echo(struct bufferevent *b, struct client *c)
{
    static struct sbuf out;
    size_t at = 0;
    sbuf_clear(&out);
    for (;;) {
        struct ws_head head;
        const int n = ws_head_read((const uint8_t *)c->in.data + at, c->in.len - at, &head);
        if (n <= 0 || c->in.len - at < (size_t)n + 4 + head.len)
            break;
        char *payload = c->in.data + at + n + 4;
        uint32_t mask;
        memcpy(&mask, payload - 4, sizeof mask);
        ws_mask(payload, payload, head.len, mask);
        sbuf_addc(&out, (char)(0x80 | (head.opcode == WS_PING ? WS_PONG : head.opcode)));
        if (head.len < 126) {
            sbuf_addc(&out, (char)head.len);
        } else {
            sbuf_addc(&out, 126);
            sbuf_addc(&out, (char)(head.len >> 8));
            sbuf_addc(&out, (char)head.len);
        }
        sbuf_add(&out, payload, head.len);
        at += (size_t)n + 4 + head.len;
        count++;
    }
    memmove(c->in.data, c->in.data + at, c->in.len - at);
    c->in.len -= at;
    if (out.len)
        bufferevent_write(b, out.data, out.len);
}

static void on_read(struct bufferevent *b, void *arg)
{
    struct client *c = arg;
    struct evbuffer *in = bufferevent_get_input(b);
    const size_t n = evbuffer_get_length(in);
    sbuf_reserve(&c->in, n + 1);
    evbuffer_remove(in, c->in.data + c->in.len, n);
    c->in.len += n;
    c->in.data[c->in.len] = 0;
    const char *end;
    while (!c->is_open && c->in.len && (end = strstr(c->in.data, "\r\n\r\n")) != NULL)
        answer_head(b, c, end);
    if (c->is_open && c->in.len)
        echo(b, c);
}

static void on_end(struct bufferevent *b, short what, void *arg)
{
    struct client *c = arg;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    open_count -= c->is_open;
    sbuf_fini(&c->in);
    free(c);
    bufferevent_free(b);
}

static void on_connection(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int len,
                          void *arg)
{
    (void)l, (void)a, (void)len, (void)arg;
    struct client *c = calloc(1, sizeof *c);
    struct bufferevent *b = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(b, on_read, NULL, on_end, c);
    bufferevent_enable(b, EV_READ | EV_WRITE);
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    base = event_base_new();
    struct evconnlistener *l = evconnlistener_new_bind(base, on_connection, NULL,
                                                       LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                                                       4096, (struct sockaddr *)&at, sizeof at);
    if (!l || getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &len) != 0)
        return 1;
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return event_base_dispatch(base);
}
