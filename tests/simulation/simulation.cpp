#include "tests/simulation/simulation.h"

#include <algorithm>

#include "base/stamped_id.h"

#include "xmpp/stanza.h"

namespace rookery::test {
namespace {

constexpr std::size_t everything = SIZE_MAX;
const xml::Name body_name{"jabber:client", "body"};

Jid account_name(unsigned account) { return Jid::make("user" + std::to_string(account), "localhost").value(); }

std::size_t message_in(const std::string& stanza_xml) {
    const std::optional<Stanza> stanza = parse_stanza(stanza_xml);
    return stanza ? std::stoul(stanza->child(body_name).text()) : SIZE_MAX;
}

}  // namespace

SimulationPlan SimulationPlan::draw(Dice& dice) {
    SimulationPlan plan;
    plan.shards = static_cast<unsigned>(dice.between(1, 4));
    plan.accounts = static_cast<unsigned>(dice.between(2, 4));
    plan.devices = static_cast<unsigned>(dice.between(1, 2));
    plan.steps = static_cast<unsigned>(dice.between(50, 400));
    plan.archive = dice.once_in(2);
    plan.connections_break = !dice.once_in(5);
    plan.database_fails = dice.once_in(3);
    plan.server_restarts = dice.once_in(2);
    plan.clients_differ = dice.once_in(2);
    return plan;
}

std::string SimulationPlan::describe() const {
    return std::to_string(shards) + " shards, " + std::to_string(accounts) + " accounts with " + std::to_string(devices) +
           " devices, " + std::to_string(steps) + " steps" + (archive ? ", archive" : "") +
           (connections_break ? ", connections break" : "") + (database_fails ? ", the database fails" : "") +
           (server_restarts ? ", restarts" : "") + (clients_differ ? ", clients differ" : "");
}

Simulation::Simulation(std::uint64_t seed, bool talk) : dice_(seed), plan_(SimulationPlan::draw(dice_)) {
    if (talk) history_.talk();
    TestServerOptions options;
    options.shards = plan_.shards;
    if (!plan_.archive) options.modules = {{"-mam", ""}};
    options.storage = [this](const Clock& clock) {
        auto flaky = std::make_unique<FlakyDatabase>(open_memory_database(clock), dice_);
        database_ = flaky.get();
        return std::make_unique<Storage>(std::move(flaky));
    };
    server_ = std::make_unique<TestServer>(std::move(options));
    make_clients();
}

void Simulation::make_clients() {
    for (unsigned account = 0; account < plan_.accounts; ++account) {
        const Jid bare = account_name(account);
        (void)server_->make_account(bare.local(), bare.domain(), "secret");
        for (unsigned device = 0; device < plan_.devices; ++device) {
            const Jid full = bare.with_resource("device" + std::to_string(device)).value();
            const SimClientHabits habits = draw_habits(account);
            if (!habits.acknowledges) history_.do_not_trust(account);
            clients_.push_back(std::make_unique<SimClient>(*server_, full, habits, history_, dice_));
        }
    }
}

SimClientHabits Simulation::draw_habits(unsigned account) {
    SimClientHabits habits;
    habits.number = static_cast<unsigned>(clients_.size());
    habits.account = account;
    habits.asks_archive_first = plan_.archive && dice_.once_in(3);
    habits.answers_late = dice_.once_in(3);
    if (!plan_.clients_differ) return habits;
    habits.acknowledges = !dice_.once_in(5);
    habits.copies = dice_.once_in(2);
    habits.rests = dice_.once_in(2);
    if (dice_.once_in(3)) habits.woken_through = account_name((account + 1) % plan_.accounts).to_string() + "/device0";
    return habits;
}

std::vector<std::string> Simulation::run() {
    for (unsigned i = 0; i < plan_.steps; ++i) step();
    all_is_well_again();
    read_archives();
    look_at_what_is_left();
    History::Rules rules;
    rules.archived = plan_.archive;
    rules.ordered = !plan_.database_fails;
    rules.one_device = plan_.devices == 1;
    return history_.faults(rules);
}

// --- what happens -------------------------------------------------------------------------------------------------

void Simulation::step() {
    act();
    turn_some_loops();
    for (const auto& client : clients_)
        if (!dice_.once_in(3)) client->read(dice_.once_in(4) ? dice_.below(400) : everything);
}

void Simulation::act() {
    if (plan_.server_restarts && dice_.once_in(80)) return restart();
    if (plan_.database_fails && dice_.once_in(15)) return change_mood();
    if (dice_.once_in(6)) return let_time_pass();
    act_on(*dice_.one_of(clients_));
}

void Simulation::act_on(SimClient& client) {
    if (!client.connected()) {
        if (dice_.once_in(3)) client.connect();
        if (dice_.once_in(8)) say(client);  // goes out when it is back
        return;
    }
    if (plan_.connections_break && dice_.once_in(12)) return client.lose(!dice_.once_in(4));
    if (dice_.once_in(25)) return client.leave();
    if (dice_.once_in(6)) return client.ask_for_count();
    if (dice_.once_in(6)) return client.acknowledge();
    if (client.rests() && dice_.once_in(8)) return client.rest_or_wake();
    say(client);
}

void Simulation::say(SimClient& client) {
    unsigned account = static_cast<unsigned>(dice_.below(plan_.accounts));
    if (account_name(account).same_bare(client.jid())) account = (account + 1) % plan_.accounts;
    Jid to = account_name(account);
    if (dice_.once_in(6)) to = to.with_resource("device" + std::to_string(dice_.below(plan_.devices))).value();
    client.say(account, to);
}

void Simulation::change_mood() {
    constexpr Mood moods[] = {Mood::well, Mood::well, Mood::slow, Mood::refusing, Mood::forgetful};
    const std::size_t mood = dice_.below(std::size(moods));
    history_.note("the database is in mood " + std::to_string(mood));
    database_->set_mood(moods[mood]);
}

// By SIGTERM, or by kill -9: then nothing is written from one moment to the next, and nobody hears anything more.
void Simulation::restart() {
    const bool crash = dice_.once_in(2);
    history_.note(crash ? "the server crashes" : "the server is restarted");
    if (crash) {
        for (const auto& client : clients_) client->lose(false);
        database_->set_mood(Mood::dead);
    }
    server_->restart();
    database_->set_mood(Mood::well);
    for (const auto& client : clients_) client->read(everything);
    for (const auto& client : clients_) client->lose(false);
}

void Simulation::let_time_pass() {
    const Milliseconds far = dice_.once_in(10) ? Milliseconds(400'000) : dice_.once_in(3) ? Milliseconds(300) : Milliseconds(20);
    (void)server_->advance(Milliseconds(static_cast<std::int64_t>(dice_.below(static_cast<std::size_t>(far.count())))));
}

void Simulation::turn_some_loops() {
    if (dice_.once_in(10)) return server_->run_until_idle();
    for (std::size_t turns = dice_.below(8); turns > 0; --turns)
        (void)server_->loops().at(static_cast<unsigned>(dice_.below(plan_.shards))).turn();
}

// --- the end ------------------------------------------------------------------------------------------------------

bool Simulation::everybody_is_content() {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->ready() && !client->has_unaccepted(); });
}

