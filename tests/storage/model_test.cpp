// Random calls with hostile texts against a model in plain containers: whatever the stores answer, the model must too.
#include <map>
#include <random>
#include <set>

#include "base/stamped_id.h"
#include "tests/storage/contract.h"

namespace rookery {
namespace {

class ModelTest : public Contract {
protected:
    static constexpr std::uint32_t seed = 20261122;
    static constexpr int steps = 600;

    std::size_t pick(std::size_t below) { return chance_() % below; }
    bool coin() { return pick(2) == 0; }
    const Jid& somebody() { return coin() ? alice : bob; }

    std::string text() {
        static const std::string pieces[] = {
            "'",    "\"", "--", ";", "\\", "%", "?1", "$1", "/*", "\n",  "\xc3\xa4", "\xf0\x9f\x90\xa6",
            "\x7f", "a",  "0",  " ", "OR", "<", "&",  "\r", "\t", "NULL"};
        std::string made;
        for (std::size_t left = pick(9); left > 0; --left) made += pieces[pick(std::size(pieces))];
        return made;
    }

    std::mt19937 chance_{seed};
};
INSTANTIATE_TEST_SUITE_P(engines, ModelTest, testing::ValuesIn(engines), engine_name);

TEST_P(ModelTest, Documents) {
    struct Known {
        std::string body;
        std::uint64_t version;
    };
    using Key = std::pair<Jid, std::string>;
    std::map<Key, Known> model;
    std::vector<std::string> keys(8);
    for (std::string& key : keys) key = text();
    const DocumentLimits limits(5, 60);

    const auto fits = [&](const Key& changed, std::size_t body_bytes) {
        std::size_t documents = 1, bytes = changed.second.size() + body_bytes;
        for (const auto& [key, known] : model) {
            if (key.first != changed.first || key == changed) continue;
            ++documents;
            bytes += key.second.size() + known.body.size();
        }
        return documents <= limits.documents && bytes <= limits.bytes;
    };
    for (int step = 0; step < steps; ++step) {
        const Key key(somebody(), keys[pick(keys.size())]);
        const auto known = model.find(key);
        if (pick(4) == 0) {
            EXPECT_EQ(wait(documents().remove(key.first, key.second)).ok(), model.erase(key) == 1) << step;
            continue;
        }
        std::optional<std::uint64_t> expected;
        if (coin()) expected = known == model.end() || pick(3) == 0 ? pick(2) : known->second.version;
        const std::uint64_t current = known == model.end() ? 0 : known->second.version;
        const std::string body = text();
        const bool allowed = (!expected || *expected == current) && fits(key, body.size());
        const Result<std::uint64_t> put = wait(documents().put(key.first, key.second, body, expected, limits));
        ASSERT_EQ(put.ok(), allowed) << step;
        if (put) model[key] = Known{body, *put};
        const Result<Document> loaded = wait(documents().load(key.first, key.second));
        ASSERT_EQ(loaded.ok(), model.contains(key)) << step;
        if (!loaded) continue;
        EXPECT_EQ(loaded->body, model[key].body) << step;
    }
}

// A client that follows load_since must end with the roster that load gives, from whatever version it starts.
TEST_P(ModelTest, Rosters) {
    std::map<Jid, RosterItem> model;
    std::map<Jid, RosterItem> client;
    std::uint64_t client_version = 0;
    const auto take_all = [&](const Roster& roster) {
        client.clear();
        for (const RosterItem& item : roster.items) client.emplace(item.contact, item);
        client_version = roster.version;
    };
    const auto catch_up = [&] {
        const std::optional<RosterChanges> changes = wait(roster().load_since(alice, client_version)).value();
        if (!changes) return take_all(wait(roster().load(alice)).value());
        for (const RosterItem& item : changes->changed) client.insert_or_assign(item.contact, item);
        for (const Jid& contact : changes->removed) client.erase(contact);
        client_version = changes->version;
    };
    for (int step = 0; step < steps; ++step) {
        const Jid contact = jid("c" + std::to_string(pick(150)) + "@x.example");
        if (pick(3) == 0) {
            EXPECT_EQ(wait(roster().remove(alice, contact)).ok(), model.erase(contact) == 1) << step;
        } else {
            RosterItem item(contact);
            item.name = text();
            item.subscription = static_cast<Subscription>(pick(4));
            item.ask_subscribe = coin();
            item.approved = coin();
            for (std::size_t left = pick(3); left > 0; --left) item.groups.push_back("g" + text());
            const bool fits = model.contains(contact) || model.size() < 60;
            ASSERT_EQ(wait(roster().put(alice, item, 60)).ok(), fits) << step;
            if (fits) model.insert_or_assign(contact, item);
        }
        if (pick(40) == 0) {
            catch_up();
            ASSERT_EQ(client, model) << step;
        }
    }
    catch_up();
    EXPECT_EQ(client, model);
}

// The log as a list from which nothing is removed: what each account has, and what it received.
struct LogModel {
    struct Row {
        std::uint64_t id;
        Jid owner;
        Jid peer;
        bool outgoing, archived, waiting;
        std::optional<std::uint64_t> origin;
        std::string text;
    };
    struct Mark {
        std::uint64_t through = 0;
        std::set<std::uint64_t> beyond;
    };

