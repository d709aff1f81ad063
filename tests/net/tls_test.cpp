#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "net/channel.h"
#include "net/tls_layer.h"
#include "net/tls_session.h"
#include "tests/net/support.h"

namespace rookery {
namespace {

using namespace test;

std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26 + (i >> 10) % 3);
    return bytes;
}

TlsClient::Options only(int version) {
    TlsClient::Options options;
    options.min_version = options.max_version = version;
    return options;
}

struct Kind {
    const char* name;
    int version;
    bool detached;
};

// Each test runs under TLS 1.2 and 1.3, and there with and without OpenSSL's SSL.
class TlsTest : public testing::TestWithParam<Kind> {
protected:
    TlsClient::Options client_options() const { return only(GetParam().version); }

    LoopThread thread;
    std::shared_ptr<const TlsContexts> contexts = test_contexts({{"example.org", "*.example.org"}}, GetParam().detached);
};

INSTANTIATE_TEST_SUITE_P(Kinds, TlsTest,
                         testing::Values(Kind{"Tls12", TLS1_2_VERSION, true}, Kind{"Tls13", TLS1_3_VERSION, false},
                                         Kind{"Tls13Detached", TLS1_3_VERSION, true}),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(TlsTest, Echoes) {
    TestServer server(thread, echo, direct_tls(), contexts);
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands()) << client.alert();
    client.send("hello");
    EXPECT_EQ(client.receive(5), "hello");
    EXPECT_TRUE(server.peer().secured);
    EXPECT_EQ(thread.loop.gauges().handshakes, 1u);
    EXPECT_EQ(thread.loop.gauges().tls_sockets, 1u);
}

TEST_P(TlsTest, EchoesMuchMoreThanItsBuffers) {
    TestServer server(thread, echo, direct_tls(), contexts);
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands());
    const std::string bytes = pattern(200'000);
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(client.send(bytes));
        ASSERT_EQ(client.receive(bytes.size()), bytes);
    }
}

TEST_P(TlsTest, ReadsEveryByteByItself) {
    // The client's records go through a relay that sends one byte at a time.
    TestServer server(thread, echo, direct_tls(), contexts);
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    PlainClient to_server(server.port());
    std::thread out([&] {
        char byte = 0;
        while (::recv(pair[1], &byte, 1, 0) == 1) to_server.send({&byte, 1});
        to_server.finish();
    });
    std::thread back([&] {
        for (std::string byte; !(byte = to_server.receive(1)).empty();) {
            if (::send(pair[1], byte.data(), 1, MSG_NOSIGNAL) != 1) break;
        }
    });
    {
        TlsClient client(std::make_unique<PlainClient>(server.port()), client_options());
        SSL_set_fd(client.ssl(), pair[0]);
        ASSERT_TRUE(client.shake_hands()) << client.alert();
        client.send("dribbled");
        EXPECT_EQ(client.receive(8), "dribbled");
    }
    ::close(pair[0]);
    out.join();
    back.join();
    ::close(pair[1]);
}

