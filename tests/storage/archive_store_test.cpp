#include "storage/archive_store.h"

#include <numeric>

#include "base/stamped_id.h"
#include "tests/storage/contract.h"

namespace rookery {
namespace {

class ArchiveStoreTest : public Contract {
protected:
    using Ids = std::vector<std::uint64_t>;
    using Texts = std::vector<std::string>;

    static std::string message(const std::string& body) {
        return "<message xmlns='jabber:client'><body>" + body + "</body></message>";
    }
    std::uint64_t append(const Jid& owner, const Jid& peer, std::string body, bool waits = false,
                         std::optional<std::uint64_t> origin = {}) {
        LogCopy copy(owner, peer);
        copy.archived = true;
        copy.waiting = waits;
        NewLogEntry entry(copy, message(body));
        entry.origin = origin;
        clock_.wall += Seconds(1);
        return wait(log().append(std::move(entry))).value().id;
    }
    std::uint64_t append(std::string body) { return append(alice, phone, std::move(body)); }
    Ids append_many(int count) {
        Ids ids;
        for (int i = 0; i < count; ++i) ids.push_back(append(std::to_string(i)));
        return ids;
    }

    ArchivePage query(ArchiveFilter filter, PageRequest page = PageRequest(100)) {
        return wait(archive().query(alice, std::move(filter), page)).value();
    }
    Ids found(ArchiveFilter filter, PageRequest page = PageRequest(100)) {
        Ids ids;
        for (const ArchivedMessage& one : query(std::move(filter), page).messages) ids.push_back(one.id);
        return ids;
    }
    Ids with(const Jid& peer) {
        ArchiveFilter filter;
        filter.with = peer;
        return found(filter);
    }
    ArchiveFilter text(std::string words) {
        ArchiveFilter filter;
        filter.text = std::move(words);
        return filter;
    }
    std::uint64_t count(const Jid& owner) { return wait(archive().count(owner)).value(); }
    std::int64_t in_table(Sql count_rows) {
        return wait(database().query(Statement(count_rows))).value().at(0, 0).integer();
    }

    const Jid phone = jid("bob@example.org/phone");
    const Jid laptop = jid("bob@example.org/laptop");
    const Jid juliet = jid("juliet@elsewhere.example");
    const Jid room = jid("room@rooms.example/nick");
};
INSTANTIATE_TEST_SUITE_P(engines, ArchiveStoreTest, testing::ValuesIn(engines), engine_name);

// --- pages ---------------------------------------------------------------------------------------------------------

TEST_P(ArchiveStoreTest, GivesWhatWasSentAndReceived) {
    LogCopy copy(alice, phone);
    copy.archived = copy.outgoing = true;
    const std::uint64_t id = wait(log().append(NewLogEntry(copy, "<message/>"))).value().id;
    append("received");
    const ArchivePage page = query(ArchiveFilter());
    ASSERT_EQ(page.messages.size(), 2u);
    EXPECT_EQ(page.messages[0].id, id);
    EXPECT_TRUE(page.messages[0].outgoing);
    EXPECT_EQ(page.messages[0].stanza_xml, "<message/>");
    EXPECT_FALSE(page.messages[1].outgoing);
    EXPECT_TRUE(page.complete);
    EXPECT_EQ(page.first_index, 0u);
    EXPECT_EQ(page.total, std::nullopt);
}

TEST_P(ArchiveStoreTest, PagesForward) {
    const Ids ids = append_many(5);
    PageRequest page(2);
    page.total = true;
    ArchivePage answer = query(ArchiveFilter(), page);
    EXPECT_FALSE(answer.complete);
    EXPECT_EQ(answer.total, 5u);
    EXPECT_EQ(answer.first_index, 0u);
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[0], ids[1]}));
    page.after = ids[1];
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[2], ids[3]}));
    EXPECT_EQ(query(ArchiveFilter(), page).first_index, std::nullopt);
    page.after = ids[2];
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[3], ids[4]}));
    EXPECT_TRUE(query(ArchiveFilter(), page).complete);
    EXPECT_EQ(query(ArchiveFilter(), page).total, 5u);
    page.after = ids[4];
    EXPECT_TRUE(found(ArchiveFilter(), page).empty());
    EXPECT_TRUE(query(ArchiveFilter(), page).complete);
}