    bool waits(const Row& row) {
        const Mark& mark = marks[row.owner];
        return row.waiting && row.id > mark.through && !mark.beyond.contains(row.id);
    }
    static bool in_window(const Row& row, WallTime now) {
        return stamped_id_time(row.id) >= now - LogStore::duplicate_window;
    }
    const Row* find_duplicate(const Jid& owner, std::optional<std::uint64_t> origin, WallTime now) const {
        const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
            return origin && row.owner == owner && row.origin == origin && in_window(row, now);
        });
        return found == rows.end() ? nullptr : &*found;
    }
    static bool fits(const Row& row, const Jid& owner, const ArchiveFilter& filter) {
        const bool peer = !filter.with || (filter.with->is_bare() ? row.peer.same_bare(*filter.with)  //
                                                                  : row.peer == *filter.with);
        const WallTime time = stamped_id_time(row.id);
        return row.owner == owner && row.archived && peer && (!filter.start || time >= *filter.start) &&
               (!filter.end || time <= *filter.end);
    }
    void acknowledge(const Jid& owner, std::uint64_t through, const std::vector<std::uint64_t>& beyond) {
        Mark& mark = marks[owner];
        mark.through = std::max(mark.through, through);
        mark.beyond.clear();
        for (const std::uint64_t id : beyond)
            if (id > mark.through) mark.beyond.insert(id);
    }
    template <class Which>
    void remove_archived(Which which) {
        for (Row& row : rows) {
            if (!row.archived || !which(row)) continue;
            row.waiting = waits(row);
            row.archived = false;
        }
    }

    std::vector<Row> rows;
    std::map<Jid, Mark> marks;
};

