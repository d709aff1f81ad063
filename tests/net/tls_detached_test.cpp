#include "net/tls_detached.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "tests/net/support.h"
#include "tests/net/tls_forge.h"

namespace rookery {
namespace {

using namespace test;
using Status = TlsSession::Status;

constexpr int change_cipher_spec = 20, alert = 21, handshake = 22, application_data = 23;

std::string unhex(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ' ') digits += c;
    }
    return hex_decode(digits).value();
}

const std::shared_ptr<const TlsContexts>& contexts() {
    static const auto contexts = test_contexts();
    return contexts;
}

std::string key_update(int request) { return std::string("\x18\0\0\x01", 4) + static_cast<char>(request); }

// A detached session and its client; records may also be forged.
class TlsDetachedTest : public testing::TestWithParam<const char*> {
protected:
    explicit TlsDetachedTest(int max_fragment_mode = 0, const char* cipher = nullptr)
        : client(cipher ? cipher : GetParam(), max_fragment_mode) {
        TlsSession::Secured secured = shake_hands(client, contexts(), workspace)->secured();
        session = std::move(secured.successor);
        forge = std::make_unique<TlsForge>(client.cipher(), client.client_secret);
        reader = std::make_unique<TlsForge>(client.cipher(), client.server_secret);
    }

    Heard give(std::string_view record) { return hear(*session, record, workspace); }
    Heard give_inner(std::string_view content, int type, std::size_t padding = 0) {
        return give(forge->record(TlsForge::with_type(content, type, padding)));
    }
    std::string sent(std::string_view plain) {
        EXPECT_TRUE(session->send(plain, workspace));
        return std::exchange(workspace.output, {});
    }
    // The record must end the connection; the alert that says so.
    int alert_for(std::string_view record) { return alert_in(give(record)); }
    int alert_for(std::string_view content, int type) { return alert_in(give_inner(content, type)); }
    int alert_in(const Heard& heard) {
        EXPECT_EQ(heard.status, Status::failed);
        EXPECT_EQ(heard.plain, "");
        const std::string inner = heard.output.empty() ? "" : reader->open(heard.output);
        if (inner.size() != 3 || inner[0] != 2 || inner[2] != alert) return -1;
        return inner[1];
    }

    TlsWorkspace workspace;
    MemoryClient client;
    std::unique_ptr<TlsSession> session;
    std::unique_ptr<TlsForge> forge, reader;
};

INSTANTIATE_TEST_SUITE_P(Ciphers, TlsDetachedTest,
                         testing::Values("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256"));

// RFC 8448 section 3: what client and server send under the keys of their application data.
TEST(TlsDetached, RecordsOfRfc8448) {
    const std::string client_secret = unhex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5");
    const std::string record = unhex(
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a62"
        "92a2977014bd1e3deae63aeebb21694915e4");
    std::string content;
    for (int i = 0; i < 50; ++i) content += static_cast<char>(i);

    RecordCiphers ciphers;
    RecordCipher sender(TlsSuite::aes_128_gcm_sha256, client_secret),
        receiver(TlsSuite::aes_128_gcm_sha256, client_secret);
    std::string sealed;
    ASSERT_TRUE(sender.seal(TlsContent::application_data, content, ciphers, sealed));
    EXPECT_EQ(hex_encode(sealed), hex_encode(record));
    std::vector<char> room(RecordCipher::max_opened_bytes);
    const OpenedRecord opened = receiver.open(record, ciphers, room);
    EXPECT_FALSE(opened.alert);
    EXPECT_EQ(opened.type, TlsContent::application_data);
    EXPECT_EQ(opened.content, content);
}

TEST_P(TlsDetachedTest, TalksWithOpenssl) {
    ASSERT_TRUE(session);
    for (const std::size_t size : {1u, 300u, 16'384u, 100'000u}) {
        const std::string text(size, 'x');
        std::string got;
        for (const std::string& record : cut_into_records(client.send(text))) {
            const Heard heard = give(record);
            ASSERT_EQ(heard.status, Status::data);
            got += heard.plain;
        }
        EXPECT_EQ(got, text);
        EXPECT_EQ(client.receive(sent(text)), text);
    }
}

