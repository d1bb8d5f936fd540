// SPDX-License-Identifier: MIT
/* fetch over TLS and through proxies, against servers with good and bad certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/tcp.h>

#include "tests/support/certs.h"
#include "tests/support/fetch_rig.h"
#include "tests/support/peer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define BIG (8u << 20)

static char dir[] = "/tmp/test_fetch_tls.XXXXXX";
static char ca_path[64], client_path[64], other_path[64];
static struct cert ca, other_ca, good, expired, elsewhere, lonely, client;

static int make_certs(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    ca = cert_make(&(struct cert_plan){.name = "Test CA"});
    other_ca = cert_make(&(struct cert_plan){.name = "Other CA"});
    const char *here = "DNS:localhost,IP:127.0.0.1";
    good = cert_make(&(struct cert_plan){.name = "x", .san = here, .issuer = &ca});
    expired = cert_make(&(struct cert_plan){
        .name = "x", .san = here, .from_days = -9, .until_days = -1, .issuer = &ca});
    elsewhere = cert_make(
        &(struct cert_plan){.name = "x", .san = "DNS:example.org,IP:127.0.0.9", .issuer = &ca});
    lonely = cert_make(&(struct cert_plan){.name = "x", .san = here});
    client = cert_make(&(struct cert_plan){.name = "user", .san = "DNS:user", .issuer = &ca});
    snprintf(ca_path, sizeof ca_path, "%s/ca.pem", dir);
    snprintf(other_path, sizeof other_path, "%s/other.pem", dir);
    snprintf(client_path, sizeof client_path, "%s/client.pem", dir);
    cert_write(&ca, ca_path);
    cert_write(&other_ca, other_path);
    cert_write(&client, client_path);
    return 0;
}

static int drop_certs(void **state)
{
    (void)state;
    struct cert *all[] = {&ca, &other_ca, &good, &expired, &elsewhere, &lonely, &client};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cert_free(all[i]);
    unlink(ca_path);
    unlink(other_path);
    unlink(client_path);
    rmdir(dir);
    return 0;
}

/* ---- the server ---- */

static void serve_big(struct peer_conn *c)
{
    static const char block[1 << 16];
    char head[64];
    snprintf(head, sizeof head, OK_HEAD "Content-Length: %u\r\n\r\n", BIG);
    peer_say(c, head);
    for (unsigned sent = 0; sent < BIG; sent += sizeof block)
        peer_send(c, block, sizeof block);
}

static atomic_int notified, ended;

static void serve_facts(struct peer_conn *c)
{
    const char *sni = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
    X509 *from = SSL_get0_peer_certificate(c->ssl);
    char text[256], head[64], subject[64] = "";
    if (from)
        X509_NAME_oneline(X509_get_subject_name(from), subject, sizeof subject);
    snprintf(text, sizeof text, "%s %s %s resumed=%d body=%zu", SSL_get_version(c->ssl),
             sni ? sni : "-", subject, SSL_session_reused(c->ssl),
             c->request_len - (size_t)(strstr(c->request, "\r\n\r\n") + 4 - c->request));
    snprintf(head, sizeof head, OK_HEAD "Content-Length: %zu\r\n\r\n", strlen(text));
    peer_say(c, head);
    peer_say(c, text);
}

static void serve(struct peer_conn *c)
{
    while (peer_read_request(c)) {
        if (peer_asked(c, "/big")) {
            serve_big(c);
        } else if (peer_asked(c, "/garbage")) {
            static const char noise[64] = "this is no TLS record";
            send(c->fd, noise, sizeof noise, MSG_NOSIGNAL);
            return;
        } else if (peer_asked(c, "/bye")) {
            peer_say(c, OK_HEAD "Content-Length: 3\r\n\r\nbye");
            SSL_shutdown(c->ssl);
            return;
        } else if (peer_asked(c, "/notify")) { /* TLS ends, its connection stays */
            const int on = 1; /* the end is not kept back until the answer is confirmed */
            setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            peer_say(c, OK_HEAD "Content-Length: 3\r\n\r\nbye");
            SSL_shutdown(c->ssl);
            notified++;
            ended += peer_await_end(c, 10000);
            return;
        } else {
            serve_facts(c);
        }
    }
}

static struct peer *peer;
static struct rig rig;
static SSL_CTX *ctx;

static struct fetch_target target(const char *host, bool verify)
{
    return (struct fetch_target){.host = host,
                                 .port = peer->port,
                                 .tls = true,
                                 .tls_profile = {.verify = verify, .ca_file = ca_path}};
}

