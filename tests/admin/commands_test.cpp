// The administrator's verbs on a whole server: names, arguments, results and what they do.
#include "admin/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/cli.h"
#include "admin/json.h"
#include "base/log.h"
#include "tests/modules/contacts.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::vector<std::string> names_of(const Value& object) {
    std::vector<std::string> names;
    for (const Value::Member& member : *object.as_object()) names.push_back(member.name);
    return names;
}

std::vector<std::string> texts(const Value& list) {
    std::vector<std::string> all;
    for (const Value& item : *list.as_list()) all.push_back(item.string_or("?"));
    return all;
}

class Verbs : public testing::TestWithParam<unsigned> {
protected:
    static TestServerOptions options() {
        TestServerOptions wanted;
        wanted.shards = GetParam();
        return wanted;
    }
    Value run(const std::string& verb, Value::Object arguments = {}) {
        Result<Value> result = server.run_command(verb, std::move(arguments));
        if (!result.ok()) ADD_FAILURE() << verb << ": " << result.error().message;
        return result.ok() ? *result : Value();
    }
    ErrorCode failure(const std::string& verb, Value::Object arguments) {
        const Result<Value> result = server.run_command(verb, std::move(arguments));
        if (result.ok()) ADD_FAILURE() << verb << " succeeded: " << to_json(*result);
        return result.ok() ? ErrorCode::unavailable : result.error().code;
    }
    static Value::Object account(std::string user, std::string host = "localhost") {
        return {{"user", std::move(user)}, {"host", std::move(host)}};
    }
    static Value::Object with(Value::Object object, std::string name, Value value) {
        object.push_back({std::move(name), std::move(value)});
        return object;
    }

    TestServer server{options()};
};

// --- the table

// The issue's list; names and order of arguments are ejabberd's.
TEST(CommandNames, AreEjabberds) {
    const std::pair<const char*, std::vector<std::string>> wanted[] = {
        {"register", {"user", "host", "password"}},
        {"unregister", {"user", "host"}},
        {"change_password", {"user", "host", "newpass"}},
        {"ban_account", {"user", "host", "reason"}},
        {"unban_account", {"user", "host"}},
        {"check_account", {"user", "host"}},
        {"registered_users", {"host"}},
        {"registered_vhosts", {}},
        {"connected_users", {}},
        {"connected_users_number", {}},
        {"user_sessions_info", {"user", "host"}},
        {"kick_user", {"user", "host"}},
        {"kick_session", {"user", "host", "resource", "reason"}},
        {"send_message", {"type", "from", "to", "subject", "body"}},
        {"get_roster", {"user", "host"}},
        {"add_rosteritem", {"localuser", "localhost", "user", "host", "nick", "groups", "subs"}},
        {"delete_rosteritem", {"localuser", "localhost", "user", "host"}},
        {"get_last", {"user", "host"}},
        {"set_last", {"user", "host", "timestamp", "status"}},
        {"status", {}},
        {"stats", {"name"}},
        {"set_loglevel", {"loglevel"}},
        {"get_loglevel", {}},
        {"reload_config", {}},
        {"reopen_log", {}},
        {"stop", {}},
    };
    const CommandTable table = make_command_table();
    for (const auto& [name, arguments] : wanted) {
        const Command* command = table.find(name);
        ASSERT_TRUE(command) << name;
        std::vector<std::string> declared;
        for (const CommandArg& arg : command->args) declared.emplace_back(arg.name);
        EXPECT_EQ(declared, arguments) << name;
    }
}

TEST(CommandNames, PasswordsAreSecret) {
    const CommandTable table = make_command_table();
    EXPECT_TRUE(table.find("register")->args.back().secret);
    EXPECT_TRUE(table.find("change_password")->args.back().secret);
}

TEST_P(Verbs, ArgumentsAreChecked) {
    EXPECT_EQ(failure("regster", {}), ErrorCode::not_found);
    EXPECT_THAT(server.run_command("regster", {}).error().message, HasSubstr("did you mean 'register'?"));
    EXPECT_EQ(failure("check_account", {{"user", "juliet"}}), ErrorCode::invalid);
    EXPECT_EQ(failure("check_account", with(account("juliet"), "more", "x")), ErrorCode::invalid);
    EXPECT_EQ(failure("check_account", {{"user", 7}, {"host", "localhost"}}), ErrorCode::invalid);
}

// --- accounts