TEST_P(ArchiveStoreTest, PagesBackward) {
    const Ids ids = append_many(5);
    PageRequest page(2);
    page.backward = page.total = true;
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[3], ids[4]}));
    EXPECT_FALSE(query(ArchiveFilter(), page).complete);
    EXPECT_EQ(query(ArchiveFilter(), page).first_index, 3u);
    page.before = ids[3];
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[1], ids[2]}));
    page.before = ids[2];
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[0], ids[1]}));
    EXPECT_TRUE(query(ArchiveFilter(), page).complete);
    page.before = ids[0];
    EXPECT_TRUE(found(ArchiveFilter(), page).empty());
}

TEST_P(ArchiveStoreTest, GivesOnlyTheCountWhenAskedForNoMessages) {
    append_many(3);
    PageRequest page(0);
    EXPECT_TRUE(query(ArchiveFilter(), page).messages.empty());
    page.total = true;
    EXPECT_EQ(query(ArchiveFilter(), page).total, 3u);
}

TEST_P(ArchiveStoreTest, SaysSoWhenAMessageItShallStartFromIsNotThere) {
    const Ids ids = append_many(3);
    const std::uint64_t bobs = append(bob, phone, "bob's");
    LogCopy hidden(alice, phone);
    hidden.waiting = true;
    const std::uint64_t only_waiting = wait(log().append(NewLogEntry(hidden, "<message/>"))).value().id;
    for (const std::uint64_t unknown : {ids[1] + 1, bobs, only_waiting, ~std::uint64_t{0}}) {
        PageRequest after(10), before(10);
        after.after = unknown;
        before.before = unknown;
        before.backward = true;
        EXPECT_EQ(error_of(archive().query(alice, ArchiveFilter(), after)), ErrorCode::not_found);
        EXPECT_EQ(error_of(archive().query(alice, ArchiveFilter(), before)), ErrorCode::not_found);
        ArchiveFilter newer, older;
        newer.after_id = unknown;
        older.before_id = unknown;
        EXPECT_EQ(error_of(archive().query(alice, newer, PageRequest(0))), ErrorCode::not_found);
        EXPECT_EQ(error_of(archive().query(alice, older, PageRequest(10))), ErrorCode::not_found);
    }
}

TEST_P(ArchiveStoreTest, BoundsThePage) {
    append_many(static_cast<int>(ArchiveStore::max_page) + 1);
    EXPECT_EQ(found(ArchiveFilter(), PageRequest(1'000'000)).size(), ArchiveStore::max_page);
    EXPECT_FALSE(query(ArchiveFilter(), PageRequest(1'000'000)).complete);
}

TEST_P(ArchiveStoreTest, BoundsThePageInBytes) {
    const std::string large(ArchiveStore::max_page_bytes * 2 / 3, 'x');
    Ids ids;
    for (int i = 0; i < 3; ++i) ids.push_back(append(large));
    PageRequest page(100);
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[0], ids[1]}));
    EXPECT_FALSE(query(ArchiveFilter(), page).complete);
    page.backward = true;
    EXPECT_EQ(found(ArchiveFilter(), page), (Ids{ids[1], ids[2]}));
    page.before = ids[1];
    EXPECT_TRUE(query(ArchiveFilter(), page).complete);
}

// --- filters -------------------------------------------------------------------------------------------------------

TEST_P(ArchiveStoreTest, FiltersByPeer) {
    const std::uint64_t one = append(alice, phone, "1");
    const std::uint64_t two = append(alice, laptop, "2");
    const std::uint64_t three = append(alice, juliet, "3");
    const std::uint64_t four = append(alice, jid("elsewhere.example"), "4");
    append(bob, phone, "bob's");
    EXPECT_EQ(with(bob), (Ids{one, two}));
    EXPECT_EQ(with(laptop), Ids{two});
    EXPECT_EQ(with(juliet), Ids{three});
    EXPECT_EQ(with(jid("elsewhere.example")), Ids{four});
    EXPECT_TRUE(with(jid("bob@example.org/other")).empty());
    EXPECT_TRUE(with(jid("stranger@example.org")).empty());
}

TEST_P(ArchiveStoreTest, FiltersByTimeAndId) {
    const Ids ids = append_many(5);
    ArchiveFilter filter;
    filter.start = stamped_id_time(ids[1]);  // both included
    filter.end = stamped_id_time(ids[3]);
    EXPECT_EQ(found(filter), (Ids{ids[1], ids[2], ids[3]}));
    filter.start = *filter.start + Milliseconds(1);
    filter.end = *filter.end - Milliseconds(1);
    EXPECT_EQ(found(filter), Ids{ids[2]});
    filter.start = WallTime();
    filter.end = WallTime(std::chrono::hours(24 * 365 * 250));
    EXPECT_EQ(found(filter).size(), 5u);

    filter = ArchiveFilter();
    filter.after_id = ids[0];
    filter.before_id = ids[4];
    PageRequest page(2);
    page.total = true;
    EXPECT_EQ(found(filter, page), (Ids{ids[1], ids[2]}));
    EXPECT_EQ(query(filter, page).total, 3u);
    page.after = ids[2];
    EXPECT_EQ(found(filter, page), Ids{ids[3]});
    EXPECT_EQ(query(filter, page).total, 3u);
}