TEST_P(TlsTest, TellsWhatWasAgreed) {
    TestServer server(thread, echo, direct_tls({"xmpp-client"}), contexts);
    TlsClient::Options options = client_options();
    options.sni = "Conference.Example.ORG";
    options.alpn = {"h2", "xmpp-client"};
    TlsClient client(server.port(), options);
    ASSERT_TRUE(client.shake_hands()) << client.alert();
    client.send("x");
    client.receive(1);
    const std::optional<TlsInfo> info = thread.sync([&] { return server.peer().tls; });
    ASSERT_TRUE(info);
    const bool tls13 = GetParam().version == TLS1_3_VERSION;
    EXPECT_EQ(info->version, tls13 ? "TLSv1.3" : "TLSv1.2");
    EXPECT_EQ(info->cipher, tls13 ? "TLS_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256");
    EXPECT_EQ(info->sni, "conference.example.org");
    EXPECT_EQ(info->alpn, "xmpp-client");
    EXPECT_EQ(info->is_tls13, tls13);
    EXPECT_TRUE(info->extended_master_secret);

    std::string exported(32, '\0');
    SSL_export_keying_material(client.ssl(), reinterpret_cast<unsigned char*>(exported.data()), 32,
                               "EXPORTER-Channel-Binding", 24, reinterpret_cast<const unsigned char*>(""), 0, 1);
    EXPECT_EQ(info->tls_exporter, exported);
    X509* const certificate = SSL_get1_peer_certificate(client.ssl());
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(certificate, EVP_sha256(), hash, &size);
    X509_free(certificate);
    EXPECT_EQ(info->tls_server_end_point, std::string(reinterpret_cast<char*>(hash), size));

    std::string finished(64, '\0');
    finished.resize(SSL_get_finished(client.ssl(), finished.data(), finished.size()));
    ASSERT_FALSE(finished.empty());
    EXPECT_EQ(info->tls_unique, tls13 ? "" : finished);
}

TEST(Tls, WithoutExtendedMasterSecretOnlyTheCertificateIsBound) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    TlsClient client(server.port(), only(TLS1_2_VERSION));
    SSL_set_options(client.ssl(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
    ASSERT_TRUE(client.shake_hands()) << client.alert();
    client.send("x");
    client.receive(1);
    const std::optional<TlsInfo> info = thread.sync([&] { return server.peer().tls; });
    ASSERT_TRUE(info);
    EXPECT_FALSE(info->extended_master_secret);
    EXPECT_EQ(info->tls_exporter, "");
    EXPECT_EQ(info->tls_unique, "");
    EXPECT_NE(info->tls_server_end_point, "");
}

TEST_P(TlsTest, UpgradesByStartTls) {
    TestServer server(thread, [&](Peer& peer, std::string_view bytes) {
        if (bytes == "<starttls/>") {
            peer.channel->write("<proceed/>");
            peer.channel->start_tls(contexts);
            peer.channel->write("[after]");  // under TLS
        } else {
            peer.channel->write(bytes);
        }
    });
    auto socket = std::make_unique<PlainClient>(server.port());
    socket->send("hello");
    EXPECT_EQ(socket->receive(5), "hello");
    socket->send("<starttls/>");
    EXPECT_EQ(socket->receive(10), "<proceed/>");
    TlsClient client(std::move(socket), client_options());
    ASSERT_TRUE(client.shake_hands()) << client.alert();
    EXPECT_EQ(client.receive(7), "[after]");
    client.send("secret");
    EXPECT_EQ(client.receive(6), "secret");
}

TEST_P(TlsTest, ClosesWithCloseNotify) {
    const std::string bytes = pattern(1 << 20);
    TestServer server(
        thread,
        [&](Peer& peer, std::string_view) {
            peer.channel->write(bytes);
            peer.channel->close_after_flush();
        },
        direct_tls(), contexts);
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands());
    client.send("x");
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    EXPECT_TRUE(client.closed_cleanly());
    EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
    EXPECT_EQ(server.peer().reason, CloseReason::closed);
}

TEST_P(TlsTest, AnswersCloseNotify) {
    TestServer server(thread, echo, direct_tls(), contexts);
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands());
    client.send("bye");
    SSL_shutdown(client.ssl());
    EXPECT_EQ(client.receive(3), "bye");
    EXPECT_TRUE(client.closed_cleanly());
    EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
    EXPECT_EQ(server.peer().reason, CloseReason::peer_closed);
}

