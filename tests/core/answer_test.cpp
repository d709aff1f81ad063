// A handler that throws costs its asker an error, not the connection, wherever the question came from.
#include "core/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;

const xml::Name register_name{"jabber:iq:register", "query"};
const xml::Name question_name{"urn:x", "q"};

IqReply fail_now(void*, Iq) { throw std::runtime_error("a bug"); }

Task<IqReply> fail_later(Loop& loop) {
    co_await next_turn(loop);
    throw std::runtime_error("a bug");
}
IqReply fail_after_a_wait(void*, Iq iq) { return fail_later(iq.host->shard().loop()); }

class BrokenHandler : public testing::TestWithParam<IqHandler> {
protected:
    void break_at(At where, const xml::Name& payload) {
        Features& features = server.assembly().shards().at(0).find_host("localhost")->features;
        features.add_iq(IqType::get, payload, where, Asker::anyone, "broken", this, GetParam());
    }

    TestServer server;
};

TEST_P(BrokenHandler, OfAStrangersRequest) {
    break_at(At::stranger, register_name);
    TestClient stranger = TestClient::stranger(server);
    const std::string question = "<iq type='get' id='q'><query xmlns='jabber:iq:register'/></iq>";
    EXPECT_THAT(stranger.ask(question), HasSubstr("<internal-server-error"));
    EXPECT_THAT(stranger.ask(question), HasSubstr("<internal-server-error"));
}

TEST_P(BrokenHandler, OfTheServerAndOfAnAccount) {
    break_at(At::host, question_name);
    break_at(At::account, question_name);
    TestClient juliet(server, "juliet@localhost/balcony");
    for (const char* to : {"localhost", "juliet@localhost"})
        EXPECT_THAT(juliet.ask("<iq type='get' id='q' to='" + std::string(to) + "'><q xmlns='urn:x'/></iq>"),
                    HasSubstr("<internal-server-error"));
}

INSTANTIATE_TEST_SUITE_P(NowAndLater, BrokenHandler, testing::Values(&fail_now, &fail_after_a_wait));

}  // namespace
}  // namespace rookery::test