TEST_P(ArchiveStoreTest, LoadsByIds) {
    const Ids ids = append_many(4);
    std::vector<ArchivedMessage> some = wait(archive().load(alice, {ids[3], ids[1], ids[3]})).value();
    ASSERT_EQ(some.size(), 2u);
    EXPECT_EQ(some[0].id, ids[1]);
    EXPECT_EQ(some[1].stanza_xml, message("3"));
    EXPECT_TRUE(wait(archive().load(alice, {})).value().empty());
    EXPECT_EQ(error_of(archive().load(alice, {ids[0], 77})), ErrorCode::not_found);
    EXPECT_EQ(error_of(archive().load(bob, {ids[0]})), ErrorCode::not_found);
    EXPECT_EQ(error_of(archive().load(alice, Ids(ArchiveStore::max_ids + 1, ids[0]))), ErrorCode::invalid);
}

TEST_P(ArchiveStoreTest, KnowsItsEndsAndItsSize) {
    EXPECT_EQ(wait(archive().load_bounds(alice)).value().oldest, 0u);
    EXPECT_EQ(count(alice), 0u);
    EXPECT_EQ(error_of(archive().count(nobody)), ErrorCode::not_found);
    const Ids ids = append_many(3);
    append(bob, phone, "bob's");
    EXPECT_EQ(wait(archive().load_bounds(alice)).value().oldest, ids.front());
    EXPECT_EQ(wait(archive().load_bounds(alice)).value().newest, ids.back());
    EXPECT_EQ(count(alice), 3u);
}

TEST_P(ArchiveStoreTest, IsEmptyForWhoIsNotThere) {
    EXPECT_TRUE(wait(archive().query(nobody, ArchiveFilter(), PageRequest(10))).value().complete);
    EXPECT_EQ(error_of(archive().query(domain, ArchiveFilter(), PageRequest(10))), ErrorCode::invalid);
    EXPECT_TRUE(wait(archive().query(nobody, text("word"), PageRequest(10))).value().messages.empty());
}

// --- removal -------------------------------------------------------------------------------------------------------

TEST_P(ArchiveStoreTest, RemovesByPeerAndTime) {
    const std::uint64_t one = append(alice, phone, "1");
    const std::uint64_t two = append(alice, juliet, "2");
    const std::uint64_t three = append(alice, laptop, "3");
    const std::uint64_t four = append(alice, phone, "4");
    append(bob, phone, "bob's");
    ArchiveFilter filter;
    filter.with = bob;
    filter.before_id = four;
    const RemovedSlice removed = wait(archive().remove(alice, filter, 0)).value();
    EXPECT_EQ(removed.removed, 2u);
    EXPECT_EQ(removed.next, 0u);
    EXPECT_EQ(found(ArchiveFilter()), (Ids{two, four}));
    EXPECT_EQ(wait(archive().remove(alice, ArchiveFilter(), 0)).value().removed, 2u);
    EXPECT_EQ(wait(archive().remove(alice, ArchiveFilter(), 0)).value().removed, 0u);
    EXPECT_EQ(count(bob), 1u);
    EXPECT_LT(one, three);
}

TEST_P(ArchiveStoreTest, HidesWhatIsStillNeeded) {
    const std::uint64_t waits = append(alice, phone, "waits", true);
    const std::uint64_t remembered = append(alice, phone, "remembered", false, 7);
    append(alice, phone, "gone");
    EXPECT_EQ(wait(archive().remove(alice, ArchiveFilter(), 0)).value().removed, 3u);
    EXPECT_EQ(count(alice), 0u);
    const std::vector<WaitingMessage> left = wait(log().load_waiting(alice, 0, 10)).value();
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].id, waits);
    EXPECT_EQ(left[0].stanza_xml, message("waits"));
    LogCopy copy(alice, phone);
    copy.archived = true;
    NewLogEntry again(copy, "<message/>");
    again.origin = 7;
    EXPECT_EQ(wait(log().append(again)).value().id, remembered);
    EXPECT_EQ(in_table("SELECT count(*) FROM log"), 2);
    EXPECT_EQ(in_table("SELECT sum(bytes) FROM log"), static_cast<std::int64_t>(message("waits").size()));
}

