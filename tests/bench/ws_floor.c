// SPDX-License-Identifier: MIT
/* ws_floor: what the system alone costs a WebSocket echo, for `make bench`.
 *
 *   ws_floor HOST:PORT CONNECTIONS [stamps]
 *
 * Each connection sends a frame of 32 bytes, and the next one as soon as anything came back: the
 * bytes are looked at by nobody, so that a wait, a read and a write are all there is. stamps: the
 * kernel says of each read when its bytes came, as ours has it. Runs until it is ended.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define PAYLOAD 32
#define HANDSHAKE                                                                                  \
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"           \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static char frame[6 + PAYLOAD] = {(char)0x81, (char)(0x80 | PAYLOAD)}; /* masked with zeros */
static char control[CMSG_SPACE(sizeof(struct timespec))] __attribute__((aligned(8)));

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in address(char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char *port = strchr(text, ':');
    must(port != NULL, "HOST:PORT");
    *port++ = 0;
    a.sin_port = htons((uint16_t)atoi(port));
    must(inet_pton(AF_INET, text, &a.sin_addr) == 1, "host");
    return a;
}

static int open_one(const struct sockaddr_in *to, bool has_stamps)
{
    char answer[1024];
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fd, (const struct sockaddr *)to, sizeof *to) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (has_stamps)
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    must(send(fd, HANDSHAKE, sizeof HANDSHAKE - 1, 0) > 0, "handshake");
    must(recv(fd, answer, sizeof answer, 0) > 12 && !memcmp(answer + 9, "101", 3), "answer");
    return fd;
}

static void echo(int fd, bool has_stamps)
{
    static char in[65536];
    struct iovec part = {in, sizeof in};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = has_stamps ? control : NULL,
                             .msg_controllen = has_stamps ? sizeof control : 0};
    must(recvmsg(fd, &message, 0) > 0, "read");
    must(send(fd, frame, sizeof frame, MSG_NOSIGNAL) == sizeof frame, "write");
}

int main(int argc, char **argv)
{
    must(argc > 2, "ws_floor HOST:PORT CONNECTIONS [stamps]");
    const struct sockaddr_in to = address(argv[1]);
    const bool has_stamps = argc > 3;
    const int poll_fd = epoll_create1(0), count = atoi(argv[2]);
    memset(frame + 6, 'x', PAYLOAD);
    for (int i = 0; i < count; i++) {
        const int fd = open_one(&to, has_stamps);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        must(epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
        must(send(fd, frame, sizeof frame, MSG_NOSIGNAL) == sizeof frame, "write");
    }
    for (;;) {
        struct epoll_event events[256];
        const int n = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < n; i++)
            echo(events[i].data.fd, has_stamps);
    }
}
