// A detached connection that goes on in another program.
#include <gtest/gtest.h>

#include "base/record.h"
#include "net/tls_detached.h"
#include "tests/net/support.h"
#include "tests/net/tls_forge.h"

namespace rookery {
namespace {

using namespace test;
using Status = TlsSession::Status;

std::unique_ptr<TlsSession> moved(const TlsSession& session) {
    RecordWriter record;
    EXPECT_TRUE(session.save(record));
    RecordReader reader(record.bytes());
    return restore_detached_session(reader);
}

class TlsRecordTest : public testing::TestWithParam<const char*> {
protected:
    TlsRecordTest() : client(GetParam(), 0) {
        session = shake_hands(client, test_contexts(), workspace)->secured().successor;
    }

    std::string heard(std::string_view records) {
        std::string plain;
        for (const std::string& record : cut_into_records(std::string(records))) {
            const Heard heard = hear(*session, record, workspace);
            plain += heard.plain;
            answers += heard.output;
        }
        return plain;
    }
    std::string sent(std::string_view plain) {
        EXPECT_TRUE(session->send(plain, workspace));
        return std::exchange(answers, {}) + std::exchange(workspace.output, {});
    }

    TlsWorkspace workspace;
    MemoryClient client;
    std::unique_ptr<TlsSession> session;
    std::string answers;
};

INSTANTIATE_TEST_SUITE_P(Ciphers, TlsRecordTest,
                         testing::Values("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"));

TEST_P(TlsRecordTest, GoesOnWhereItWas) {
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(heard(client.send("to the server")), "to the server");
        EXPECT_EQ(client.receive(sent(std::string(40'000, 'x'))), std::string(40'000, 'x'));
        session = moved(*session);
        ASSERT_TRUE(session);
    }
}

TEST_P(TlsRecordTest, GoesOnWithNewKeys) {
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
        EXPECT_EQ(heard(client.send("after")), "after");
        session = moved(*session);
        ASSERT_TRUE(session);
        const std::string answer = sent("answer");
        EXPECT_EQ(cut_into_records(answer).size(), 2u) << "its own key is new, too";
        EXPECT_EQ(client.receive(answer), "answer");
    }
}

TEST_P(TlsRecordTest, GoesOnInTheMiddleOfAKeyUpdate) {
    TlsForge forge(client.cipher(), client.client_secret);
    const std::string message("\x18\0\0\x01\0", 5);
    for (std::size_t i = 0; i < message.size(); ++i) {
        EXPECT_EQ(heard(forge.record(TlsForge::with_type(message.substr(i, 1), 22, 0))), "");
        session = moved(*session);
        ASSERT_TRUE(session);
    }
    forge.update();
    EXPECT_EQ(heard(forge.record(TlsForge::with_type("after", 23, 0))), "after");
}

TEST_P(TlsRecordTest, KeepsTheLimitOfItsKeys) {
    session = make_detached_session({.suite = *tls_suite(GetParam()),
                                     .read_secret = client.client_secret,
                                     .write_secret = client.server_secret,
                                     .records_per_key = 3});
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(client.receive(sent("text")), "text");
        session = moved(*session);
    }
    EXPECT_EQ(client.receive(sent(std::string(200'000, 'y'))), std::string(200'000, 'y'));
}

TEST_P(TlsRecordTest, WhatCannotBeOneIsNone) {
    RecordWriter record;
    ASSERT_TRUE(session->save(record));
    const std::string_view whole = record.bytes();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        RecordReader reader(whole.substr(0, size));
        const bool restored = restore_detached_session(reader) != nullptr;
        EXPECT_TRUE(!restored || (reader.has(2) && reader.has(3))) << "without secrets";
    }
    RecordWriter other;
    other.number(1, 77);  // no such suite
    RecordReader reader(other.bytes());
    EXPECT_FALSE(restore_detached_session(reader));
}

TEST(TlsRecord, OpensslKeepsItsConnectionsToItself) {
    EXPECT_FALSE([] {
        RecordWriter record;
        return make_server_session(test_contexts(), nullptr)->save(record);
    }());
}

}  // namespace
}  // namespace rookery