TEST_P(TlsDetachedTest, TakesPaddingOff) {
    EXPECT_EQ(give_inner("padded", application_data, 1).plain, "padded");
    EXPECT_EQ(give_inner("padded", application_data, 16'384 - 6).plain, "padded");
    EXPECT_EQ(give_inner(std::string("\0\0zeros\0", 8), application_data, 3).plain, std::string("\0\0zeros\0", 8));
    const Heard empty = give_inner("", application_data, 7);
    EXPECT_EQ(empty.status, Status::data);
    EXPECT_EQ(empty.plain, "");
}

TEST_P(TlsDetachedTest, FollowsNewKeysOfTheClient) {
    for (const int request : {SSL_KEY_UPDATE_NOT_REQUESTED, SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_REQUESTED}) {
        ASSERT_EQ(SSL_key_update(client.ssl(), request), 1);
        const auto records = cut_into_records(client.send("after"));
        ASSERT_EQ(records.size(), 2u);
        const Heard update = give(records[0]);
        EXPECT_EQ(update.status, Status::more);
        EXPECT_EQ(update.output, "");
        EXPECT_EQ(give(records[1]).plain, "after");
        const std::string answer = sent("answer");
        EXPECT_EQ(cut_into_records(answer).size(), request == SSL_KEY_UPDATE_NOT_REQUESTED ? 1u : 2u);
        EXPECT_EQ(client.receive(answer), "answer");
    }
}

// RFC 8446 4.6.3: they are answered before the next data, together. A peer that only asks gets nothing to store for it.
TEST_P(TlsDetachedTest, ManyRequestsAreAnsweredByOneUpdate) {
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(give_inner(key_update(1), handshake).output, "");
        forge->update();
    }
    std::string answer = sent("text");
    answer += sent("more");
    const auto records = cut_into_records(answer);
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(reader->open(records[0]), key_update(0) + "\x16");
    reader->update();
    EXPECT_EQ(reader->open(records[1]), "text\x17");
    EXPECT_EQ(reader->open(records[2]), "more\x17");
}

// Ours is under way when theirs comes, and both ask: each answers.
TEST_P(TlsDetachedTest, RequestsMayCross) {
    session = make_detached_session({.suite = *tls_suite(GetParam()),
                                     .read_secret = client.client_secret,
                                     .write_secret = client.server_secret,
                                     .records_per_key = 1});
    const std::string crossed = give_inner(key_update(1), handshake).output;
    forge->update();
    EXPECT_EQ(reader->open(crossed), key_update(1) + "\x16");
    reader->update();
    const auto records = cut_into_records(sent("text"));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(reader->open(records[0]), key_update(0) + "\x16");
    reader->update();
    EXPECT_EQ(reader->open(records[1]), "text\x17");
}

TEST_P(TlsDetachedTest, ReplacesItsOwnKeyInTime) {
    session = make_detached_session({.suite = *tls_suite(GetParam()),
                                     .read_secret = client.client_secret,
                                     .write_secret = client.server_secret,
                                     .records_per_key = 3});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(client.receive(sent("text")), "text");
    EXPECT_EQ(client.receive(sent(std::string(200'000, 'y'))), std::string(200'000, 'y'));
}

// Limits hold for both directions; the key of the other is the other's to replace, so that it is asked.
TEST_P(TlsDetachedTest, AsksForANewKeyInTime) {
    session = make_detached_session({.suite = *tls_suite(GetParam()),
                                     .read_secret = client.client_secret,
                                     .write_secret = client.server_secret,
                                     .records_per_key = 3});
    std::size_t updates = 0;
    for (int i = 0; i < 10; ++i) {
        for (const std::string& record : cut_into_records(client.send("text"))) {
            const Heard heard = give(record);
            if (heard.status == Status::more) ++updates;
            if (heard.status != Status::more) {
                EXPECT_EQ(heard.plain, "text");
            }
            client.receive(heard.output);
        }
    }
    EXPECT_GE(updates, 2u);
    EXPECT_EQ(client.receive(sent("text")), "text");
}

// Whatever the record is that uses the key up.
TEST_P(TlsDetachedTest, AsksForANewKeyAlsoBehindAnAlert) {
    session = make_detached_session({.suite = *tls_suite(GetParam()),
                                     .read_secret = client.client_secret,
                                     .write_secret = client.server_secret,
                                     .records_per_key = 2});
    EXPECT_EQ(give_inner("text", application_data).output, "");
    EXPECT_NE(give_inner("\x01\x5a", alert).output, "");
    EXPECT_EQ(give_inner("text", application_data).output, "") << "once";
}

TEST_P(TlsDetachedTest, AKeyUpdateMayComeInPieces) {
    const std::string message = key_update(0);
    for (std::size_t i = 0; i < message.size(); ++i)
        EXPECT_EQ(give_inner(message.substr(i, 1), handshake).status, Status::more);
    forge->update();
    EXPECT_EQ(give_inner("after", application_data).plain, "after");
}

TEST_P(TlsDetachedTest, ClosesInBothDirections) {
    SSL_shutdown(client.ssl());
    EXPECT_EQ(give(client.take()).status, Status::closed);
    session->close_notify(workspace);
    EXPECT_EQ(client.receive(std::exchange(workspace.output, {})), "");
    EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_P(TlsDetachedTest, AnAlertEndsItWithoutAnAnswer) {
    const Heard canceled = give_inner("\x01\x5a", alert);
    EXPECT_EQ(canceled.status, Status::more);
    for (const char* content : {"\x02\x14", "\x01\x14", "\x01\x7f"}) {  // whatever its level, also one nobody knows
        const Heard heard = give_inner(content, alert);
        EXPECT_EQ(heard.status, Status::failed);
        EXPECT_EQ(heard.output, "");
    }
}

TEST_P(TlsDetachedTest, ForgedRecords) {
    const std::string record = forge->record(TlsForge::with_type("text", application_data));
    for (std::size_t i = 3; i < record.size(); ++i) {
        std::string forged = record;
        forged[i] = static_cast<char>(forged[i] ^ 1);
        if (i < tls_header_bytes)
            forged.resize(tls_header_bytes +
                          ((static_cast<unsigned char>(forged[3]) << 8) | static_cast<unsigned char>(forged[4])));
        EXPECT_EQ(alert_for(forged), 20) << i;
    }
    EXPECT_EQ(give(record).plain, "text");
    EXPECT_EQ(alert_for(record), 20) << "twice";
}

TEST_P(TlsDetachedTest, ShortRecords) {
    for (std::size_t size = 0; size <= 16; ++size)
        EXPECT_EQ(alert_for(TlsForge::header_for(size) + std::string(size, 'z')), 20) << size;
}

TEST_P(TlsDetachedTest, HeadersThatAreNotOfThisProtocol) {
    const std::string record = forge->record(TlsForge::with_type("text", application_data));
    for (const int type : {0, change_cipher_spec, alert, handshake, 24, 255}) {
        std::string other = record;
        other[0] = static_cast<char>(type);
        EXPECT_EQ(alert_for(other), 10) << type;
    }
    std::string other = record;
    other[2] = 1;
    EXPECT_EQ(alert_for(other), 50);
}

TEST_P(TlsDetachedTest, LongRecords) {
    const std::string longest(16'384, 'l');
    EXPECT_EQ(give_inner(longest, application_data).plain, longest);
    EXPECT_EQ(alert_for(forge->record(TlsForge::with_type(longest, application_data, 1))), 22);
    EXPECT_EQ(alert_for(forge->record(TlsForge::with_type(longest + "l", application_data))), 22);
    EXPECT_EQ(alert_for(TlsForge::header_for(16'641) + std::string(16'641, 'z')), 22);
}

TEST_P(TlsDetachedTest, ContentThatMayNotComeHere) {
    EXPECT_EQ(alert_for(std::string("\x01", 1), change_cipher_spec), 10);
    EXPECT_EQ(alert_for("x", 24), 10);
    EXPECT_EQ(alert_for(forge->record(std::string(20, '\0'))), 10) << "nothing but padding";
    EXPECT_EQ(alert_for("", handshake), 10);
    EXPECT_EQ(alert_for("", alert), 10);
    EXPECT_EQ(alert_for("\x01", alert), 50);
    EXPECT_EQ(alert_for(std::string("\x01\x00\x01\x00", 4), alert), 50);
}

TEST_P(TlsDetachedTest, HandshakeMessagesThatMayNotComeHere) {
    EXPECT_EQ(alert_for(std::string("\x04\0\0\x01\0", 5), handshake), 10) << "a ticket";
    EXPECT_EQ(alert_for(std::string("\x01\0\0\x01\0", 5), handshake), 10) << "a ClientHello";
}

TEST_P(TlsDetachedTest, KeyUpdatesThatAreNone) { EXPECT_EQ(alert_for(key_update(2), handshake), 47); }

TEST_P(TlsDetachedTest, AKeyUpdateOfAnotherLength) {
    EXPECT_EQ(alert_for(std::string("\x18\0\0\x02\0\0", 6), handshake), 50);
}

TEST_P(TlsDetachedTest, NothingFollowsAKeyUpdateInItsRecord) {
    EXPECT_EQ(alert_for(key_update(0) + key_update(0), handshake), 10);
}

TEST_P(TlsDetachedTest, NothingInterruptsAHandshakeMessage) {
    EXPECT_EQ(give_inner("\x18", handshake).status, Status::more);
    EXPECT_EQ(alert_for("text", application_data), 10);
}

// RFC 6066 section 4.
class SmallFragments : public TlsDetachedTest {
protected:
    SmallFragments() : TlsDetachedTest(TLSEXT_max_fragment_length_512, "TLS_AES_128_GCM_SHA256") {}
};

TEST_F(SmallFragments, RecordsAreAsShortAsAgreed) {
    const auto records = cut_into_records(sent(std::string(1'100, 'f')));
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0].size(), tls_header_bytes + 512 + 1 + 16);
    EXPECT_EQ(client.receive(records[0] + records[1] + records[2]), std::string(1'100, 'f'));
    EXPECT_EQ(give_inner(std::string(512, 'f'), application_data).plain.size(), 512u);
    for (const std::string& record : records) reader->open(record);
    EXPECT_EQ(alert_for(std::string(513, 'f'), application_data), 22);
}

TEST(TlsDetached, OnlyOfThoseContextsThatWantIt) {
    TlsWorkspace workspace;
    MemoryClient client("TLS_AES_128_GCM_SHA256");
    const TlsSession::Secured secured =
        shake_hands(client, test_contexts({{"example.org"}}, false), workspace)->secured();
    EXPECT_FALSE(secured.successor);
    EXPECT_EQ(secured.info.cipher, "TLS_AES_128_GCM_SHA256");
}

// The client's last flight (RFC 8446 4.4.4), which the test may send in another form.
struct LastFlight {
    explicit LastFlight(TlsWorkspace& workspace) {
        SSL_do_handshake(client.ssl());
        client.give(hear(*session, cut_into_records(client.take()).at(0), workspace).output);
        SSL_do_handshake(client.ssl());
        records = cut_into_records(client.take());
        TlsForge opener(client.cipher(), client.client_handshake_secret);
        finished = opener.open(records.back());
        finished.pop_back();
        forge = std::make_unique<TlsForge>(client.cipher(), client.client_handshake_secret);
    }
    std::string record(std::string_view content) { return forge->record(TlsForge::with_type(content, handshake)); }

    MemoryClient client{"TLS_AES_128_GCM_SHA256"};
    std::unique_ptr<TlsSession> session = make_server_session(contexts(), nullptr);
    std::vector<std::string> records;
    std::string finished;  // the message
    std::unique_ptr<TlsForge> forge;
};

// What followed would be under the handshake's keys, and would be lost with OpenSSL's session.
TEST(TlsHandover, NothingFollowsFinishedInItsRecord) {
    for (const std::string& more : {key_update(0), key_update(1), std::string("\x18"), std::string("\0", 1)}) {
        TlsWorkspace workspace;
        LastFlight flight(workspace);
        const Heard heard = hear(*flight.session, flight.record(flight.finished + more), workspace);
        EXPECT_EQ(heard.status, Status::failed);
        const std::string alerted = TlsForge(flight.client.cipher(), flight.client.server_secret).open(heard.output);
        EXPECT_EQ(alerted, std::string("\x02\x0a\x15")) << hex_encode(alerted);
    }
}

// RFC 8446 4.6.3, 4.4.4.
TEST(TlsHandover, NothingComesInsteadOfFinished) {
    const std::pair<std::string, int> strangers[] = {
        {key_update(0), handshake}, {key_update(1), handshake}, {"text", application_data}, {"", handshake}};
    for (const auto& [content, type] : strangers) {
        TlsWorkspace workspace;
        LastFlight flight(workspace);
        const Heard heard = hear(*flight.session, flight.forge->record(TlsForge::with_type(content, type)), workspace);
        EXPECT_EQ(heard.status, Status::failed);
        EXPECT_EQ(TlsForge(flight.client.cipher(), flight.client.server_secret).open(heard.output),
                  std::string("\x02\x0a\x15"))
            << hex_encode(content);
    }
}

TEST(TlsHandover, FinishedMayComeInPieces) {
    TlsWorkspace workspace;
    LastFlight flight(workspace);
    EXPECT_EQ(hear(*flight.session, flight.record(flight.finished.substr(0, 3)), workspace).status, Status::more);
    EXPECT_EQ(hear(*flight.session, flight.record(flight.finished.substr(3)), workspace).status, Status::secured);
    const auto session = flight.session->secured().successor;
    for (const std::string& record : cut_into_records(flight.client.send("text")))
        EXPECT_EQ(hear(*session, record, workspace).plain, "text");
}

TEST(TlsHandover, AfterARetryOfTheHello) {
    TlsWorkspace workspace;
    MemoryClient client("TLS_AES_128_GCM_SHA256");
    ASSERT_EQ(SSL_set1_groups_list(client.ssl(), "P-521:X25519"), 1);
    const auto session = shake_hands(client, contexts(), workspace)->secured().successor;
    for (const std::string& record : cut_into_records(client.send("text")))
        EXPECT_EQ(hear(*session, record, workspace).plain, "text");
    ASSERT_TRUE(session->send("answer", workspace));
    EXPECT_EQ(client.receive(workspace.output), "answer");
}

// A key of its own invention, under which a client may send early data (RFC 8446 4.2.10).
int use_invented_key(SSL* ssl, const EVP_MD*, const unsigned char** id, std::size_t* id_size, SSL_SESSION** session) {
    static const std::array<unsigned char, 32> secret{1, 2, 3};
    *session = SSL_SESSION_new();
    *id = secret.data(), *id_size = 3;
    return SSL_SESSION_set1_master_key(*session, secret.data(), secret.size()) == 1 &&
           SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, (const unsigned char*)"\x13\x01")) == 1 &&
           SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION) == 1 &&
           SSL_SESSION_set_max_early_data(*session, 10'000) == 1;
}

TEST(TlsHandover, EarlyDataIsNotHeard) {
    TlsWorkspace workspace;
    MemoryClient client("TLS_AES_128_GCM_SHA256");
    SSL_set_psk_use_session_callback(client.ssl(), use_invented_key);
    std::size_t written = 0;
    SSL_write_early_data(client.ssl(), "early", 5, &written);
    ASSERT_EQ(written, 5u);
    const auto session = shake_hands(client, contexts(), workspace)->secured().successor;
    EXPECT_EQ(SSL_get_early_data_status(client.ssl()), SSL_EARLY_DATA_REJECTED);
    for (const std::string& record : cut_into_records(client.send("text")))
        EXPECT_EQ(hear(*session, record, workspace).plain, "text");
    ASSERT_TRUE(session->send("answer", workspace));
    EXPECT_EQ(client.receive(workspace.output), "answer");
}

// A client on a socket: its records wait, from the last flight of the handshake on, until they are sent in one piece.
class WireClient {
public:
    explicit WireClient(std::uint16_t port) : socket(port) {
        SSL_do_handshake(tls.ssl());
        socket.send(tls.take());
        while (SSL_do_handshake(tls.ssl()) != 1) tls.give(receive_record());
        waiting = tls.take();
        forge = std::make_unique<TlsForge>(tls.cipher(), tls.client_secret);
        reader = std::make_unique<TlsForge>(tls.cipher(), tls.server_secret);
    }

    void add(std::string_view content, int type) { waiting += forge->record(TlsForge::with_type(content, type)); }
    void add_key_update(int request) {
        add(key_update(request), handshake);
        forge->update();
    }
    void send() { socket.send(std::exchange(waiting, {})); }

    // The inner plaintext of the next record; empty: the end.
    std::string receive() {
        const std::string record = receive_record();
        if (record.empty()) return {};
        const std::string inner = reader->open(record);
        if (inner.ends_with(static_cast<char>(handshake))) reader->update();
        return inner;
    }
    std::vector<std::string> receive_rest() {
        std::vector<std::string> all;
        for (std::string inner; !(inner = receive()).empty();) all.push_back(inner);
        return all;
    }

    PlainClient socket;
    MemoryClient tls{"TLS_AES_128_GCM_SHA256"};
    std::string waiting;
    std::unique_ptr<TlsForge> forge, reader;

private:
    std::string receive_record() {
        const std::string header = socket.receive(tls_header_bytes);
        if (header.size() < tls_header_bytes) return {};
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(header[i]); };
        return header + socket.receive(std::size_t{byte(3)} << 8 | byte(4));
    }
};

class TlsDetachedChannel : public testing::Test {
protected:
    LoopThread thread;
    TestServer server{thread, echo, direct_tls(), contexts()};

    CloseReason close_reason() {
        EXPECT_TRUE(eventually([&] { return server.peer().is_closed(); }));
        return server.peer().reason;
    }
};

const std::string close_notify("\1\0\x15", 3);

TEST_F(TlsDetachedChannel, EverythingInOneReadWithFinished) {
    WireClient client(server.port());
    client.add("before", application_data);
    client.add_key_update(1);
    client.add("behind", application_data);
    client.add(std::string("\1\0", 2), alert);
    client.add("late", application_data);
    client.send();
    const std::vector<std::string> expected = {key_update(0) + "\x16", "beforebehind\x17", close_notify};
    EXPECT_EQ(client.receive_rest(), expected);
    EXPECT_EQ(server.peer().received(), "beforebehind");
    EXPECT_EQ(close_reason(), CloseReason::peer_closed);
}

// RFC 8446 section 6: an alert that ends it is the last thing that is sent.
TEST_F(TlsDetachedChannel, NothingFollowsAnAlert) {
    WireClient client(server.port());
    client.add("text", application_data);
    client.add(key_update(2), handshake);
    client.send();
    EXPECT_EQ(client.receive_rest(), std::vector<std::string>{"\x02\x2f\x15"});
    EXPECT_EQ(server.peer().received(), "text");
    EXPECT_EQ(close_reason(), CloseReason::tls_failed);
}

TEST_F(TlsDetachedChannel, NothingAnswersAnAlert) {
    WireClient client(server.port());
    client.add("text", application_data);
    client.add("\2\x50", alert);
    client.send();
    EXPECT_EQ(client.receive_rest(), std::vector<std::string>{});
    EXPECT_EQ(close_reason(), CloseReason::tls_failed);
}

// RFC 8446 6.1: who closes without an alert says so.
TEST_F(TlsDetachedChannel, AFloodEndsWithCloseNotify) {
    WireClient client(server.port());
    client.add("text", application_data);
    for (int i = 0; i < 11; ++i) client.add("", application_data);
    client.send();
    const std::vector<std::string> expected = {"text\x17", close_notify};
    EXPECT_EQ(client.receive_rest(), expected);
    EXPECT_EQ(close_reason(), CloseReason::tls_failed);
}

TEST_F(TlsDetachedChannel, APauseHoldsKeyUpdatesAndCloseNotify) {
    server.prepare = [](Peer& peer) {
        peer.data = [](Peer& self, std::string_view) { self.channel->pause_reading(); };
    };
    WireClient client(server.port());
    client.add("one", application_data);
    client.add_key_update(1);
    client.add("two", application_data);
    client.add(std::string("\1\0", 2), alert);
    client.send();
    Peer& peer = server.peer();
    ASSERT_TRUE(eventually([&] { return peer.received() == "one"; }));
    thread.sync([&] { peer.channel->write("answer"); });
    EXPECT_EQ(client.receive(), "answer\x17") << "the request has not been read";
    thread.sync([&] { peer.channel->resume_reading(); });
    ASSERT_TRUE(eventually([&] { return peer.received() == "onetwo"; }));
    thread.sync([&] { peer.channel->write("more"); });
    EXPECT_EQ(client.receive(), key_update(0) + "\x16");
    EXPECT_EQ(client.receive(), "more\x17");
    thread.sync([&] { peer.channel->resume_reading(); });
    EXPECT_EQ(client.receive_rest(), std::vector<std::string>{close_notify});
}

// What was sealed before the request and what is sealed behind it, over a socket that is full meanwhile.
TEST_F(TlsDetachedChannel, AKeyUpdateMayBeAskedForWhileOutputWaits) {
    constexpr std::size_t much = 8'000'000;  // more than the kernel takes
    server.prepare = [](Peer& peer) {
        peer.data = [](Peer& self, std::string_view letter) { self.channel->write(std::string(much, letter[0])); };
    };
    WireClient client(server.port());
    client.add("a", application_data);
    client.send();
    Peer& peer = server.peer();
    ASSERT_TRUE(eventually([&] { return peer.received() == "a"; }));
    client.add_key_update(1);
    client.add("b", application_data);
    client.send();
    ASSERT_TRUE(eventually([&] { return peer.received() == "ab"; }));
    EXPECT_GT(thread.sync([&] { return peer.channel->output_bytes(); }), much);
    std::size_t count = 0, updates = 0;
    while (count < 2 * much) {
        const std::string inner = client.receive();
        ASSERT_NE(inner, "");
        if (inner == key_update(0) + "\x16") {
            ++updates;
            continue;
        }
        ASSERT_EQ(inner[0], count < much ? 'a' : 'b');
        ASSERT_TRUE(inner.ends_with('\x17'));
        count += inner.size() - 1;
    }
    EXPECT_EQ(count, 2 * much);
    EXPECT_EQ(updates, 1u);
}

// At every piece of data, with a KeyUpdate in pieces, and one not yet answered, on the way.
TEST_F(TlsDetachedChannel, MovesBetweenLoopsAmongKeyUpdates) {
    LoopThread other;
    server.prepare = [&](Peer& peer) {
        peer.data = [&](Peer& self, std::string_view bytes) {
            LoopThread& there = Loop::current() == &thread.loop ? other : thread;
            auto parked = std::make_shared<Parked>(self.channel->release());
            self.channel.reset();  // the other thread has the peer from here on
            there.loop.post([&, parked, text = std::string(bytes)] {
                self.adopt(there.loop, std::move(*parked));
                self.channel->write(text);
            });
        };
    };
    WireClient client(server.port());
    const std::string update = key_update(1);
    for (const char letter : {'a', 'b', 'c'}) {
        client.add({&letter, 1}, application_data);
        client.add(update.substr(0, 2), handshake);
        client.add(update.substr(2), handshake);
        client.forge->update();
        client.add({&letter, 1}, application_data);
    }
    client.send();
    std::string heard;
    for (int updates = 0; heard.size() < 6 || updates < 1;) {
        const std::string inner = client.receive();
        ASSERT_NE(inner, "");
        if (inner.ends_with('\x16')) ++updates;
        if (inner.ends_with('\x17')) heard.append(inner, 0, inner.size() - 1);
    }
    EXPECT_EQ(heard, "aabbcc");
    EXPECT_TRUE(eventually([&] { return thread.loop.gauges().tls_sockets + other.loop.gauges().tls_sockets == 1; }));
    const bool at_home = thread.loop.gauges().tls_sockets == 1;
    (at_home ? thread : other).sync([&] { server.peer().channel.reset(); });
}

TEST_F(TlsDetachedChannel, DestroyedInACallbackWithRecordsBehind) {
    for (const bool at_once : {true, false}) {
        server.prepare = [&](Peer& peer) {
            const auto destroy = [](Peer& self) { self.channel.reset(); };
            if (at_once) peer.on_secure = destroy;
            if (!at_once) peer.data = [=](Peer& self, std::string_view) { destroy(self); };
        };
        WireClient client(server.port());
        client.add("text", application_data);
        client.add_key_update(1);
        client.add(key_update(2), handshake);
        client.send();
        EXPECT_TRUE(client.socket.closed_by_peer());
    }
}

}  // namespace
}  // namespace rookery
