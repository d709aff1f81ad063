#include "xmpp/precis.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace rookery::precis {
namespace {

void append_utf8(std::string& out, unsigned c) {
    const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
    if (c < 0x80) return put(c);
    if (c < 0x800) {
        put(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            put(0xE0 | c >> 12);
        } else {
            put(0xF0 | c >> 18);
            put(0x80 | (c >> 12 & 0x3F));
        }
        put(0x80 | (c >> 6 & 0x3F));
    }
    put(0x80 | (c & 0x3F));
}

std::string decode(const std::string& code_points) {
    std::string out;
    std::istringstream in(code_points);
    for (unsigned c = 0; in >> std::hex >> c;) append_utf8(out, c);
    return out;
}

// The input of a line; of a range its first, middle and last.
std::vector<std::string> inputs(const std::string& text) {
    const auto dash = text.find('-');
    if (dash == std::string::npos) return {decode(text)};
    const auto first = std::stoul(text.substr(0, dash), nullptr, 16);
    const auto last = std::stoul(text.substr(dash + 1), nullptr, 16);
    std::vector<std::string> result;
    for (const auto c : {first, (first + last) / 2, last}) append_utf8(result.emplace_back(), static_cast<unsigned>(c));
    return result;
}

struct Line {
    std::string profile, input, result;
};

std::vector<Line> oracle() {
    std::ifstream file(std::string(ROOKERY_SOURCE_DIR) + "/tests/xmpp/data/precis.tsv");
    std::vector<Line> lines;
    for (std::string text; std::getline(file, text);) {
        if (text.starts_with('#')) continue;
        Line line;
        std::istringstream in(text);
        std::getline(in, line.profile, '\t');
        std::getline(in, line.input, '\t');
        std::getline(in, line.result, '\t');
        lines.push_back(std::move(line));
    }
    return lines;
}

TEST(Precis, agrees_with_an_independent_implementation) {
    const auto lines = oracle();
    ASSERT_GT(lines.size(), 5'000u);
    int differences = 0;
    for (const auto& line : lines) {
        const auto apply = line.profile == "O" ? opaque_string : username_case_mapped;
        for (const auto& input : inputs(line.input)) {
            const auto result = apply(input).value_or("-");
            const auto expected = line.result == "-" ? "-" : line.result == "=" ? input : decode(line.result);
            if (input == "-" || result == expected) continue;
            EXPECT_LT(++differences, 20) << line.profile << " " << line.input << ": " << line.result << " is "
                                         << result;
        }
    }
    EXPECT_EQ(differences, 0);
}

TEST(Precis, what_needs_a_second_pass_gets_it) {
    // Lower case of U+0130 with its dot, and a final sigma that normalisation moves.
    EXPECT_EQ(username_case_mapped("\u0130"), "i\u0307");
    EXPECT_EQ(username_case_mapped("\u03A3\u0391\u03A3"), "\u03C3\u03B1\u03C2");
}

TEST(Precis, bytes_that_are_not_utf8_are_refused) {
    for (const auto* bytes : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE2\x82"}) {
        EXPECT_FALSE(username_case_mapped(bytes));
        EXPECT_FALSE(opaque_string(bytes));
        EXPECT_FALSE(nodeprep(bytes, Unassigned::allow));
        EXPECT_FALSE(resourceprep(bytes, Unassigned::allow));
        EXPECT_FALSE(is_single_script(bytes));
    }
    EXPECT_FALSE(opaque_string(""));
}

TEST(Precis, stringprep_of_old) {
    EXPECT_EQ(nodeprep("Stra\u00DFe", Unassigned::refuse), "strasse");
    EXPECT_EQ(nodeprep("\uFB01", Unassigned::refuse), "fi");
    EXPECT_EQ(nodeprep("\U0001F600", Unassigned::refuse), std::nullopt);
    EXPECT_EQ(nodeprep("\U0001F600", Unassigned::allow), "\U0001F600");
    EXPECT_EQ(nodeprep("a b", Unassigned::allow), std::nullopt);
    EXPECT_EQ(resourceprep("A\u00AD\u2460", Unassigned::refuse), "A1");
}

TEST(Precis, single_script) {
    EXPECT_TRUE(is_single_script("abc-1"));
    EXPECT_TRUE(is_single_script("\u0430\u0431\u0432"));
    EXPECT_FALSE(is_single_script("a\u0431"));
    EXPECT_FALSE(is_single_script("a\u03B1"));
    EXPECT_TRUE(is_single_script("\u6771\u3042\u30AB"));  // Japanese
    EXPECT_TRUE(is_single_script("\u6771\uD55C"));        // Korean
    EXPECT_FALSE(is_single_script("\u3042\uD55C"));
    EXPECT_FALSE(is_single_script("\u6771a"));
    EXPECT_TRUE(is_single_script("123"));
}

}  // namespace
}  // namespace rookery::precis
