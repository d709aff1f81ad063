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
    std::vector<std::string> changes(const std::string& before, const std::string& after) {
        const Result<Plan> old = plan(before);
        const Result<Plan> now = plan(after);
        if (!old.ok() || !now.ok()) return {"no plan"};
        return differences(*old, *now);
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

TEST_F(PlanTest, WarnsOfMistypedAclNames) {
    const Result<Plan> made = plan("access_rules:\n  c2s:\n    - deny: blokced\n    - allow\n");
    ASSERT_TRUE(made.ok());
    EXPECT_THAT(made->warnings, ElementsAre(HasSubstr("f.yml:4:13: no acl is named 'blokced', so it matches nobody; did you mean 'blocked'?")));
}

}  // namespace
}  // namespace rookery
