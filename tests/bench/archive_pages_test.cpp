#include "bench/load/archive_pages.h"

#include <gtest/gtest.h>

namespace rookery::bench {
namespace {

std::string fin(const std::string& first, const std::string& last, bool complete) {
    const std::string set = first.empty()
                                ? "<set><count>0</count></set>"
                                : "<set><first index='0'>" + first + "</first><last>" + last + "</last></set>";
    return "<iq type='result' id='page'><fin xmlns='urn:xmpp:mam:2'" +
           std::string(complete ? " complete='true'>" : ">") + set + "</fin></iq>";
}

TEST(ArchivePages, go_on_behind_the_last_one) {
    ArchivePages pages(2);
    pages.on_result("a");
    pages.on_result("b");
    pages.on_end(fin("a", "b", false));
    EXPECT_EQ(pages.last(), "b");
    EXPECT_FALSE(pages.is_complete());
    pages.on_result("c");
    pages.on_end(fin("c", "c", true));
    EXPECT_TRUE(pages.is_complete());
    EXPECT_EQ(pages.pages(), 2U);
    EXPECT_EQ(pages.results(), 3U);
    EXPECT_EQ(pages.fault(), "");
}

TEST(ArchivePages, end_with_an_empty_one) {
    ArchivePages pages(1);
    pages.on_result("a");
    pages.on_end(fin("a", "a", false));
    pages.on_end(fin("", "", false));
    EXPECT_TRUE(pages.is_complete()) << "else it would be asked for for ever";
    EXPECT_EQ(pages.last(), "a");
}

TEST(ArchivePages, show_what_is_wrong) {
    ArchivePages again(2);
    again.on_result("a");
    again.on_result("a");
    EXPECT_EQ(again.fault(), "the id a came again on page 1");

    ArchivePages few(2);
    few.on_result("a");
    few.on_end(fin("a", "a", false));
    EXPECT_NE(few.fault().find("too few"), std::string::npos);

    ArchivePages many(1);
    many.on_result("a");
    many.on_result("b");
    many.on_end(fin("a", "b", true));
    EXPECT_NE(many.fault().find("too many"), std::string::npos);

    ArchivePages other(1);
    other.on_result("a");
    other.on_end(fin("x", "a", true));
    EXPECT_NE(other.fault().find("<first/>"), std::string::npos);

    ArchivePages behind(1);
    behind.on_result("a");
    behind.on_end(fin("a", "x", true));
    EXPECT_NE(behind.fault().find("<last/>"), std::string::npos);
}

}  // namespace
}  // namespace rookery::bench
