#include "bench/load/options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rookery::bench {
namespace {

Result<Options> parse(std::vector<std::string> words) {
    words.insert(words.begin(), "bench_load");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, reads_what_a_run_needs) {
    const auto options = parse({"chat", "--server", "127.0.0.2:5223", "--tls", "direct", "--pairs", "7", "--server-pid",
                                "12,34", "--auth", "scram-sha-256", "--json"});
    ASSERT_TRUE(options.ok());
    EXPECT_EQ(options->address, 0x7f000002U);
    EXPECT_EQ(options->port, 5223);
    EXPECT_EQ(options->tls, TlsUse::direct);
    EXPECT_EQ(options->pairs, 7U);
    EXPECT_EQ(options->server_pids, (std::vector{12, 34}));
    EXPECT_EQ(options->sasl, SaslChoice::scram_sha_256);
    EXPECT_TRUE(options->json);
}

TEST(Options, loads_this_machine_only) {
    EXPECT_FALSE(parse({"chat", "--server", "10.0.0.1:5222"}).ok());
    EXPECT_FALSE(parse({"chat", "--server", "192.0.2.1:5222"}).ok());
    EXPECT_FALSE(parse({"chat", "--source", "10.0.0.1"}).ok());
}

TEST(Options, refuses_what_makes_no_sense) {
    for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                   {"chat", "--nonsense", "1"},
                                                                   {"chat", "--pairs"},
                                                                   {"chat", "--pairs", "0"},
                                                                   {"chat", "--pairs", "-1"},
                                                                   {"chat", "--messages", "5x"},
                                                                   {"chat", "--server-pid", "1,"},
                                                                   {"chat", "--protocol", "relay", "--acks", "yes"},
                                                                   {"chat", "--window", "0"},
                                                                   {"chat", "--processes", "65"},
                                                                   {"chat", "--server", "127.0.0.1"}}) {
        EXPECT_FALSE(parse(words).ok()) << ::testing::PrintToString(words);
    }
}

TEST(Options, says_what_follows_from_others) {
    const auto options = parse({"room", "--domain", "example.org", "--sources", "4"});
    ASSERT_TRUE(options.ok());
    EXPECT_EQ(options->room_domain, "conference.example.org");
    EXPECT_EQ(options->source_address, 0x7f010001U);
    EXPECT_TRUE(parse({"archive", "--window", "0"}).ok());
    EXPECT_EQ(parse({"storm"})->processes, 2U);
    EXPECT_EQ(parse({"storm", "--processes", "3"})->processes, 3U);
}

}  // namespace
}  // namespace rookery::bench
