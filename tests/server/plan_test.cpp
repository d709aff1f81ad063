// What a reload says it changes, and what is told of faults outside the configuration's own words.
#include "server/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_dir.h"

namespace rookery {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class PlanTest : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text) {
        std::ofstream(folder_.file(name)) << text;
        return folder_.file(name);
    }
    Result<Plan> plan(const std::string& text) {
        return make_plan(write("f.yml", "hosts: [localhost]\n" + text), folder_.file("data"));
    }
    // Of a second reload, from `before` to `after`, of a program that was started with `started`.
    std::vector<std::string> changes(const std::string& before, const std::string& after, const std::string& started) {
        const Result<Plan> old = plan(before);
        const Result<Plan> now = plan(after);
        const Result<Plan> first = plan(started);
        if (!old.ok() || !now.ok() || !first.ok()) return {"no plan"};
        return differences(*old, *now, *first);
    }
    std::vector<std::string> changes(const std::string& before, const std::string& after) {
        return changes(before, after, before);
    }

    TempDir folder_;
};

TEST_F(PlanTest, SaysWhichListenersNeedARestart) {
    const std::string one = "listen: [{port: 16323}]\n";
    EXPECT_THAT(changes(one, one), ElementsAre());
    EXPECT_THAT(changes(one, "listen: [{port: 16324}]\n"),
                ElementsAre("listen changed: needs a restart (:: port 16323 removed, :: port 16324 added)"));
    EXPECT_THAT(changes(one, "listen: [{port: 16323, tls: true}]\n"),
                ElementsAre("listen changed: needs a restart (:: port 16323 changed)"));
    EXPECT_THAT(changes(one, "listen: [{port: 16323, backlog: 7}]\n"),
                ElementsAre("listen changed: needs a restart (:: port 16323 changed)"));
    EXPECT_THAT(changes(one, "listen: [{port: 16323, max_stanza_size: 65536, access: none}]\n"), ElementsAre("listen changed"));
}

// A secret is changed without a restart, and never shown.
TEST_F(PlanTest, ComponentsComeAndGoWithoutARestart) {
    const std::string one = "listen: [{port: 16323, module: ejabberd_service, hosts: {a.org: {password: x}}}]\n";
    const std::string two = "listen: [{port: 16323, module: ejabberd_service, hosts: {b.org: {password: y}}}]\n";
    EXPECT_THAT(changes(one, two), ElementsAre("listen changed"));
    EXPECT_THAT(changes(one, "listen: [{port: 16323}]\n"),
                ElementsAre("listen changed: needs a restart (:: port 16323 changed)"));
    const Result<Plan> made = plan(one);
    ASSERT_TRUE(made.ok());
    ASSERT_EQ(component_policies(*made).size(), 1u);
    EXPECT_EQ(*component_policies(*made)[0]->secret_of("a.org"), "x");
    EXPECT_EQ(component_policies(*made)[0]->secret_of("b.org"), nullptr);
}

TEST_F(PlanTest, SaysWhatNeedsARestartUntilThereWasOneOrItIsChangedBack) {
    const std::string one = "shards: 1\n", two = "shards: 2\n", three = "shards: 3\n";
    EXPECT_THAT(changes(one, two, one), ElementsAre("shards changed: needs a restart"));
    EXPECT_THAT(changes(two, two, one), ElementsAre("shards changed: needs a restart"));
    EXPECT_THAT(changes(two, three, one), ElementsAre("shards changed: needs a restart"));
    EXPECT_THAT(changes(two, one, one), ElementsAre("shards changed back: needs no restart"));
    EXPECT_THAT(changes(one, one, one), ElementsAre());
    EXPECT_THAT(changes(two, two + "language: de\n", one),
                ElementsAre("language changed", "shards changed: needs a restart"));
}