TEST_P(TlsTest, APauseKeepsTheRecordsThatWereReadAlready) {
    TestServer server(
        thread, [](Peer& peer, std::string_view) { peer.channel->pause_reading(); }, direct_tls(), contexts);
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands());
    Peer& peer = server.peer();
    ASSERT_TRUE(eventually([&] { return peer.secured.load(); }));
    // Ten records, read by the server as one piece.
    std::promise<void> go;
    thread.loop.post([gone = go.get_future().share()] { gone.wait(); });
    for (char c = '0'; c <= '9'; ++c) client.send({&c, 1});
    go.set_value();
    for (std::size_t i = 1; i <= 10; ++i) {
        ASSERT_TRUE(eventually([&] { return peer.received().size() == i; })) << i;
        thread.sync([] {});
        EXPECT_EQ(peer.received().size(), i);
        thread.sync([&] { peer.channel->resume_reading(); });
    }
    EXPECT_EQ(peer.received(), "0123456789");
}

// The connection moves to the other loop at every piece of data, with records read and not yet delivered.
TEST_P(TlsTest, MovesBetweenLoopsInTheMiddleOfTraffic) {
    LoopThread other;
    TestServer server(thread, nullptr, direct_tls(), contexts);
    server.prepare = [&](Peer& peer) {
        peer.data = [&](Peer& self, std::string_view bytes) {
            self.channel->write(bytes);
            LoopThread& there = Loop::current() == &thread.loop ? other : thread;
            auto parked = std::make_shared<Parked>(self.channel->release());
            self.channel.reset();  // the other thread has the peer from here on
            there.loop.post([&self, &there, parked] { self.adopt(there.loop, std::move(*parked)); });
        };
    };
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands());
    const std::string bytes = pattern(100'000);
    for (std::size_t at = 0; at < bytes.size(); at += 1000) client.send(std::string_view(bytes).substr(at, 1000));
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().tls_sockets + other.loop.gauges().tls_sockets == 1; }));
    const bool at_home = thread.loop.gauges().tls_sockets == 1;
    (at_home ? thread : other).sync([&] { server.peer().channel.reset(); });
}

TEST_P(TlsTest, MovesInTheMiddleOfTheHandshake) {
    LoopThread other;
    TestServer server(thread, echo, direct_tls(), contexts);
    TlsClient client(std::make_unique<PlainClient>(server.port()), client_options());
    // The client's first flight, then the move, then the rest.
    BIO* const into = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(client.ssl(), into, out);
    SSL_set_connect_state(client.ssl());
    EXPECT_LE(SSL_do_handshake(client.ssl()), 0);
    char buffer[8192];
    const int count = BIO_read(out, buffer, sizeof buffer);
    client.socket().send({buffer, static_cast<std::size_t>(count) - 10});
    Peer& peer = server.peer();
    auto parked = std::make_shared<Parked>(thread.sync([&] { return peer.channel->release(); }));
    other.sync([&] { peer.adopt(other.loop, std::move(*parked)); });
    client.socket().send({buffer + count - 10, 10});
    ASSERT_TRUE(eventually([&] { return other.loop.gauges().handshakes_running == 1; }));
    *parked = other.sync([&] { return peer.channel->release(); });
    EXPECT_TRUE(eventually([&] { return other.loop.gauges().handshakes_running == 0; }));
    thread.sync([&] { peer.adopt(thread.loop, std::move(*parked)); });
    SSL_set_fd(client.ssl(), client.socket().descriptor());
    ASSERT_EQ(SSL_do_handshake(client.ssl()), 1);
    client.send("moved");
    EXPECT_EQ(client.receive(5), "moved");
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_running == 0; }));
    EXPECT_EQ(thread.loop.gauges().handshakes, 1u);
}

TEST_P(TlsTest, APeerThatDoesNotReadMakesOutputGrowUntilItDoes) {
    TestServer server(thread, nullptr, direct_tls(), contexts);
    TlsClient client(server.port(), client_options());
    ASSERT_TRUE(client.shake_hands());
    Peer& peer = server.peer();
    ASSERT_TRUE(eventually([&] { return peer.secured.load(); }));
    const std::string bytes = pattern(16 << 20);
    thread.sync([&] { peer.channel->write(bytes); });
    thread.sync([] {});
    EXPECT_GT(thread.sync([&] { return peer.channel->output_bytes(); }), 1u << 20);
    EXPECT_EQ(client.receive(bytes.size()), bytes);
    EXPECT_TRUE(eventually([&] { return peer.drained == 1; }));
}

