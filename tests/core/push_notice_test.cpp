// What wakes a device, what its service is told, and when (XEP-0357): the pure parts of modules/push.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/services/push_notice.h"
#include "core/services/push_registration.h"
#include "core/services/push_wakes.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::push {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr SteadyTime start{};

Notice notice() {
    Notice one;
    one.account = Jid::parse("juliet@localhost").value();
    one.service = Jid::parse("push.localhost").value();
    one.node = "n1";
    one.count = 2;
    one.last = Happening{"romeo@localhost/orchard", "hello", ""};
    return one;
}

xml::Element enable(const std::string& rest) {
    return xml::parse_document("<enable xmlns='urn:xmpp:push:0' jid='push.localhost'" + rest).value();
}

TEST(PushNotice, IsTriedAgainLessAndLessOftenAndGivenUp) {
    Notice one = notice();
    for (const int pause : {10, 60, 300, 1'800}) {
        ASSERT_TRUE(one.try_again(start));
        EXPECT_EQ(one.due, start + Seconds(pause));
        EXPECT_TRUE(one.news);
    }
    EXPECT_FALSE(one.try_again(start));
    one.told(start);
    EXPECT_TRUE(one.try_again(start)) << "what was told begins anew";
}

TEST(PushNotice, WhatIsSentIsNoNews) {
    Notice one = notice();
    one.news = true;
    one.sent("push1", start);
    EXPECT_FALSE(one.news);
    EXPECT_EQ(one.due, start + Seconds(60));
}

TEST(PushNotice, SaysWhatItMay) {
    EXPECT_THAT(publication(notice(), Told{}).to_string(), HasSubstr("<value>New message</value>"));
    EXPECT_THAT(publication(notice(), Told{}).to_string(), Not(HasSubstr("romeo")));
    const std::string all = publication(notice(), Told{true, IncludedBody{true, ""}}).to_string();
    EXPECT_THAT(all, HasSubstr("<value>romeo@localhost/orchard</value>"));
    EXPECT_THAT(all, HasSubstr("<value>hello</value>"));
    EXPECT_THAT(publication(notice(), Told{false, IncludedBody{false, ""}}).to_string(), Not(HasSubstr("last-message")));
}

TEST(PushNotice, WithoutAMessageSaysNothingOfOne) {
    Notice one = notice();
    one.last = {};
    EXPECT_THAT(publication(one, Told{true, IncludedBody{true, ""}}).to_string(), Not(HasSubstr("last-message")));
}

TEST(PushRegistration, ComesBackFromTheDocument) {
    const std::string form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"
                             "http://jabber.org/protocol/pubsub#publish-options</value></field></x>";
    const auto read = read_enable(enable(" node='a&amp;b'>" + form + "</enable>"), "phone");
    const auto& one = std::get<Registration>(read);
    const std::vector<Registration> back = read_document(write_document({one, one}));
    ASSERT_EQ(back.size(), 2u);
    EXPECT_TRUE(back[1].is_at(one.service, "a&b"));
    EXPECT_EQ(back[1].resource, "phone");
    EXPECT_EQ(back[1].options, form);
}

TEST(PushRegistration, HasBounds) {
    const auto condition = [](const std::string& rest) { return std::get<StanzaError>(read_enable(enable(rest), "r")).condition; };
    EXPECT_EQ(condition(" node='" + std::string(1'024, 'n') + "'/>"), Condition::not_acceptable);
    const std::string form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"
                             "http://jabber.org/protocol/pubsub#publish-options</value></field><field var='s'><value>" +
                             std::string(8'192, 's') + "</value></field></x>";
    EXPECT_EQ(condition(">" + form + "</enable>"), Condition::not_acceptable);
}

TEST(PushRegistration, ADamagedDocumentHoldsNone) {
    EXPECT_TRUE(read_document("").empty());
    EXPECT_TRUE(read_document("<registrations xmlns='urn:xmpp:push:0'><registration jid='@'/></registrations>").empty());
}

}  // namespace
}  // namespace rookery::push
