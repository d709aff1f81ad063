#include <gtest/gtest.h>

#include "core/access.h"
#include "tests/support/test_server.h"

namespace rookery::test {
namespace {

Host& localhost(TestServer& server) { return *server.assembly().shards().at(0).find_host("localhost"); }

TEST(HostAccess, SessionsOfAnAccountFollowTheShaperRuleThenTheOption) {
    TestServerOptions options;
    options.config_yaml =
        "max_user_sessions: 7\nacl: {admin: {user: admin}, guests: {user: guest}}\n"
        "shaper_rules: {max_user_sessions: [20: admin, 3: guests]}\n";
    TestServer server(options);
    EXPECT_EQ(localhost(server).max_sessions(*Jid::parse("admin@localhost")), 20u);
    EXPECT_EQ(localhost(server).max_sessions(*Jid::parse("guest@localhost")), 3u);
    EXPECT_EQ(localhost(server).max_sessions(*Jid::parse("bob@localhost")), 7u);
}

TEST(HostAccess, RulesByNameAndInPlace) {
    TestServerOptions options;
    options.config_yaml = "acl: {admin: {user: admin}}\naccess_rules: {rule: {allow: admin}}\n";
    TestServer server(options);
    const Jid admin = *Jid::parse("admin@localhost"), bob = *Jid::parse("bob@localhost");
    EXPECT_TRUE(localhost(server).allows("rule", admin));
    EXPECT_FALSE(localhost(server).allows("rule", bob));
    EXPECT_TRUE(localhost(server).allows(AccessRule("rule"), admin));
    EXPECT_TRUE(localhost(server).allows(AccessRule(), bob));
}

}  // namespace
}  // namespace rookery::test