TEST_P(Verbs, MakeAndRemoveAccounts) {
    EXPECT_EQ(run("register", with(account("juliet"), "password", "secret")),
              Value("User juliet@localhost successfully registered"));
    EXPECT_EQ(failure("register", with(account("juliet"), "password", "secret")), ErrorCode::conflict);
    run("check_account", account("juliet"));
    TestClient juliet(server, "juliet@localhost/balcony");
    run("unregister", account("juliet"));
    juliet.receive();
    EXPECT_TRUE(juliet.closed());
    EXPECT_EQ(failure("check_account", account("juliet")), ErrorCode::not_found);
    EXPECT_EQ(failure("unregister", account("juliet")), ErrorCode::not_found);
}

TEST_P(Verbs, MakeNoAccountsOfBadNames) {
    const auto make = [&](const char* name, const char* host, const char* password) {
        return failure("register", with(account(name, host), "password", password));
    };
    EXPECT_EQ(make("", "localhost", "x"), ErrorCode::invalid);
    EXPECT_EQ(make("a@b", "localhost", "x"), ErrorCode::invalid);
    EXPECT_EQ(make("juliet", "elsewhere.example", "x"), ErrorCode::not_found);
    EXPECT_EQ(make("juliet", "localhost", ""), ErrorCode::invalid);
    EXPECT_EQ(make("ju\xE2\x80\x8Dliet", "localhost", "x"), ErrorCode::invalid);  // R3: zero-width joiner
    EXPECT_EQ(run("registered_users", {{"host", "localhost"}}), Value::list());
}

TEST_P(Verbs, ChangePasswords) {
    TestClient juliet(server, "juliet@localhost/balcony");
    run("change_password", with(account("juliet"), "newpass", "another"));
    juliet.receive();
    EXPECT_TRUE(juliet.closed());
    EXPECT_THROW(TestClient(server, "juliet@localhost/balcony"), std::runtime_error);
    EXPECT_EQ(failure("change_password", with(account("nobody"), "newpass", "x")), ErrorCode::not_found);
}

TEST_P(Verbs, BanAndUnban) {
    TestClient juliet(server, "juliet@localhost/balcony");
    run("ban_account", with(account("juliet"), "reason", "spam"));
    juliet.receive();
    EXPECT_TRUE(juliet.closed());
    EXPECT_THROW(TestClient(server, "juliet@localhost/balcony"), std::runtime_error);
    run("unban_account", account("juliet"));
    TestClient again(server, "juliet@localhost/balcony");
    EXPECT_EQ(failure("ban_account", account("nobody")), ErrorCode::not_found);
    EXPECT_EQ(failure("unban_account", account("nobody")), ErrorCode::not_found);
}

TEST_P(Verbs, ListAccountsAndDomains) {
    for (const char* name : {"romeo", "juliet"}) ASSERT_TRUE(server.make_account(name, "localhost", "secret").ok());
    ASSERT_TRUE(server.make_account("paris", "other.localhost", "secret").ok());
    EXPECT_THAT(texts(run("registered_users", {{"host", "localhost"}})), ElementsAre("juliet", "romeo"));
    EXPECT_EQ(failure("registered_users", {{"host", "elsewhere.example"}}), ErrorCode::not_found);
    EXPECT_THAT(texts(run("registered_vhosts")), ElementsAre("localhost", "other.localhost"));
}

// --- sessions

