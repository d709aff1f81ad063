// Random calls with hostile texts against a model in plain containers: whatever the stores answer, the model must too.
#include <map>
#include <random>

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

TEST_P(ModelTest, Queues) {
    struct Known {
        std::uint64_t id;
        std::string text;
    };
    std::map<Jid, std::vector<Known>> model;
    constexpr std::size_t max_messages = 12, max_bytes = 80;
    const auto bytes_of = [](const std::vector<Known>& all) {
        std::size_t bytes = 0;
        for (const Known& one : all) bytes += one.text.size();
        return bytes;
    };
    for (int step = 0; step < steps; ++step) {
        const Jid owner = somebody();
        std::vector<Known>& mine = model[owner];
        if (const std::size_t action = pick(8); action > 1) {
            const std::string body = text();
            const bool fits = mine.size() < max_messages && bytes_of(mine) + body.size() <= max_bytes;
            const auto id = wait(queue().append(owner, at_second(step), body, max_messages, max_bytes));
            ASSERT_EQ(id.ok(), fits) << step;
            if (id) mine.push_back(Known{*id, body});
        } else if (!mine.empty()) {
            const std::uint64_t id = mine[pick(mine.size())].id;
            const auto gone = [&](const Known& one) { return action == 0 ? one.id == id : one.id <= id; };
            const std::uint64_t expected = std::erase_if(mine, gone);
            const std::vector<std::uint64_t> ids{id};
            EXPECT_EQ(wait(action == 0 ? queue().remove(owner, ids) : queue().remove_through(owner, id)).value(),
                      expected);
        }
        const std::vector<QueuedMessage> all = wait(queue().load(owner, 0, 1'000)).value();
        ASSERT_EQ(all.size(), mine.size()) << step;
        for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].stanza_xml, mine[i].text) << step;
        EXPECT_EQ(wait(queue().count(owner)).value().bytes, bytes_of(mine)) << step;
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

}  // namespace
}  // namespace rookery