// L6
TEST(Tls, RefusesOldVersions) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    for (int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        TlsClient::Options options = only(version);
        options.security_level = 0;
        TlsClient client(server.port(), options);
        EXPECT_FALSE(client.shake_hands());
        EXPECT_EQ(client.alert(), "tlsv1 alert protocol version");
    }
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_failed == 2; }));
    EXPECT_TRUE(eventually([&] { return server.peer(1).is_closed(); }));
    EXPECT_EQ(server.peer(1).reason, CloseReason::tls_failed);
}

TEST(Tls, RefusesOldCiphers) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    for (const char* ciphers :
         {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256", "ALL:!AESGCM:!CHACHA20"}) {
        TlsClient::Options options = only(TLS1_2_VERSION);
        options.tls12_ciphers = ciphers;
        options.security_level = 0;
        TlsClient client(server.port(), options);
        EXPECT_FALSE(client.shake_hands()) << ciphers;
        EXPECT_EQ(client.alert(), "sslv3 alert handshake failure") << ciphers;
    }
}

TEST(Tls, NeverCompressesOrResumes) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client(server.port(), only(version));
        SSL_clear_options(client.ssl(), SSL_OP_NO_COMPRESSION);
        ASSERT_TRUE(client.shake_hands());
        client.send("x");
        client.receive(1);
        EXPECT_EQ(SSL_get_current_compression(client.ssl()), nullptr);
        EXPECT_FALSE(SSL_SESSION_has_ticket(SSL_get_session(client.ssl())));
        EXPECT_EQ(SSL_SESSION_get_max_early_data(SSL_get_session(client.ssl())), 0u);
        if (version == TLS1_3_VERSION) {
            EXPECT_FALSE(SSL_SESSION_is_resumable(SSL_get_session(client.ssl())));
        }
    }
}

// L4
TEST(Tls, RefusesRenegotiation) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    TlsClient client(server.port(), only(TLS1_2_VERSION));
    ASSERT_TRUE(client.shake_hands());
    SSL_renegotiate(client.ssl());
    EXPECT_NE(SSL_do_handshake(client.ssl()), 1);
    EXPECT_STREQ(ERR_reason_error_string(ERR_peek_error()), "no renegotiation");
    EXPECT_EQ(thread.loop.gauges().handshakes, 1u);
}

TEST(Tls, ClosesOnAFloodOfKeyUpdates) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    TlsClient client(server.port(), only(TLS1_3_VERSION));
    ASSERT_TRUE(client.shake_hands());
    for (int i = 0; i < 5; ++i) {
        SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED);
        client.send("x");
        ASSERT_EQ(client.receive(1), "x");
    }
    for (int i = 0; i < 50; ++i) {
        SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
        if (SSL_do_handshake(client.ssl()) != 1) break;
    }
    EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
    EXPECT_EQ(server.peer().reason, CloseReason::tls_failed);
}

// L8
TEST(Tls, AlpnMustMatchOrBeAbsent) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls({"xmpp-client"}), test_contexts());
    const auto connect = [&](std::vector<std::string> offered) {
        TlsClient::Options options;
        options.alpn = std::move(offered);
        TlsClient client(server.port(), options);
        if (client.shake_hands()) client.send("x");
        return client.receive(1) == "x" ? "ok" : client.alert();
    };
    EXPECT_EQ(connect({"xmpp-client"}), "ok");
    EXPECT_EQ(connect({"h2", "xmpp-client"}), "ok");
    EXPECT_EQ(connect({}), "ok");
    EXPECT_EQ(connect({"xmpp-server"}), "tlsv1 alert no application protocol");
    EXPECT_EQ(connect({"h2"}), "tlsv1 alert no application protocol");

    TestServer without(thread, echo, direct_tls(), test_contexts());
    TlsClient::Options options;
    options.alpn = {"h2"};
    TlsClient client(without.port(), options);
    EXPECT_TRUE(client.shake_hands());
}