TEST_F(PlanTest, SaysWhichListenersNeedARestartUntilThereWasOneOrTheyAreChangedBack) {
    const std::string one = "listen: [{port: 16323}]\n", other = "listen: [{port: 16324}]\n";
    const char* const needed = "listen changed: needs a restart (:: port 16323 removed, :: port 16324 added)";
    EXPECT_THAT(changes(other, other, one), ElementsAre(needed));
    EXPECT_THAT(changes(other, "listen: [{port: 16324, shaper: none}]\n", one), ElementsAre(needed));
    EXPECT_THAT(changes(other, one, one), ElementsAre("listen changed"));
    EXPECT_THAT(changes(one, "listen: [{port: 16323, shaper: none}]\n", one), ElementsAre("listen changed"));
}

// Only read at the start.
TEST_F(PlanTest, SaysOfEveryOptionThatIsReadAtTheStartOnly) {
    for (const std::string option : {"log_file: x.log", "pre_auth_max_connections_per_ip: 7", "work_threads: 1", "durability: process",
                                     "default_db: sqlite"})
        EXPECT_THAT(changes("", option + "\n"), ElementsAre(HasSubstr("changed: needs a restart"))) << option;
}

TEST_F(PlanTest, APasswordOfTheDatabaseIsNotShownWhenItChanges) {
    const std::string sql = "default_db: sql\nsql_type: pgsql\nsql_password: ";
    EXPECT_THAT(changes(sql + "hunter2\n", sql + "hunter3\n"), ElementsAre("sql_password changed: needs a restart"));
}

TEST_F(PlanTest, NamesCertificateFilesAndTheirPlace) {
    const std::string empty = write("empty.pem", "");
    const auto error_of = [this](const std::string& text) {
        const Result<Plan> made = plan(text);
        return made.ok() ? "accepted" : made.error().message;
    };
    EXPECT_THAT(error_of("certfiles:\n  - " + empty + "\n"),
                AllOf(HasSubstr("f.yml:3:5: certfiles: no certificate in"), HasSubstr("empty.pem'")));
    EXPECT_THAT(error_of("certfiles: [/nonexistent.pem]\n"),
                HasSubstr("f.yml:2:13: certfiles: there is no file '/nonexistent.pem'"));
    const std::string alone = write("alone.pem", "-----BEGIN CERTIFICATE-----\n");
    EXPECT_THAT(error_of("certfiles: [" + empty + ", " + alone + "]\n"), HasSubstr("no private key for '" + alone + "'"));
}

// A12: what missing accounts may seem to have. Only what was served by counts.
TEST_F(PlanTest, RemembersHowKeysWereMade) {
    const auto forms = [this](const std::string& text, auto make) {
        const Result<Plan> made = make(write("f.yml", "hosts: [localhost]\nlisten: [{port: 16323}]\n" + text), folder_.file("data"));
        return made.ok() ? made->listeners.front().policy->stream->key_forms : std::vector<KeyForm>();
    };
    const KeyForm first{HashAlgorithm::sha256, 5'000}, second{HashAlgorithm::sha512, 6'000}, other{HashAlgorithm::sha256, 7'000};
    EXPECT_THAT(forms("auth_scram_iterations: 7000\n", make_plan), ElementsAre(other));
    EXPECT_THAT(forms("auth_scram_iterations: 5000\n", make_plan_to_serve), ElementsAre(first));
    const std::string later = "auth_scram_iterations: 6000\nauth_scram_hash: [sha, sha512]\n";
    EXPECT_THAT(forms(later, make_plan_to_serve), ElementsAre(first, second));
    EXPECT_THAT(forms(later, make_plan_to_serve), ElementsAre(first, second));
    EXPECT_THAT(forms("auth_scram_iterations: 5000\n", make_plan_to_serve), ElementsAre(first, second));
}

TEST_F(PlanTest, WarnsOfMistypedAclNames) {
    const Result<Plan> made = plan("access_rules:\n  c2s:\n    - deny: blokced\n    - allow\n");
    ASSERT_TRUE(made.ok());
    EXPECT_THAT(made->warnings, ElementsAre(HasSubstr("f.yml:4:13: no acl is named 'blokced', so it matches nobody; did you mean 'blocked'?")));
}

}  // namespace
}  // namespace rookery