TEST_P(ArchiveStoreTest, RemovesOldOnesOfEverybodyInSlices) {
    const std::uint64_t waits = append(alice, phone, "waits", true);
    const std::uint64_t received = append(bob, phone, "received", true);
    ASSERT_TRUE(wait(log().acknowledge(bob, received, {})));
    for (std::size_t i = 0; i < LogStore::max_slice; ++i) append(i % 2 ? alice : bob, phone, "old");
    clock_.wall += Seconds(1);
    const WallTime before = clock_.wall;
    append(alice, phone, "young");
    append(bob, phone, "young", false, 7);

    const RemovedSlice first = wait(archive().remove_older(before, 0)).value();
    EXPECT_EQ(first.removed, LogStore::max_slice);
    ASSERT_GT(first.next, 0u);
    const RemovedSlice second = wait(archive().remove_older(before, first.next)).value();
    EXPECT_EQ(second.removed, 2u);
    EXPECT_EQ(second.next, 0u);
    EXPECT_EQ(count(alice), 1u);
    EXPECT_EQ(count(bob), 1u);
    EXPECT_EQ(wait(log().load_waiting(alice, 0, 10)).value().front().id, waits);
    EXPECT_TRUE(wait(log().load_waiting(bob, 0, 10)).value().empty());
    EXPECT_EQ(wait(archive().remove_older(before, 0)).value().removed, 0u);
}

TEST_P(ArchiveStoreTest, FindsWhatIsTooMuch) {
    const Ids ids = append_many(5);
    append(bob, phone, "bob's");
    const std::vector<ArchiveSize> sizes = wait(archive().load_sizes(0, 10)).value();
    ASSERT_EQ(sizes.size(), 2u);
    EXPECT_EQ(sizes[0].owner, alice);
    EXPECT_EQ(sizes[0].messages, 5u);
    EXPECT_EQ(sizes[1].messages, 1u);
    EXPECT_EQ(wait(archive().load_sizes(sizes[0].account, 10)).value().size(), 1u);
    EXPECT_EQ(wait(archive().load_sizes(0, 1)).value().size(), 1u);

    EXPECT_EQ(wait(archive().find_excess(alice, 5)).value(), 0u);
    ArchiveFilter excess;
    excess.before_id = wait(archive().find_excess(alice, 2)).value();
    EXPECT_EQ(wait(archive().remove(alice, excess, 0)).value().removed, 3u);
    EXPECT_EQ(found(ArchiveFilter()), (Ids{ids[3], ids[4]}));
}

// --- search --------------------------------------------------------------------------------------------------------

TEST_P(ArchiveStoreTest, SearchesTheWordsOfItsOwner) {
    const std::uint64_t one = append("O Romeo, Romeo! wherefore art thou");
    const std::uint64_t two = append(alice, juliet, "Caf\xc3\xa9 with romeo");
    append(bob, phone, "romeo of somebody else");
    EXPECT_EQ(found(text("romeo")), (Ids{one, two}));
    EXPECT_EQ(found(text("ROMEO cafe")), Ids{two});
    EXPECT_EQ(found(text("wherefore  \"art\"")), Ids{one});
    EXPECT_TRUE(found(text("rome")).empty());
    EXPECT_TRUE(found(text("else")).empty());
    EXPECT_TRUE(found(text("message")).empty());  // not what is around the body
    ArchiveFilter filter = text("romeo");
    filter.with = juliet;
    PageRequest page(10);
    page.total = true;
    EXPECT_EQ(found(filter, page), Ids{two});
    EXPECT_EQ(query(filter, page).total, 1u);
    page.max = 1;
    page.backward = true;
    EXPECT_EQ(found(text("romeo"), page), Ids{two});
    EXPECT_EQ(query(text("romeo"), page).total, 2u);
    EXPECT_FALSE(query(text("romeo"), page).complete);
    page.before = two;
    EXPECT_EQ(found(text("romeo"), page), Ids{one});
}