TEST_P(ModelTest, Logs) {
    LogModel model;
    const std::vector<Jid> peers{jid("alice@example.org/a"), jid("bob@example.org/b"), jid("bob@example.org/c"),
                                 jid("x.example"), jid("juliet@x.example/balcony")};
    const auto some_row_of = [&](const Jid& owner) -> LogModel::Row* {
        std::vector<LogModel::Row*> mine;
        for (LogModel::Row& row : model.rows)
            if (row.owner == owner) mine.push_back(&row);
        return mine.empty() ? nullptr : mine[pick(mine.size())];
    };
    const auto some_copy = [&](const Jid& owner) {
        LogCopy copy(owner, peers[pick(peers.size())]);
        copy.archived = coin();
        copy.waiting = !copy.archived || coin();
        copy.outgoing = coin();
        return copy;
    };
    const auto some_filter = [&] {
        ArchiveFilter filter;
        if (coin()) filter.with = coin() ? peers[pick(peers.size())] : peers[pick(peers.size())].bare();
        if (pick(3) == 0) filter.start = clock_.wall - std::chrono::hours(pick(200));
        if (pick(3) == 0) filter.end = clock_.wall - std::chrono::hours(pick(100));
        return filter;
    };
    const auto append = [&](int step) {
        NewLogEntry entry(some_copy(somebody()), text());
        if (coin()) entry.second = some_copy(somebody());
        if (coin()) entry.origin = pick(8);
        const LogModel::Row* seen = model.find_duplicate(entry.first.owner, entry.origin, clock_.wall);
        const Appended done = wait(log().append(entry)).value();
        ASSERT_EQ(done.duplicate, seen != nullptr) << step;
        if (seen) return;
        const auto note = [&](const LogCopy& copy, std::uint64_t id, std::optional<std::uint64_t> origin) {
            model.rows.push_back(
                {id, copy.owner, copy.peer, copy.outgoing, copy.archived, copy.waiting, origin, entry.stanza_xml});
        };
        note(entry.first, done.id, entry.origin);
        if (entry.second) note(*entry.second, done.second_id, std::nullopt);
    };
    const auto acknowledge = [&](const Jid& owner) {
        const LogModel::Row* row = some_row_of(owner);
        const std::uint64_t through = row ? row->id : 0;
        std::vector<std::uint64_t> beyond;
        for (std::size_t left = pick(4); left > 0; --left)
            if (const LogModel::Row* one = some_row_of(owner)) beyond.push_back(one->id);
        ASSERT_TRUE(wait(log().acknowledge(owner, through, beyond)));
        model.acknowledge(owner, through, beyond);
    };
    const auto remove = [&](const Jid& owner) {
        const ArchiveFilter filter = some_filter();
        ASSERT_TRUE(wait(archive().remove(owner, filter, 0)));
        model.remove_archived([&](const LogModel::Row& row) { return model.fits(row, owner, filter); });
    };
    const auto remove_older = [&] {
        const WallTime before = clock_.wall - std::chrono::hours(pick(200));
        ASSERT_TRUE(wait(archive().remove_older(before, 0)));
        const auto is_older = [&](const LogModel::Row& row) { return stamped_id_time(row.id) < before; };
        model.remove_archived(is_older);
        const WallTime expired = clock_.wall - std::chrono::hours(150 + pick(200));
        ASSERT_TRUE(wait(log().remove_unarchived(clock_.wall, expired, 0)));
        for (LogModel::Row& row : model.rows)
            if (!row.archived && !model.in_window(row, clock_.wall))
                row.waiting = model.waits(row) && stamped_id_time(row.id) >= expired;
    };
    const auto replace = [&](const Jid& owner) {
        LogModel::Row* row = some_row_of(owner);
        const std::string tombstone = text();
        if (!row || !(row->archived || model.waits(*row))) return;
        ASSERT_TRUE(wait(log().replace(owner, row->id, tombstone)));
        row->text = tombstone;
    };
    const auto compare = [&](const Jid& owner, int step) {
        std::vector<std::string> expected, waiting;
        for (const LogModel::Row& row : model.rows)
            if (row.owner == owner && model.waits(row)) expected.push_back(row.text);
        const std::vector<WaitingMessage> loaded = wait(log().load_waiting(owner, 0, 500)).value();
        for (const WaitingMessage& one : loaded) waiting.push_back(one.stanza_xml);
        ASSERT_EQ(waiting, expected) << step;
        ASSERT_EQ(wait(log().load_delivery(owner)).value().messages, expected.size()) << step;

        const ArchiveFilter filter = some_filter();
        std::vector<LogModel::Row> fitting;
        for (const LogModel::Row& row : model.rows)
            if (model.fits(row, owner, filter)) fitting.push_back(row);
        PageRequest page(1 + pick(20));
        page.total = true;
        page.backward = coin();
        const ArchivePage found = wait(archive().query(owner, filter, page)).value();
        const std::size_t size = std::min(page.max, fitting.size());
        const std::size_t first = page.backward ? fitting.size() - size : 0;
        ASSERT_EQ(found.total, fitting.size()) << step;
        ASSERT_EQ(found.complete, size == fitting.size()) << step;
        ASSERT_EQ(found.messages.size(), size) << step;
        for (std::size_t i = 0; i < size; ++i) {
            ASSERT_EQ(found.messages[i].id, fitting[first + i].id) << step;
            ASSERT_EQ(found.messages[i].stanza_xml, fitting[first + i].text) << step;
            ASSERT_EQ(found.messages[i].outgoing, fitting[first + i].outgoing) << step;
        }
    };
    for (int step = 0; step < 2 * steps; ++step) {
        clock_.wall += std::chrono::minutes(pick(300)) + Milliseconds(1);
        const std::size_t action = pick(20);
        if (action < 12) append(step);
        if (action >= 12 && action < 15) acknowledge(somebody());
        if (action == 15 || action == 16) remove(somebody());
        if (action == 17) remove_older();
        if (action > 17) replace(somebody());
        compare(somebody(), step);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace rookery