static void start(const struct cert *cert, const char *host, bool verify)
{
    ctx = cert_server(cert);
    peer = peer_start(serve, ctx, NULL);
    const struct fetch_target t = target(host, verify);
    rig_init(&rig, &t, (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
}

static void stop(void)
{
    rig_fini(&rig);
    peer_stop(peer);
    SSL_CTX_free(ctx);
    ctx = NULL;
}

static struct fetch *expect(struct fetch *f, enum fetch_error error)
{
    const struct fetch_response *r = fetch_response(f);
    if (r->error != error)
        print_message("%d: %s\n", r->sys, r->text ? r->text : "");
    assert_true(fetch_is_done(f));
    assert_string_equal(fetch_error_text(r->error), fetch_error_text(error));
    return f;
}

static void expect_text(const char *part, const char *in, size_t len)
{
    if (!in || !memmem(in, len, part, strlen(part)))
        fail_msg("no \"%s\" in \"%.*s\"", part, (int)len, in ? in : "");
}

static void get(const char *path, const char *part)
{
    struct fetch *f = expect(rig_get(&rig, path), FETCH_OK);
    expect_text(part, fetch_response(f)->body, fetch_response(f)->body_len);
    fetch_free(f);
}

static void get_error(enum fetch_error error, const char *part)
{
    struct fetch *f = expect(rig_get(&rig, "/"), error);
    const char *text = fetch_response(f)->text;
    expect_text(part, text, text ? strlen(text) : 0);
    assert_false(fetch_response(f)->was_sent);
    fetch_free(f);
}

/* ---- trust ---- */

static void test_good(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    struct fetch *f = expect(rig_get(&rig, "/"), FETCH_OK);
    const struct fetch_times *t = &fetch_response(f)->times;
    assert_true(t->connected <= t->secured && t->secured <= t->sent_first);
    expect_text("TLSv1.3 localhost", fetch_response(f)->body, fetch_response(f)->body_len);
    fetch_free(f);
    for (int i = 0; i < 3; i++)
        get("/", "resumed=0");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
    stop();
    start(&good, "127.0.0.1", true);
    get("/", "TLSv1.3 - ");
    stop();
}

static void test_not_trusted(void **state)
{
    (void)state;
    static const struct {
        const struct cert *cert;
        const char *host, *why;
    } cases[] = {
        {&expired, "localhost", "expired"},
        {&elsewhere, "localhost", "ostname mismatch"},
        {&elsewhere, "127.0.0.1", "IP address"},
        {&lonely, "localhost", "self-signed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(cases[i].cert, cases[i].host, true);
        get_error(FETCH_TLS_VERIFY, cases[i].why);
        get_error(FETCH_TLS_VERIFY, cases[i].why); /* nothing of it was remembered as good */
        const struct fetch_target unchecked = target(cases[i].host, false);
        rig.origin = fetch_origin_get(rig.engine, &unchecked);
        get("/", "TLSv1.3");
        stop();
    }
    start(&good, "localhost", true);
    struct fetch_target t = target("localhost", true);
    t.tls_profile.ca_file = other_path;
    rig.origin = fetch_origin_get(rig.engine, &t);
    get_error(FETCH_TLS_VERIFY, "local issuer");
    t.tls_profile.ca_file = NULL;
    rig.origin = fetch_origin_get(rig.engine, &t);
    get_error(FETCH_TLS_VERIFY, "local issuer");
    stop();
}

static void test_bad_files(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    struct fetch_target t = target("localhost", true);
    t.tls_profile.ca_file = "/nowhere/ca.pem";
    rig.origin = fetch_origin_get(rig.engine, &t);
    get_error(FETCH_TLS, "/nowhere/ca.pem");
    t = target("localhost", true);
    t.tls_profile.cert_file = "/nowhere/me.pem";
    rig.origin = fetch_origin_get(rig.engine, &t);
    get_error(FETCH_TLS, "/nowhere/me.pem");
    stop();
}

static void test_client_certificate(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_load_verify_locations(ctx, ca_path, NULL);
    struct fetch *f = expect(rig_get(&rig, "/"), FETCH_TLS);
    expect_text("certificate required", fetch_response(f)->text, strlen(fetch_response(f)->text));
    fetch_free(f);
    struct fetch_target t = target("localhost", true);
    t.tls_profile.cert_file = client_path;
    rig.origin = fetch_origin_get(rig.engine, &t);
    get("/", "CN=user");
    t.tls_profile.key_file = client_path;
    rig.origin = fetch_origin_get(rig.engine, &t);
    get("/", "CN=user");
    stop();
}

/* ---- sessions and data ---- */

static void resume(int version)
{
    start(&good, "localhost", true);
    SSL_CTX_set_max_proto_version(ctx, version);
    get("/", "resumed=0");
    for (int i = 0; i < 3; i++) {
        fetch_pool_close_idle(rig.pool);
        get("/", "resumed=1");
    }
    assert_int_equal(fetch_engine_counters(rig.engine).tls_resumed, 3);
    stop();
}

static void test_resumption(void **state)
{
    (void)state;
    resume(TLS1_2_VERSION);
    resume(TLS1_3_VERSION);
}

static void test_large(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    struct fetch *f = expect(rig_get(&rig, "/big"), FETCH_OK);
    assert_int_equal(fetch_response(f)->body_len, BIG);
    fetch_free(f);
    static char body[900000];
    static const size_t sizes[] = {1, 16000, 16384, 17000, sizeof body};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char want[32];
        rig.request.body = body;
        rig.request.body_len = sizes[i];
        snprintf(want, sizeof want, "body=%zu", sizes[i]);
        get("/", want);
    }
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
    stop();
}

static void test_stream(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    rig.request.mode = FETCH_STREAM;
    struct fetch *f = rig_get(&rig, "/big");
    rig_run_for(&rig, 100);
    char buffer[5000];
    size_t total = 0;
    for (long n = 1; n != 0;) {
        n = fetch_read(f, buffer, sizeof buffer);
        assert_int_not_equal(n, -2);
        const unsigned calls = rig.calls;
        if (n == -1)
            assert_true(rig_until(&rig, rig.calls != calls));
        else
            total += (size_t)n;
    }
    assert_int_equal(total, BIG);
    fetch_free(f);
    rig.request.mode = FETCH_COLLECT;
    get("/", "TLS");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
    stop();
}

static void test_close_notify(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    get("/bye", "bye");
    assert_true(rig_until(&rig, fetch_engine_counters(rig.engine).connections_open == 0));
    get("/", "TLS");
    fetch_free(expect(rig_get(&rig, "/garbage"), FETCH_TLS));
    get("/", "TLS");
    stop();
}

/* Nothing is written into TLS that has ended, whether or not the loop came to see its end. */
static void notify(int version, unsigned pause_us)
{
    start(&good, "localhost", true);
    SSL_CTX_set_max_proto_version(ctx, version);
    notified = ended = 0;
    rig.request.resends = 1;
    for (int i = 0; i < 3; i++) {
        get("/notify", "bye");
        while (notified == i)
            usleep(50);
        if (pause_us)
            usleep(pause_us);
        else
            assert_true(rig_until(&rig, fetch_engine_counters(rig.engine).connections_open == 0));
        struct fetch *f = expect(rig_get(&rig, "/"), FETCH_OK);
        assert_int_equal(fetch_response(f)->resent, 0);
        assert_false(fetch_response(f)->was_reused);
        fetch_free(f);
        fetch_pool_close_idle(rig.pool);
    }
    assert_true(rig_until(&rig, ended == 3)); /* our half is closed too */
    stop();
}

static void test_close_notify_alone(void **state)
{
    (void)state;
    notify(TLS1_3_VERSION, 0);
    notify(TLS1_3_VERSION, 20000);
    notify(TLS1_2_VERSION, 20000);
}

/* ---- no TLS at the other end ---- */

static void serve_plain(struct peer_conn *c)
{
    char some[4096];
    const char *manner = c->peer->arg;
    if (strcmp(manner, "close") == 0 || peer_recv(c, some, sizeof some) <= 0)
        return;
    if (strcmp(manner, "garbage") == 0)
        peer_say(c, "HTTP/1.1 400 Bad Request\r\n\r\n");
    else if (strcmp(manner, "reset") == 0)
        peer_reset(c);
    else
        peer_await_end(c, RIG_PATIENCE_MS);
}

static void test_no_tls(void **state)
{
    (void)state;
    static const struct {
        char manner[8];
        enum fetch_error error;
    } cases[] = {{"garbage", FETCH_TLS},
                 {"close", FETCH_TLS},
                 {"reset", FETCH_TLS},
                 {"hang", FETCH_CONNECT_TIMEOUT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char manner[8];
        memcpy(manner, cases[i].manner, sizeof manner);
        peer = peer_start(serve_plain, NULL, manner);
        const struct fetch_target t = target("localhost", true);
        rig_init(&rig, &t,
                 (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
        rig.request.connect_timeout_ms = cases[i].error == FETCH_TLS ? 60000 : 100;
        fetch_free(expect(rig_get(&rig, "/"), cases[i].error));
        fetch_free(expect(rig_get(&rig, "/"), cases[i].error));
        rig_fini(&rig);
        peer_stop(peer);
    }
}

/* ---- proxies ---- */

static void relay(int from, int to)
{
    char block[16384];
    struct pollfd p[2] = {{from, POLLIN, 0}, {to, POLLIN, 0}};
    while (poll(p, 2, RIG_PATIENCE_MS) > 0) {
        for (int i = 0; i < 2; i++) {
            if (!p[i].revents)
                continue;
            const ssize_t n = recv(p[i].fd, block, sizeof block, 0);
            if (n <= 0)
                return;
            send(p[1 - i].fd, block, (size_t)n, MSG_NOSIGNAL);
        }
    }
}

static void serve_proxy(struct peer_conn *c)
{
    if (!peer_read_request(c))
        return;
    const char *manner = c->peer->arg;
    char want[128];
    snprintf(want, sizeof want, "CONNECT localhost:%u HTTP/1.1\r\nHost: localhost:%u\r\n",
             peer->port, peer->port);
    if (strncmp(c->request, want, strlen(want)) != 0) {
        peer_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
        peer_await_end(c, RIG_PATIENCE_MS);
    } else if (!strstr(c->request, "Proxy-Authorization: Basic eDp5\r\n")) {
        peer_say(c, "HTTP/1.1 407 Who Are You\r\nContent-Length: 4\r\n\r\nwho?");
    } else if (strcmp(manner, "surplus") == 0) {
        peer_say(c, "HTTP/1.1 200 Connected\r\n\r\nsurplus");
        peer_await_end(c, RIG_PATIENCE_MS);
    } else if (strcmp(manner, "relay") == 0) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(peer->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        assert(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
        peer_say(c, "HTTP/1.1 200 Connected\r\nVia: test\r\n\r\n");
        relay(c->fd, fd);
        close(fd);
    }
}

static void use_proxy(const struct peer *proxy, const char *auth)
{
    struct fetch_target t = target("localhost", true);
    t.proxy_host = "127.0.0.1";
    t.proxy_port = proxy->port;
    t.proxy_auth = auth;
    rig.origin = fetch_origin_get(rig.engine, &t);
}

static void test_proxy(void **state)
{
    (void)state;
    start(&good, "localhost", true);
    char relaying[] = "relay", surplus[] = "surplus", silent[] = "";
    struct peer *proxy = peer_start(serve_proxy, NULL, relaying);
    use_proxy(proxy, "Basic eDp5");
    get("/", "TLSv1.3 localhost");
    get("/", "TLSv1.3 localhost");
    assert_int_equal(fetch_engine_counters(rig.engine).connections_opened, 1);
    use_proxy(proxy, NULL);
    struct fetch *f = expect(rig_get(&rig, "/"), FETCH_PROXY);
    assert_int_equal(fetch_response(f)->sys, 407);
    assert_string_equal(fetch_response(f)->text, "Who Are You");
    assert_false(fetch_response(f)->was_sent);
    fetch_free(f);
    /* a plain request goes to the proxy itself, whatever its host */
    rig.origin = fetch_origin_get(rig.engine, &(struct fetch_target){.host = "a.example",
                                                                     .port = 80,
                                                                     .proxy_host = "127.0.0.1",
                                                                     .proxy_port = proxy->port});
    get("http://a.example/", "plain");
    fetch_pool_close_idle(rig.pool);
    proxy->arg = surplus;
    use_proxy(proxy, "Basic eDp5");
    get_error(FETCH_PROXY, "nobody asked for");
    proxy->arg = silent;
    get_error(FETCH_PROXY, "closed");
    fetch_pool_close_idle(rig.pool);
    peer_stop(proxy);
    f = expect(rig_get(&rig, "/"), FETCH_CONNECT);
    fetch_free(f);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_not_trusted),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_close_notify),
        cmocka_unit_test(test_close_notify_alone),
        cmocka_unit_test(test_no_tls),
        cmocka_unit_test(test_proxy),
    };
    return cmocka_run_group_tests(tests, make_certs, drop_certs);
}