// L7
TEST(Tls, SniChoosesTheCertificate) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(),
                      test_contexts({{"default.example"}, {"example.org", "*.example.org"}, {"a.example.org"}}));
    const auto certificate_for = [&](const std::string& name) {
        TlsClient::Options options;
        options.sni = name;
        TlsClient client(server.port(), options);
        return client.shake_hands() ? client.certificate_name() : client.alert();
    };
    EXPECT_EQ(certificate_for(""), "default.example");
    EXPECT_EQ(certificate_for("unknown.example"), "default.example");
    EXPECT_EQ(certificate_for("example.org"), "example.org");
    EXPECT_EQ(certificate_for("EXAMPLE.org"), "example.org");
    EXPECT_EQ(certificate_for("b.example.org"), "example.org");
    EXPECT_EQ(certificate_for("a.example.org"), "a.example.org");
    EXPECT_EQ(certificate_for("b.b.example.org"), "default.example");
    EXPECT_EQ(certificate_for(std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                              std::string(63, 'd')),
              "default.example");
}

// A ClientHello with any bytes as server name: OpenSSL's client would not send them.
std::string client_hello(const std::string& name) {
    const auto u16 = [](std::size_t n) { return std::string{static_cast<char>(n >> 8), static_cast<char>(n & 0xff)}; };
    const auto with_length = [&](const std::string& s) { return u16(s.size()) + s; };
    const std::string entry = std::string(1, '\0') + with_length(name);
    const std::string extensions = u16(0) + with_length(with_length(entry)) +        // server_name
                                   u16(10) + with_length(with_length(u16(0x17))) +   // P-256
                                   u16(13) + with_length(with_length(u16(0x0403)));  // ECDSA with SHA-256
    const std::string body = std::string("\x03\x03") + std::string(32, 'r') + std::string(1, '\0') +
                             with_length(u16(0xc02b)) + std::string("\x01\x00", 2) + with_length(extensions);
    const std::string message = std::string("\x01\x00", 2) + u16(body.size()) + body;
    return std::string("\x16\x03\x01") + with_length(message);
}

TEST(Tls, StrangeServerNamesAreRefusedOrIgnored) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    for (const std::string& name :
         {std::string("example.org"), std::string("exam\0ple.org", 12), std::string(255, 'a'), std::string(256, 'a'),
          std::string(5000, 'a'), std::string(), std::string("\xff\xfe."), std::string("."),
          std::string("*.example.org"), std::string(300, '.')}) {
        PlainClient client(server.port());
        client.send(client_hello(name));
        const std::string answer = client.receive(7);
        ASSERT_EQ(answer.size(), 7u) << name.size();
        EXPECT_TRUE(answer[0] == '\x16' || answer[0] == '\x15') << name.size();
        if (name == "example.org") {
            EXPECT_EQ(answer[0], '\x16');
        }
        if (name.find('\0') != name.npos) {
            EXPECT_EQ(answer[0], '\x15');
        }
    }
    TlsClient still_served(server.port());
    EXPECT_TRUE(still_served.shake_hands());
}

// T4: the time limit is the handler's; nothing is allocated for such a client, and it can be cut.
TEST(Tls, AClientHelloCutAfterFiveBytesCostsNothing) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    PlainClient client(server.port());
    client.send(client_hello("example.org").substr(0, 5));
    Peer& peer = server.peer();
    std::this_thread::sleep_for(Milliseconds(20));
    EXPECT_EQ(thread.loop.gauges().handshakes_running, 0u);
    thread.sync([&] { peer.channel->abort(); });
    EXPECT_TRUE(client.closed_by_peer());
}

