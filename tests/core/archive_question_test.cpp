#include "core/archive_question.h"

#include <gtest/gtest.h>

#include "base/stamped_id.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

using Read = std::pair<std::optional<StanzaError>, ArchiveQuestion>;

Read read(const std::string& inside, const std::string& attributes = "") {
    const auto query = xml::parse_document("<query xmlns='urn:xmpp:mam:2' " + attributes + ">" + inside + "</query>");
    Read read;
    if (query) read.first = read_archive_question(*query, read.second);
    return read;
}

std::string form(const std::string& fields) {
    return "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' "
           "type='hidden'><value>urn:xmpp:mam:2</value></field>" +
           fields + "</x>";
}

std::string field(const std::string& var, const std::string& value) {
    return "<field var='" + var + "'><value>" + value + "</value></field>";
}

std::string page(const std::string& inside) {
    return "<set xmlns='http://jabber.org/protocol/rsm'>" + inside + "</set>";
}

std::optional<Condition> refused(const std::string& inside) {
    const Read what = read(inside);
    return what.first ? std::optional(what.first->condition) : std::nullopt;
}

TEST(ArchiveQuestion, AsksForAllWhereItSaysNothing) {
    const Read all = read("");
    ASSERT_FALSE(all.first);
    EXPECT_FALSE(all.second.is_filtered());
    EXPECT_EQ(all.second.page.max, usual_archive_page);
    EXPECT_TRUE(all.second.page.total);
    EXPECT_FALSE(all.second.page.backward);
}

TEST(ArchiveQuestion, AnEmptyBeforeAsksForTheLastPage) {
    const Read last = read(page("<max>5</max><before/>"));
    ASSERT_FALSE(last.first);
    EXPECT_TRUE(last.second.page.backward);
    EXPECT_EQ(last.second.page.before, 0u);
    EXPECT_EQ(last.second.page.max, 5u);
}

TEST(ArchiveQuestion, IsCountedForItsFirstPageOnly) {
    const std::string id = stamped_id_text(std::uint64_t{1} << 40);
    EXPECT_FALSE(read(page("<after>" + id + "</after>")).second.page.total);
    EXPECT_TRUE(read(page("<max>0</max><after>" + id + "</after>")).second.page.total);
}

// reliability.md M8
TEST(ArchiveQuestion, BoundsAPageAndRefusesWhatIsNoNumber) {
    EXPECT_EQ(read(page("<max>999999999</max>")).second.page.max, max_archive_page);
    EXPECT_EQ(refused(page("<max>-5</max>")), Condition::bad_request);
    EXPECT_EQ(refused(page("<max>ten</max>")), Condition::bad_request);
}

// reliability.md M8
TEST(ArchiveQuestion, AnIdThatIsNoneIsOfNoMessage) {
    EXPECT_EQ(refused(page("<after>' OR 1=1--</after>")), Condition::item_not_found);
    EXPECT_EQ(refused(form(field("before-id", "' OR 1=1--"))), Condition::item_not_found);
    EXPECT_EQ(refused(form(field("ids", "nowhere"))), Condition::item_not_found);
}

TEST(ArchiveQuestion, RefusesFieldsItDoesNotUnderstand) {
    EXPECT_EQ(refused(form(field("mood", "any"))), Condition::feature_not_implemented);
    EXPECT_EQ(refused(page("<index>3</index>")), Condition::feature_not_implemented);
    EXPECT_EQ(refused(form(field("start", "yesterday"))), Condition::bad_request);
    EXPECT_EQ(refused(form(field("with", "@"))), Condition::bad_request);
}

TEST(ArchiveQuestion, AsksForIdsAlone) {
    const std::string id = stamped_id_text(std::uint64_t{1} << 40);
    EXPECT_EQ(read(form(field("ids", id))).second.ids.size(), 1u);
    EXPECT_EQ(refused(form(field("ids", id) + field("with", "romeo@localhost"))), Condition::bad_request);
}

TEST(ArchiveQuestion, BoundsWhatItKeepsOfTheClientsText) {
    const std::string much(max_search_bytes + 1, 'a');
    EXPECT_EQ(refused(form(field("{urn:xmpp:fulltext:0}fulltext", much))), Condition::bad_request);
    EXPECT_TRUE(read("", "queryid='" + std::string(max_query_id_bytes + 1, 'q') + "'").first);
}

}  // namespace
}  // namespace rookery