TEST_P(ArchiveStoreTest, NoTextIsAnOperator) {
    const std::uint64_t id = append("owner OR NOT near 1 (a) b* col:umn");
    for (const char* words : {"owner OR", "NOT near", "near(1)", "b*", "col:umn", "a\" OR \"b", "') --", "1", "^owner",
                              "{owner}", "-owner", "+a", "a AND b", "\"owner", "OR \"\"\"\" near"}) {
        Result<ArchivePage> page = wait(archive().query(alice, text(words), PageRequest(10)));
        const bool has_words = std::string(words) != "') --";
        ASSERT_EQ(page.ok(), has_words) << words;
        if (!page) continue;
        EXPECT_TRUE(page->messages.empty() || page->messages[0].id == id) << words;
    }
    append(bob, phone, "bob's secret");
    for (const char* words : {"secret\" OR \"a", "secret) OR owner : (1", "secret OR owner", "bob's"}) {
        for (const ArchivedMessage& one : query(text(words)).messages) EXPECT_EQ(one.id, id) << words;
    }
    EXPECT_EQ(error_of(archive().query(alice, text("... !"), PageRequest(1))), ErrorCode::invalid);
    std::string many;
    for (std::size_t i = 0; i <= ArchiveStore::max_words; ++i) many += "word ";
    EXPECT_EQ(error_of(archive().query(alice, text(many), PageRequest(1))), ErrorCode::invalid);
}

TEST_P(ArchiveStoreTest, FindsNothingOfWhatIsGone) {
    const std::uint64_t retracted = append("secret one");
    const std::uint64_t hidden = append(alice, phone, "secret two", true);
    append(alice, juliet, "secret three");
    EXPECT_EQ(found(text("secret")).size(), 3u);
    ASSERT_TRUE(wait(log().replace(alice, retracted, "<message/>")));
    EXPECT_EQ(found(text("secret")).size(), 2u);
    ArchiveFilter filter;
    filter.with = bob;
    ASSERT_TRUE(wait(archive().remove(alice, filter, 0)));
    EXPECT_EQ(found(text("secret")).size(), 1u);
    EXPECT_EQ(wait(log().load_waiting(alice, 0, 10)).value().front().id, hidden);
    EXPECT_EQ(in_table("SELECT count(*) FROM log_text"), 1);
    ASSERT_TRUE(wait(accounts().remove(alice)));
    EXPECT_EQ(in_table("SELECT count(*) FROM log_text"), 0);
}

TEST_P(ArchiveStoreTest, SearchesWhatCameSinceTheLastSearch) {
    const std::uint64_t one = append("word 1");
    EXPECT_EQ(found(text("word")), Ids{one});
    const std::uint64_t two = append("word 2");
    EXPECT_EQ(found(text("word")), (Ids{one, two}));
    int answered = 0;
    const std::uint64_t three = append("word 3");
    auto search = [&]() -> Task<void> {
        ArchiveFilter filter = text("word");
        Result<ArchivePage> page = co_await archive().query(alice, filter, PageRequest(10));
        EXPECT_EQ(page.value().messages.size(), 3u);
        EXPECT_TRUE(page.value().searched_all);
        ++answered;
    };
    for (int i = 0; i < 5; ++i) spawn(search());
    ASSERT_TRUE(loop_.run_until([&] { return answered == 5; }));
    EXPECT_EQ(in_table("SELECT count(*) FROM log_text"), 3);
    EXPECT_EQ(found(text("3")), Ids{three});
}

TEST_P(ArchiveStoreTest, ASearchIndexesABoundedNumberOfMessages) {
    const std::size_t bound = ArchiveStore::index_slice * ArchiveStore::index_slices;
    std::size_t answered = 0;
    auto append_one = [&]() -> Task<void> {
        LogCopy copy(alice, phone);
        copy.archived = true;
        NewLogEntry entry(copy, message("word"));
        Result<Appended> done = co_await log().append(std::move(entry));
        if (done) ++answered;
    };
    for (std::size_t i = 0; i < bound + 1; ++i) spawn(append_one());
    ASSERT_TRUE(loop_.run_until([&] { return answered == bound + 1; }));
    EXPECT_FALSE(query(text("word")).searched_all);
    EXPECT_EQ(in_table("SELECT count(*) FROM log_text"), static_cast<std::int64_t>(bound));
    EXPECT_TRUE(query(text("word")).searched_all);
}

TEST_P(ArchiveStoreTest, ReadsOverWhatItCannotRead) {
    LogCopy copy(alice, phone);
    copy.archived = true;
    ASSERT_TRUE(wait(log().append(NewLogEntry(copy, "<message><body>word"))));
    ASSERT_TRUE(wait(log().append(NewLogEntry(copy, ""))));
    const std::uint64_t id = append("word");
    EXPECT_EQ(found(text("word")), Ids{id});
}

}  // namespace
}  // namespace rookery
