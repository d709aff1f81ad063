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
        EXPECT_EQ(update.output.empty(), request == SSL_KEY_UPDATE_NOT_REQUESTED);
        EXPECT_EQ(give(records[1]).plain, "after");
        EXPECT_EQ(client.receive(update.output + sent("answer")), "answer");
    }
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

}  // namespace
}  // namespace rookery