TEST(Tls, WhatIsNoTlsIsClosed) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    std::size_t index = 0;
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("<?xml version='1.0'?>"),
          std::string("\x80\x2e\x01\x03\x01", 5), std::string("\x16\x03\x01\xff\xff", 5), std::string("\x16\x07", 2),
          std::string("\x17\x03\x03\x00\x01x", 6), std::string("\x15\x03\x03\x00\x02\x02\x28", 7),
          std::string("\x16\x03\x01\x00\x00", 5)}) {
        PlainClient client(server.port());
        client.send(bytes);
        if (bytes.size() == 5 && bytes.back() == '\0') client.finish();  // an empty record alone proves nothing
        Peer& peer = server.peer(index++);
        EXPECT_TRUE(client.closed_by_peer()) << index;
        EXPECT_TRUE(eventually([&] { return peer.is_closed(); })) << index;
        EXPECT_EQ(peer.received(), "");
    }
}

TEST(Tls, GarbledRecordsCloseTheConnection) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    TlsClient client(server.port());
    ASSERT_TRUE(client.shake_hands());
    client.send("x");
    ASSERT_EQ(client.receive(1), "x");
    client.socket().send(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'z'));
    EXPECT_EQ(client.receive(1), "");
    EXPECT_EQ(client.alert(), "sslv3 alert bad record mac");
    EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
    EXPECT_EQ(server.peer().reason, CloseReason::tls_failed);
}

// After the handshake what cannot be a record is answered by an alert, too.
TEST(Tls, WhatIsNoRecordIsAnsweredByAnAlert) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    for (const auto& [bytes, alert] : {std::pair(std::string("GET / HTTP/1.1\r\n"), "sslv3 alert unexpected message"),
                                       std::pair(std::string("\x17\x03\x03\xff\xff", 5), "tlsv1 alert record overflow"),
                                       std::pair(std::string("\x17\x04\x03\x00\x20", 5), "tlsv1 alert decode error")}) {
        TlsClient client(server.port(), only(TLS1_3_VERSION));
        ASSERT_TRUE(client.shake_hands());
        client.send("x");
        ASSERT_EQ(client.receive(1), "x");
        client.socket().send(bytes);
        EXPECT_EQ(client.receive(1), "");
        EXPECT_EQ(client.alert(), alert);
    }
}

// With one slot for handshakes, the others wait; the slot comes free however its holder ends.
TEST(Tls, HandshakesInFlightAreBounded) {
    ShardLoopOptions options;
    options.max_handshakes = 1;
    LoopThread thread(options);
    TestServer server(thread, echo, direct_tls(), test_contexts());
    PlainClient holder(server.port());
    holder.send(client_hello("example.org"));
    ASSERT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_running == 1; }));
    auto impatient = std::make_unique<PlainClient>(server.port());
    impatient->send(client_hello("example.org"));
    ASSERT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_waiting == 1; }));

    std::atomic<int> served{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 5; ++i) {
        clients.emplace_back([&] {
            TlsClient client(server.port());
            if (!client.shake_hands()) return;
            client.send("x");
            if (client.receive(1) == "x") ++served;
        });
    }
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_waiting == 6; }));
    EXPECT_EQ(served, 0);
    Peer& second = server.peer(1);
    thread.sync([&] { second.channel->abort(); });  // gives up waiting
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_waiting == 5; }));
    holder.reset();
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(served, 5);
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_running == 0; }));
    EXPECT_EQ(thread.loop.gauges().handshakes_failed, 1u);
}

// A storm of logins: the loop comes round for everybody else after every few handshakes.
TEST(Tls, HandshakesBegunInATurnAreBounded) {
    ShardLoopOptions options;
    options.share_below = Duration(1);  // one in each turn
    LoopThread thread(options);
    ListenerOptions listening = direct_tls();
    listening.rank = Rank::stranger;
    TestServer server(thread, echo, std::move(listening), test_contexts());
    std::vector<std::unique_ptr<PlainClient>> clients;
    for (int i = 0; i < 64; ++i) clients.push_back(std::make_unique<PlainClient>(server.port()));
    server.peer(63);
    std::promise<void> go;
    thread.loop.post([gone = go.get_future().share()] { gone.wait(); });
    for (auto& client : clients) client->send(client_hello("example.org"));
    std::this_thread::sleep_for(Milliseconds(10));
    const std::uint64_t before = thread.loop.gauges().turns;
    go.set_value();
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_running == 64; }));
    EXPECT_GE(thread.loop.gauges().turns - before, 64u);
    for (auto& client : clients) EXPECT_EQ(client->receive(1), "\x16");
}

