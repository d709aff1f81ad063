// From what was typed to arguments, and from results to what is shown.
#include "admin/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/json.h"

namespace rookery {
namespace {

using testing::HasSubstr;

Task<Result<Value>> nothing(CommandContext, Arguments) { co_return Value(); }

const Command& example() {
    static const Command command{"kick", "sessions", "Kick somebody",
                                 {{"user", ArgType::text, "who"},
                                  {"count", ArgType::integer, "how often"},
                                  {"hard", ArgType::boolean, "or softly", true}},
                                 nothing};
    return command;
}

TEST(CommandLine, NamesArgumentsByPosition) {
    EXPECT_EQ(to_json(named_arguments(example(), {"juliet", "-3", "true"}).value()), R"({"user":"juliet","count":-3,"hard":true})");
    EXPECT_EQ(to_json(named_arguments(example(), {"juliet", "3"}).value()), R"({"user":"juliet","count":3})");
}

TEST(CommandLine, SaysWhatIsWrong) {
    EXPECT_THAT(named_arguments(example(), {"juliet"}).error().message, HasSubstr("usage: rookery kick USER COUNT [HARD]\ncount: how often"));
    EXPECT_THAT(named_arguments(example(), {"juliet", "3x"}).error().message, HasSubstr("'count' must be a whole number"));
    EXPECT_THAT(named_arguments(example(), {"juliet", "99999999999999999999"}).error().message, HasSubstr("'count'"));
    EXPECT_THAT(named_arguments(example(), {"juliet", "3", "yes"}).error().message, HasSubstr("'hard' must be true or false"));
    EXPECT_THAT(named_arguments(example(), {"juliet", "3", "true", "more"}).error().message, HasSubstr("usage:"));
}

TEST(CommandLine, SuggestsTheOptionThatWasMeant) {
    const std::vector<std::string> options = {"--help", "--config", "--data"};
    EXPECT_EQ(unknown_argument("serve", "--confg", options),
              "'serve' has no option '--confg'; did you mean '--config'? ('rookery serve --help' lists all)");
    EXPECT_THAT(unknown_argument("serve", "--confg=secret.yml", options), HasSubstr("'--confg'; did you mean '--config'?"));
    EXPECT_EQ(unknown_argument("check", "x.yml", options), "'check' has no argument 'x.yml' ('rookery check --help' lists all)");
}

TEST(CommandLine, ShowsResults) {
    EXPECT_EQ(to_table(Value()), "");
    EXPECT_EQ(to_table(Value("done")), "done\n");
    EXPECT_EQ(to_table(Value(7)), "7\n");
    EXPECT_EQ(to_table(Value::list()), "");
    EXPECT_EQ(to_table(Value::list({"a", "b"})), "a\nb\n");
    EXPECT_EQ(to_table(Value::object({{"name", "bob"}, {"age", 7}})), "name: bob\nage: 7\n");
    const Value rows = Value::list({Value::object({{"jid", "juliet@localhost"}, {"priority", 5}}),
                                    Value::object({{"jid", "r@l"}, {"priority", -1}})});
    EXPECT_EQ(to_table(rows), "jid               priority\njuliet@localhost  5\nr@l               -1\n");
}

// What users put into a status or a resource must not steer the administrator's terminal.
TEST(CommandLine, ShowsNoControlCharacters) {
    EXPECT_EQ(to_table(Value("a\x1b[2Jb\nc\x7f")), "a?[2Jb?c?\n");
    EXPECT_EQ(to_table(Value::list({"x\ry"})), "x?y\n");
    EXPECT_EQ(to_table(Value("\xC3\xA4 \xC2\x9B")), "\xC3\xA4 ?\n");  // a C1 control is one too
}

TEST(CommandLine, ListsVerbsByGroup) {
    CommandTable table;
    table.add(example());
    EXPECT_THAT(command_overview(table), HasSubstr("sessions:\n  kick USER COUNT [HARD]"));
}

}  // namespace
}  // namespace rookery
