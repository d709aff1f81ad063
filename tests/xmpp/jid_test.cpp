#include "xmpp/jid.h"

#include <gtest/gtest.h>

#include <unordered_set>

#include "xmpp/domain.h"

namespace rookery {
namespace {

std::string normal(std::string_view text) {
    const auto jid = Jid::parse(text);
    return jid ? jid->to_string() : "malformed";
}

TEST(Jid, parts_are_split_where_rfc_7622_says) {
    const auto jid = Jid::parse("juliet@example.com/foo@bar/baz");
    ASSERT_TRUE(jid);
    EXPECT_EQ(jid->local(), "juliet");
    EXPECT_EQ(jid->domain(), "example.com");
    EXPECT_EQ(jid->resource(), "foo@bar/baz");
    EXPECT_EQ(jid->bare_str(), "juliet@example.com");
    EXPECT_TRUE(jid->is_full());
    EXPECT_FALSE(jid->is_bare());
    EXPECT_EQ(jid->bare().str(), "juliet@example.com");
    EXPECT_EQ(jid->bare().resource(), "");
    EXPECT_EQ(jid->domain_jid().str(), "example.com");
    EXPECT_TRUE(jid->domain_jid().is_domain());
    EXPECT_EQ(jid->with_resource("x")->str(), "juliet@example.com/x");
    EXPECT_FALSE(jid->with_resource(""));
    EXPECT_FALSE(jid->with_resource("\n"));
}

TEST(Jid, a_domain_alone_is_an_address) {
    const auto jid = Jid::parse("example.com/a/b");
    ASSERT_TRUE(jid);
    EXPECT_EQ(jid->local(), "");
    EXPECT_EQ(jid->domain(), "example.com");
    EXPECT_EQ(jid->resource(), "a/b");
    EXPECT_FALSE(jid->is_domain());
    EXPECT_EQ(jid->bare().domain(), "example.com");
}

TEST(Jid, the_default_is_no_address) {
    const Jid jid;
    EXPECT_TRUE(jid.empty());
    EXPECT_EQ(jid.local(), "");
    EXPECT_EQ(jid.domain(), "");
    EXPECT_EQ(jid.resource(), "");
    EXPECT_TRUE(jid.is_bare());
}

// The examples of RFC 7622 section 3.5.
TEST(Jid, rfc_7622_examples_of_good_addresses) {
    for (const auto* text :
         {"juliet@example.com", "juliet@example.com/foo", "juliet@example.com/foo bar", "juliet@example.com/foo@bar",
          "foo\\20bar@example.com", "fussball@example.com", "fu\u00DFball@example.com", "\u03C0@example.com",
          "king@example.com/\u265A", "example.com", "example.com/foobar", "a.example.com/b@example.net"}) {
        EXPECT_EQ(normal(text), text);
    }
    EXPECT_EQ(normal("\u03A3@example.com/foo"), "\u03C3@example.com/foo");
}

TEST(Jid, rfc_7622_examples_of_bad_addresses) {
    for (const auto* text : {"\"juliet\"@example.com", "foo bar@example.com", "juliet@example.com/ foo\n",
                             "@example.com/", "@example.com", "example.com/", "juliet@", "/foobar", ""}) {
        EXPECT_EQ(normal(text), "malformed") << text;
    }
}

// RFC 7622 lists these two as refused; nodeprep maps them, and servers with nodeprep are in use (see Jid::parse).
TEST(Jid, names_only_stringprep_accepts_are_mapped_for_federation) {
    EXPECT_EQ(normal("henry\u2163@example.com"), "henryiv@example.com");
    EXPECT_FALSE(Jid::may_register("henry\u2163"));
}

TEST(Jid, case_and_width_are_folded_in_names_but_not_in_resources) {
    EXPECT_EQ(normal("AliCE@EXAMPLE.com/LapTop"), "alice@example.com/LapTop");
    EXPECT_EQ(normal("\uFF21lice@example.com"), "alice@example.com");
    EXPECT_EQ(normal("\u00C4@example.com"), "\u00E4@example.com");
    EXPECT_EQ(normal("a\u0308@example.com"), "\u00E4@example.com");
}

TEST(Jid, bad_input_s11) {
    const std::string_view bad[] = {"@@bad",
                                    "a@b@c",
                                    std::string_view("a\0b@example.com", 15),
                                    std::string_view("a@exam\0ple.com", 14),
                                    std::string_view("a@example.com/\0", 15),
                                    "\u202Ealice@example.com",
                                    "a\u05D0@example.com",
                                    "a b@example.com",
                                    "a@exa mple.com",
                                    " @example.com",
                                    "a@ example.com",
                                    "a@example..com",
                                    "a@.example.com",
                                    "a@example.com\n",
                                    "a<b@example.com",
                                    "a'b@example.com",
                                    "\xFF@example.com",
                                    "a@\xC0\x80.com",
                                    "a@example.com/\xED\xA0\x80",
                                    "a\x7F@example.com",
                                    "a@-b.com",
                                    "a@b-.com",
                                    "a@b!.com",
                                    "a@.",
                                    "a@example.com.."};
    for (const auto text : bad) EXPECT_EQ(normal(text), "malformed") << text;
    EXPECT_EQ(normal(std::string(4'000, 'a') + "@example.com"), "malformed");
    EXPECT_EQ(normal(std::string(4'000, 'a')), "malformed");
    EXPECT_EQ(normal("a@example.com/" + std::string(4'000, 'a')), "malformed");
}

TEST(Jid, the_bound_of_each_part_is_1023_bytes) {
    const std::string longest(1'023, 'a');
    EXPECT_EQ(normal(longest + "@example.com/" + longest), longest + "@example.com/" + longest);
    EXPECT_EQ(normal(longest + "a@example.com"), "malformed");
    EXPECT_EQ(normal("a@example.com/a" + longest), "malformed");
    EXPECT_FALSE(Jid::make("", longest));
    EXPECT_FALSE(Jid::make("a", ""));
}

// R4: strings at the bound that grow when mapped.
TEST(Jid, what_grows_past_the_bound_is_malformed) {
    std::string ligatures;  // 3 bytes each; nodeprep makes 18 characters of one
    while (ligatures.size() + 3 <= 1'023) ligatures += "\uFDFA";
    EXPECT_EQ(normal(ligatures + "@example.com"), "malformed");
    std::string dotted;  // U+0130 is 2 bytes; lower case it is 3
    while (dotted.size() + 2 <= 1'023) dotted += "\u0130";
    EXPECT_EQ(normal(dotted + "@example.com"), "malformed");
    std::string fits;
    while (fits.size() + 3 <= 1'020) fits += "\u0130";
    EXPECT_EQ(normal(fits.substr(0, 680) + "@example.com").size(), 340u * 3 + 12);
    EXPECT_EQ(normal("a@example.com/" + ligatures), "a@example.com/" + ligatures);
}

TEST(Jid, normal_forms_are_stable) {
    for (const auto* text : {"\uFF21\u03A3@EXAMPLE.com/\u00A0x", "\u1E9E@b\u00FCcher.example/\u2460\u200D",
                             "\u00DF@XN--BCHER-KVA.example", "\u0390@example.com", "\u1F80@example.com"}) {
        const auto jid = Jid::parse(text);
        ASSERT_TRUE(jid) << text;
        EXPECT_EQ(normal(jid->str()), jid->str());
    }
}

TEST(Jid, emoji_with_joiners_are_nicknames_of_today) {
    EXPECT_TRUE(Jid::parse("room@muc.example/\U0001F469\u200D\U0001F4BB"));
    EXPECT_TRUE(Jid::parse("room@muc.example/\u2764\uFE0F"));
    EXPECT_EQ(normal("room@muc.example/\u2764\uFE0F"), normal("room@muc.example/\u2764"));
}

TEST(Jid, may_register_wants_what_everybody_reads_alike) {
    EXPECT_TRUE(Jid::may_register("alice"));
    EXPECT_TRUE(Jid::may_register("Alice.Smith-1_x"));
    EXPECT_TRUE(Jid::may_register("\u0430\u043B\u0438\u0441\u0430"));  // all Cyrillic
    EXPECT_TRUE(Jid::may_register("\u6771\u4EAC\u306E\u30AB1"));       // Han, Hiragana and Katakana: Japanese
    EXPECT_FALSE(Jid::may_register(""));
    EXPECT_FALSE(Jid::may_register("a b"));
    EXPECT_FALSE(Jid::may_register("a@b"));
    EXPECT_FALSE(Jid::may_register("\u0430lice"));   // R3: Cyrillic a
    EXPECT_FALSE(Jid::may_register("al\u200Dice"));  // R3: zero-width joiner
    EXPECT_FALSE(Jid::may_register("stra\u00DFe"));  // nodeprep makes it another name
    EXPECT_FALSE(Jid::may_register("\U0001F600"));   // PRECIS refuses it
    EXPECT_FALSE(Jid::may_register("\uFB01"));       // and this
    EXPECT_FALSE(Jid::may_register(std::string(1'024, 'a')));
}

// R3: full width maps to the ordinary name under both, so it is that name and not another.
TEST(Jid, full_width_is_the_same_account) {
    EXPECT_EQ(normal("\uFF41\uFF4C\uFF49\uFF43\uFF45@example.com"), "alice@example.com");
}

TEST(Domain, forms) {
    EXPECT_EQ(normal_domain("Example.COM."), "example.com");
    EXPECT_EQ(normal_domain("my_host"), "my_host");
    EXPECT_EQ(normal_domain("127.0.0.1"), "127.0.0.1");
    EXPECT_EQ(normal_domain("[::1]"), "[::1]");
    EXPECT_EQ(normal_domain("[2001:DB8:0:0::1]"), "[2001:db8::1]");
    EXPECT_EQ(normal_domain("B\u00DCcher.example"), "b\u00FCcher.example");
    EXPECT_EQ(normal_domain("xn--bcher-kva.example"), "b\u00FCcher.example");
    EXPECT_EQ(normal_domain("b\u00FCcher\u3002example\u3002"), "b\u00FCcher.example");
    EXPECT_EQ(normal_domain("fa\u00DF.de"), "fa\u00DF.de");
    EXPECT_EQ(ascii_domain("b\u00FCcher.example"), "xn--bcher-kva.example");
    EXPECT_EQ(ascii_domain("example.com"), "example.com");
}

TEST(Domain, refused) {
    for (const auto* text : {"", ".", "a..b", "[::1", "[]", "[1.2.3.4]", "[::1%lo]", "::1", "xn--a", "xn--bcher-kva-",
                             "\u00FC b.example", "\u00FC..", "\u0378.example"}) {
        EXPECT_EQ(normal_domain(text), std::nullopt) << text;
    }
    EXPECT_EQ(normal_domain(std::string(64, 'a') + ".example"), std::nullopt);
    EXPECT_NE(normal_domain(std::string(63, 'a') + ".example"), std::nullopt);
    std::string many;
    while (many.size() < 253) many += "ab.";
    EXPECT_EQ(normal_domain(many), std::nullopt);
}

TEST(Jid, compares_and_hashes_by_text) {
    const auto a = *Jid::parse("a@example.com");
    const auto b = *Jid::parse("A@EXAMPLE.com");
    const auto c = *Jid::parse("a@example.com/x");
    EXPECT_EQ(a, b);
    EXPECT_NE(a, c);
    EXPECT_LT(a, c);
    EXPECT_TRUE(a.same_bare(c));
    EXPECT_EQ((std::unordered_set<Jid>{a, b, c}.size()), 2u);
}

}  // namespace
}  // namespace rookery
