#include "core/worth_keeping.h"

#include <gtest/gtest.h>

#include <functional>

namespace rookery {
namespace {

using Kind = Worth::Kind;

Route route_of(MessageType type, const std::string& children) {
    std::string typed = "<message type='" + std::string(to_string(type)) + "'>" + children + "</message>";
    return Route(parse_stanza(typed).value());
}

Kind judged(MessageType type, const std::string& children, const std::function<void(Route&)>& note = {}) {
    Route route = route_of(type, children);
    if (note) note(route);
    return worth_keeping(route).kind;
}

const std::string body = "<body>x</body>";
const std::string composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

TEST(WorthKeeping, FollowsTheType) {
    EXPECT_EQ(judged(MessageType::normal, body), Kind::keep);
    EXPECT_EQ(judged(MessageType::chat, body), Kind::keep);
    EXPECT_EQ(judged(MessageType::headline, body), Kind::not_kept);
    EXPECT_EQ(judged(MessageType::groupchat, body), Kind::not_kept);
    EXPECT_EQ(judged(MessageType::error, body), Kind::not_kept);
}

TEST(WorthKeeping, PassesOverWhatSaysNothing) {
    EXPECT_EQ(judged(MessageType::chat, ""), Kind::passing);
    EXPECT_EQ(judged(MessageType::chat, composing), Kind::passing);
    EXPECT_EQ(judged(MessageType::chat, composing + "<thread>t</thread><no-copy xmlns='urn:xmpp:hints'/>"
                                        "<origin-id xmlns='urn:xmpp:sid:0' id='1'/>"), Kind::passing);
    EXPECT_EQ(judged(MessageType::chat, composing + body), Kind::keep);
}

TEST(WorthKeeping, KeepsReceiptsMarkersAndEncryptedWords) {
    EXPECT_EQ(judged(MessageType::chat, "<received xmlns='urn:xmpp:receipts' id='1'/>"), Kind::keep);
    EXPECT_EQ(judged(MessageType::chat, "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"), Kind::keep);
    EXPECT_EQ(judged(MessageType::chat, "<encrypted xmlns='eu.siacs.conversations.axolotl'/>"), Kind::keep);
}

TEST(WorthKeeping, HeedsHints) {
    const auto no_store = [](Route& route) { route.no_store = true; };
    const auto store = [](Route& route) { route.store = true; };
    EXPECT_EQ(judged(MessageType::chat, body, no_store), Kind::not_kept);
    EXPECT_EQ(judged(MessageType::chat, composing, no_store), Kind::passing);
    EXPECT_EQ(judged(MessageType::chat, composing, store), Kind::keep);
    EXPECT_EQ(judged(MessageType::headline, body, store), Kind::keep);
    EXPECT_EQ(judged(MessageType::error, body, store), Kind::not_kept);
}

}  // namespace
}  // namespace rookery
