// The stream by itself: what a whole login cannot show.
#include "c2s/stream.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "tests/support/test_server.h"
#include "xmpp/sasl/credentials.h"
#include "xmpp/sasl/mechanism.h"

namespace rookery::test {
namespace {

class StreamTest : public testing::Test {
protected:
    StreamTest() {
        policy->starttls = policy->starttls_required = false;
        policy->fake_secret = "secret";
        stream.emplace(home, *policy);
    }
    ~StreamTest() override { stream.reset(); }

    StreamEvent feed(std::string_view bytes) {
        stream->feed(bytes);
        const StreamEvent event = stream->next();
        stream->park_input();
        return event;
    }

    const std::shared_ptr<StreamPolicy> policy = std::make_shared<StreamPolicy>();
    TestServer server;
    xml::ParserPool parsers;
    const StreamHome home{server.assembly().shards().at(0), parsers};
    std::optional<Stream> stream;
};

const std::string header =
    "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string auth =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>";

// L2, RFC 6120 5.4.2.2.
TEST_F(StreamTest, StarttlsWhereThereIsNoneFailsAndEndsIt) {
    EXPECT_EQ(feed(header + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), StreamEvent::closed);
    const std::string said = stream->take_output();
    EXPECT_NE(said.find("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><stream:error><policy-violation"), std::string::npos) << said;
    EXPECT_TRUE(said.ends_with("</stream:stream>")) << said;
}

TEST_F(StreamTest, KeysThatComeTooLateDoNotOpenItAgain) {
    ASSERT_EQ(feed(header + auth), StreamEvent::need_credentials);
    stream->close(StreamError(StreamCondition::connection_timeout));
    stream->take_output();
    stream->provide(Credentials{});
    EXPECT_EQ(stream->next(), StreamEvent::closed);
    stream->fail_auth(SaslCondition::temporary_auth_failure);
    EXPECT_EQ(stream->next(), StreamEvent::closed);
    EXPECT_TRUE(stream->is_closed());
    EXPECT_EQ(stream->take_output(), "");
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
    const std::size_t begin = text.find(before) + before.size();
    return text.substr(begin, text.find(after, begin) - begin);
}

// A11: the hash in the challenge is of what this stream offered, so a client sees that somebody took a mechanism away.
TEST_F(StreamTest, AnAlteredListOfMechanismsIsSeenByTheClient) {
    policy->disabled_mechanisms = {"SCRAM-SHA-1"};
    feed(header);
    const std::string features = stream->take_output();
    std::vector<std::string> offered;
    for (std::size_t at = 0; (at = features.find("<mechanism>", at)) != std::string::npos; ++at)
        offered.push_back(between(features.substr(at), "<mechanism>", "</mechanism>"));
    ASSERT_EQ(offered.size(), 3u) << features;
    ASSERT_EQ(feed("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>" +
                   base64_encode("n,,n=juliet,r=0123456789") + "</auth>"),
              StreamEvent::need_credentials);
    stream->provide(Credentials{});
    stream->next();
    const std::string challenge = *base64_decode(between(stream->take_output(), "xmpp-sasl'>", "<"));
    const std::string hash = between(challenge, ",h=", ",");
    EXPECT_EQ(hash, downgrade_hash(HashAlgorithm::sha256, offered, {}));
    offered.erase(offered.begin());
    EXPECT_NE(hash, downgrade_hash(HashAlgorithm::sha256, offered, {}));
}

TEST_F(StreamTest, TheHashIsLeftOutForClientsThatStumbleOverIt) {
    policy->downgrade_protection = false;
    ASSERT_EQ(feed(header + "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>" +
                   base64_encode("n,,n=juliet,r=0123456789") + "</auth>"),
              StreamEvent::need_credentials);
    stream->take_output();
    stream->provide(Credentials{});
    stream->next();
    const std::string challenge = *base64_decode(between(stream->take_output(), "xmpp-sasl'>", "<"));
    EXPECT_EQ(challenge.find(",h="), std::string::npos) << challenge;
}

// A client in a hurry sends all it has to say at once; each wait parks what is left of it.
TEST_F(StreamTest, WhatCameWithTheLoginIsReadAfterIt) {
    Credentials keys;
    keys.push_back(make_scram_keys(HashAlgorithm::sha256, "secret", "salt", 4096));
    ASSERT_EQ(feed(header + auth + header + "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"),
              StreamEvent::need_credentials);
    stream->provide(keys);
    ASSERT_EQ(stream->next(), StreamEvent::check_password);
    stream->park_input();
    stream->park_input();
    stream->password_checked(true);
    ASSERT_EQ(stream->next(), StreamEvent::authenticated);
    stream->park_input();
    stream->rebind(home);
    EXPECT_EQ(stream->next(), StreamEvent::bind);
}

TEST_F(StreamTest, AVerdictThatComesTooLateIsForNobody) {
    ASSERT_EQ(feed(header + auth), StreamEvent::need_credentials);
    stream->provide(Credentials{});
    ASSERT_EQ(stream->next(), StreamEvent::check_password);
    stream->close(StreamError(StreamCondition::connection_timeout));
    stream->take_output();
    stream->password_checked(true);
    EXPECT_EQ(stream->next(), StreamEvent::closed);
    EXPECT_FALSE(stream->authenticated());
    EXPECT_EQ(stream->take_output(), "");
}

}  // namespace
}  // namespace rookery::test