// L10
TEST(Tls, CertificatesMayBeReloadedDuringHandshakes) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts({{"old.example"}}));
    std::atomic<int> failed{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> clients;
    for (int i = 0; i < 2; ++i) {
        clients.emplace_back([&] {
            while (!stop) {
                TlsClient client(server.port());
                if (!client.shake_hands() || !client.send("x") || client.receive(1) != "x") ++failed;
            }
        });
    }
    for (int i = 0; i < 10; ++i) {
        auto reloaded = test_contexts({{"new" + std::to_string(i) + ".example"}});
        thread.sync([&] { server.listener->set_contexts(reloaded); });
        std::this_thread::sleep_for(Milliseconds(10));
    }
    TlsClient client(server.port());
    ASSERT_TRUE(client.shake_hands());
    EXPECT_EQ(client.certificate_name(), "new9.example");
    stop = true;
    for (std::thread& thread_of_client : clients) thread_of_client.join();
    EXPECT_EQ(failed, 0);
}

// T10 in small, in each state of the handshake.
TEST(Tls, ResetsInTheHandshakeLeaveNothingBehind) {
    LoopThread thread;
    TestServer server(thread, echo, direct_tls(), test_contexts());
    const std::string hello = client_hello("example.org");
    for (int i = 0; i < 200; ++i) {
        PlainClient client(server.port());
        if (i % 4 == 1) client.send(hello.substr(0, 20));
        if (i % 4 > 1) client.send(hello);
        if (i % 4 == 3) client.receive(100);
        client.reset();
    }
    EXPECT_TRUE(eventually([&] { return server.count() == 200 && thread.loop.gauges().sockets == 1; }));
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().handshakes_running == 0; }));
    EXPECT_EQ(thread.loop.gauges().tls_sockets, 0u);
}

TEST(TlsRecord, LengthIsTheHeadersPlusFive) {
    EXPECT_EQ(tls_record_length(""), 0u);
    EXPECT_EQ(tls_record_length(std::string("\x16\x03\x01\x00\x02x", 6)), 0u);
    EXPECT_EQ(tls_record_length(std::string("\x16\x03\x01\x00\x02xxx", 8)), 7u);
    EXPECT_EQ(tls_record_length("<"), not_a_record);
    EXPECT_EQ(tls_record_length(std::string("\x16\x02", 2)), not_a_record);
    EXPECT_EQ(tls_record_length(std::string("\x17\x03\x03\x48\x01", 5)), not_a_record);
}

// What the peer's kernel has not acknowledged is known in bytes of records.
TEST(TlsLayer, TellsPlainBytesFromThoseOfRecords) {
    TlsLayer layer(nullptr, nullptr);
    constexpr std::size_t one_record = RecordCipher::max_content_bytes;
    EXPECT_EQ(layer.plain_bytes_in(0), 0u);
    EXPECT_EQ(layer.plain_bytes_in(102), 102u + one_record);
    layer.note_sealed(80, 102);
    EXPECT_EQ(layer.plain_bytes_in(0), 0u);
    EXPECT_EQ(layer.plain_bytes_in(1), 80u);
    EXPECT_EQ(layer.plain_bytes_in(102), 80u);
    EXPECT_EQ(layer.plain_bytes_in(302), 280u + one_record);
    layer.note_sealed(65'536, 65'624);
    EXPECT_EQ(layer.plain_bytes_in(65'624), 65'624u + one_record);
    static_assert(sizeof(TlsLayer) <= 80);
}

}  // namespace
}  // namespace rookery