TEST_P(Verbs, ShowSessions) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    EXPECT_THAT(texts(run("connected_users")), ElementsAre("juliet@localhost/balcony", "romeo@localhost/orchard"));
    EXPECT_EQ(run("connected_users_number"), Value(2));
    juliet.ask("<presence><show>away</show><status>asleep</status><priority>5</priority></presence>");
    ASSERT_TRUE(server.advance(Seconds(7)).ok());
    const Value sessions = run("user_sessions_info", account("juliet"));
    ASSERT_EQ(sessions.as_list()->size(), 1u);
    const Value& session = sessions.as_list()->front();
    EXPECT_THAT(names_of(session), ElementsAre("connection", "ip", "port", "priority", "node", "uptime", "status", "resource",
                                               "statustext", "jid", "session", "tls", "mechanism", "backlog_bytes"));
    EXPECT_EQ(session["connection"], Value("c2s"));
    EXPECT_EQ(session["node"], Value("rookery@localhost"));
    EXPECT_EQ(session["ip"], Value("192.0.2.1"));
    EXPECT_EQ(session["port"], Value(40'000));
    EXPECT_EQ(session["priority"], Value(5));
    EXPECT_EQ(session["uptime"], Value(7));
    EXPECT_EQ(session["status"], Value("away"));
    EXPECT_EQ(session["statustext"], Value("asleep"));
    EXPECT_EQ(session["resource"], Value("balcony"));
    EXPECT_EQ(run("user_sessions_info", account("romeo")).as_list()->front()["status"], Value("unavailable"));
    ASSERT_TRUE(server.make_account("paris", "localhost", "secret").ok());
    EXPECT_EQ(run("user_sessions_info", account("paris")), Value::list());
    EXPECT_EQ(failure("user_sessions_info", account("nobody")), ErrorCode::not_found);
}

TEST_P(Verbs, EndSessions) {
    TestClient balcony(server, "juliet@localhost/balcony");
    TestClient chamber(server, "juliet@localhost/chamber");
    TestClient garden(server, "juliet@localhost/garden");
    run("kick_session", with(with(account("juliet"), "resource", "balcony"), "reason", "too loud"));
    EXPECT_THAT(balcony.receive(), HasSubstr("too loud"));
    EXPECT_TRUE(balcony.closed());
    EXPECT_EQ(failure("kick_session", with(account("juliet"), "resource", "balcony")), ErrorCode::not_found);
    EXPECT_EQ(failure("kick_session", with(account("juliet"), "resource", "")), ErrorCode::invalid);
    EXPECT_EQ(run("kick_user", account("juliet")), Value(2));
    chamber.receive();
    EXPECT_TRUE(chamber.closed());
    EXPECT_EQ(run("kick_user", account("juliet")), Value(0));
    EXPECT_EQ(failure("kick_user", account("nobody")), ErrorCode::not_found);
}

// --- messages

TEST_P(Verbs, SendMessages) {
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.become_available();
    const auto message = [](const char* type, const char* from, const char* to) {
        return Value::Object{{"type", type}, {"from", from}, {"to", to}, {"subject", "Hi"}, {"body", "Welcome"}};
    };
    run("send_message", message("chat", "admin@localhost", "juliet@localhost"));
    const std::string got = juliet.receive();
    EXPECT_THAT(got, HasSubstr("from='admin@localhost'"));
    EXPECT_THAT(got, HasSubstr("type='chat'"));
    EXPECT_THAT(got, HasSubstr(" id='"));
    EXPECT_THAT(got, HasSubstr("<subject>Hi</subject><body>Welcome</body>"));
    run("send_message", message("normal", "localhost", "juliet@localhost/balcony"));
    EXPECT_THAT(juliet.receive(), HasSubstr("Welcome"));
    EXPECT_EQ(failure("send_message", message("groupchat", "localhost", "juliet@localhost")), ErrorCode::invalid);
    EXPECT_EQ(failure("send_message", message("chat", "elsewhere.example", "juliet@localhost")), ErrorCode::invalid);
    EXPECT_EQ(failure("send_message", message("chat", "localhost", "@@")), ErrorCode::invalid);
    EXPECT_EQ(failure("send_message", message("chat", "localhost", "nobody@localhost")), ErrorCode::not_found);
    EXPECT_EQ(failure("send_message", message("chat", "localhost", "juliet@elsewhere.example")), ErrorCode::unavailable);
    for (const char* text : {"a\x01", "\xEF\xBF\xBF", "\xC3"}) {
        Value::Object odd = message("chat", "localhost", "juliet@localhost");
        odd.back().value = text;
        EXPECT_EQ(failure("send_message", odd), ErrorCode::invalid);
    }
}

// What breaks XML breaks the stream of whoever is shown it.
TEST_P(Verbs, TakeTextsThatXmlCanHold) {
    (void)server.make_account("juliet", "localhost", "secret");
    for (const char* odd : {"a\x01", "\xEF\xBF\xBE", "\xC3"}) {
        const Value::Object item{{"localuser", "juliet"}, {"localhost", "localhost"}, {"user", "romeo"},
                                 {"host", "localhost"}, {"nick", odd}, {"groups", "g"}, {"subs", "none"}};
        EXPECT_EQ(failure("add_rosteritem", item), ErrorCode::invalid);
        EXPECT_EQ(failure("ban_account", with(account("juliet"), "reason", odd)), ErrorCode::invalid);
    }
}

// --- rosters

TEST_P(Verbs, ShowRostersWithWhatIsPending) {
    befriend(server, "juliet@localhost", "romeo@localhost");
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient paris(server, "paris@localhost/hall");
    juliet_asks_nurse_and_paris_asks_juliet(server, juliet, paris);
    juliet.send("<iq type='set' id='r'><query xmlns='jabber:iq:roster'>"
                "<item jid='romeo@localhost' name='Romeo'><group>Love</group><group>Verona</group></item></query></iq>");
    const Value roster = run("get_roster", account("juliet"));
    std::vector<std::string> rows;
    for (const Value& row : *roster.as_list()) {
        EXPECT_THAT(names_of(row), ElementsAre("jid", "nick", "subscription", "pending", "groups"));
        rows.push_back(to_json(row));
    }
    EXPECT_THAT(rows, UnorderedElementsAre(
        R"({"jid":"romeo@localhost","nick":"Romeo","subscription":"both","pending":"none","groups":["Love","Verona"]})",
        R"({"jid":"nurse@localhost","nick":"","subscription":"none","pending":"out","groups":[]})",
        R"({"jid":"paris@localhost","nick":"","subscription":"none","pending":"in","groups":[]})"));
    EXPECT_EQ(failure("get_roster", account("nobody")), ErrorCode::not_found);
}

TEST_P(Verbs, ShowRequestsOfBothSidesAsSuch) {
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    romeo.send("<presence type='subscribe' to='juliet@localhost'/>");
    juliet.send("<presence type='subscribe' to='romeo@localhost'/>");
    const Value roster = run("get_roster", account("juliet"));
    ASSERT_EQ(roster.as_list()->size(), 1u);
    EXPECT_EQ(roster.as_list()->front()["pending"], Value("both"));
}

// --- the server

TEST_P(Verbs, CountWhatHappened) {
    TestClient juliet(server, "juliet@localhost/balcony");
    juliet.ask("<message to='juliet@localhost/balcony'><body>x</body></message>");
    const Value all = run("stats");
    EXPECT_THAT(names_of(all), ElementsAre("registeredusers", "onlineusers", "uptimeseconds", "logins", "messages", "presences",
                                           "iqs", "delivered", "undelivered", "refused"));
    EXPECT_EQ(all["registeredusers"], Value(1));
    EXPECT_EQ(all["messages"], Value(1));
    EXPECT_EQ(run("stats", {{"name", "onlineusers"}}), Value(1));
    ASSERT_TRUE(server.advance(Seconds(90)).ok());
    EXPECT_EQ(run("stats", {{"name", "uptimeseconds"}}), Value(90));
    EXPECT_EQ(failure("stats", {{"name", "weather"}}), ErrorCode::invalid);
}

TEST_P(Verbs, NameTheMemoryOfEachOwner) {
    const auto of = [this](const std::string& owner) {
        const Value rows = run("stats", {{"name", "memory"}});
        for (const Value& row : *rows.as_list())
            if (row["owner"] == Value(owner)) return row;
        ADD_FAILURE() << owner << " is not in " << to_json(rows);
        return Value::object();
    };
    EXPECT_TRUE(of("connections")["bytes_per_connection"].is_null());  // there is none
    TestClient juliet(server, "juliet@localhost/balcony");
    TestClient romeo(server, "romeo@localhost/orchard");
    for (const char* owner : {"connections", "sessions"}) {
        const Value row = of(owner);
        EXPECT_THAT(names_of(row), ElementsAre("owner", "count", "bytes", "bytes_per_connection"));
        EXPECT_EQ(row["count"], Value(2)) << owner;
        EXPECT_GT(row["bytes"].as_int(), 200) << owner;
    }
    EXPECT_EQ(of("connections")["bytes"].as_int(), *of("connections")["bytes_per_connection"].as_int() * 2);
    EXPECT_EQ(of("stream_management")["count"], Value(0));
    juliet.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    EXPECT_EQ(of("stream_management")["count"], Value(1));
    romeo.become_available();
    juliet.become_available();
    EXPECT_EQ(of("rosters")["count"], Value(2));
    juliet.leave();
    server.run_until_idle();
    EXPECT_EQ(of("sessions")["count"], Value(1));
}

TEST_P(Verbs, SetTheLogLevel) {
    const Value before = run("get_loglevel");
    for (const char* level : {"debug", "none", "error"}) {
        run("set_loglevel", {{"loglevel", level}});
        EXPECT_EQ(run("get_loglevel"), Value(level));
    }
    const std::pair<const char*, const char*> words[] = {
        {"notice", "info"}, {"alert", "critical"}, {"emergency", "critical"}, {"4", "info"}};
    for (const auto& [word, level] : words) {
        run("set_loglevel", {{"loglevel", word}});
        EXPECT_EQ(run("get_loglevel"), Value(level)) << word;
    }
    EXPECT_EQ(failure("set_loglevel", {{"loglevel", "loud"}}), ErrorCode::invalid);
    run("set_loglevel", {{"loglevel", before}});
}

TEST_P(Verbs, StopTheServer) {
    TestClient juliet(server, "juliet@localhost/balcony");
    run("stop");
    EXPECT_THAT(juliet.receive(), HasSubstr("<system-shutdown"));
    EXPECT_TRUE(juliet.closed());
}

INSTANTIATE_TEST_SUITE_P(Shards, Verbs, testing::Values(1u, 2u));

}  // namespace
}  // namespace rookery::test