// A connection the server still believes in is found out by its acknowledgements; sessions end; then all come back.
void Simulation::all_is_well_again() {
    history_.note("all is well again");
    database_->set_mood(Mood::well);
    constexpr unsigned enough = 60;
    unsigned content = 0;
    for (unsigned second = 0; content < 10; ++second) {
        if (second == enough) return history_.complain("not everybody is content after a minute in which all was well");
        for (const auto& client : clients_) {
            if (!client->connected()) client->connect();
            server_->run_until_idle();
            client->read(everything);
            client->ask_for_count();
            client->acknowledge();
        }
        (void)server_->advance(Milliseconds(1'000));
        for (const auto& client : clients_) client->read(everything);
        content = everybody_is_content() ? content + 1 : 0;
    }
}

void Simulation::read_archives() {
    Result<Rows> rows = server_->wait(database_->query(
        Statement("SELECT account.local, log.id, log.stanza FROM log JOIN account ON account.id = log.owner "
                  "WHERE log.archived = 1 AND log.outgoing = 0 ORDER BY log.id")));
    for (std::size_t row = 0; rows.ok() && row < rows->size(); ++row) {
        const unsigned account = static_cast<unsigned>(std::stoul(rows->at(row, 0).text().substr(4)));
        const auto id = static_cast<std::uint64_t>(rows->at(row, 1).integer());
        history_.archive(message_in(rows->at(row, 2).text()), account, stamped_id_text(id));
    }
}

// Nothing waits for anybody any more (but what storage has although it said that it had failed), and nothing is owed.
void Simulation::look_at_what_is_left() {
    for (unsigned account = 0; account < plan_.accounts; ++account) {
        const Jid bare = account_name(account);
        const auto waiting = server_->wait(server_->storage().stores().log.load_waiting(bare, 0, LogStore::max_page));
        for (const WaitingMessage& message : waiting.value()) {
            const std::size_t number = message_in(message.stanza_xml);
            if (!plan_.database_fails) history_.complain("message " + std::to_string(number) + " still waits");
        }
        const AccountPtr loaded = server_->home(bare.str()).find_account(bare.str());
        if (!loaded) continue;
        for (const SessionPtr& session : loaded->sessions())
            if (session->issued() != session->settled()) history_.complain("something is owed to " + session->jid().to_string());
    }
}

}  // namespace rookery::test
