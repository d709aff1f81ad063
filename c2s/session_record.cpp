// The tags here are for ever (base/record.h).
#include "c2s/session_record.h"

#include <unistd.h>

#include <algorithm>

#include "base/record_time.h"
#include "c2s/session.h"
#include "c2s/session_managed.h"
#include "core/hooks.h"
#include "core/host.h"

namespace rookery {
namespace {

enum Tag : RecordTag {
    address = 1,
    number = 2,
    ip = 3,
    port = 4,
    transport = 5,
    tls = 6,
    mechanism = 7,
    since = 8,
    presence = 9,
    interested = 10,
    settled = 11,
    listener = 12,
    connection = 13,
    management = 14,
    handed = 15,
    module = 16,
    fate = 17,
};
enum ConnectionTag : RecordTag { connection_transport = 2 };  // connection_record.cpp
enum ManagementTag : RecordTag {
    id = 1,
    wait = 2,
    ack_timeout = 3,
    max_stanzas = 4,
    max_bytes = 5,
    received_before = 6,
    acknowledged = 7,
    asked = 8,
    news = 9,
    stanza = 10,
    lost_at = 11,
    away_until = 12,
};
enum StanzaTag : RecordTag { same = 1, xml = 2, to = 3, log_id = 4, at = 5, refuses = 6, received_elsewhere = 7 };
enum HandedTag : RecordTag { handed_log_id = 1, handed_through = 2 };
enum ModuleTag : RecordTag { name = 1, fields = 2 };
enum PastTag : RecordTag { count = 1, left = 2 };
enum CountTag : RecordTag { count_id = 1, count_account = 2, count_handled = 3 };
enum LeftTag : RecordTag { left_account = 1, left_presence = 2 };

// What has become of the session's connection.
enum class Fate : std::uint8_t { connected, away, lost };

constexpr std::uint64_t max_seconds = 10ull * 366 * 24 * 3600;

Seconds read_seconds(RecordReader& record, RecordTag tag) { return Seconds(record.number_up_to(tag, max_seconds)); }
std::uint32_t read_count(RecordReader& record, RecordTag tag) {
    return static_cast<std::uint32_t>(record.number_up_to(tag, UINT32_MAX));
}

void save_origin(const SessionOrigin& origin, RecordWriter& record) {
    record.text(ip, origin.address);
    record.number(port, origin.port);
    record.text(transport, origin.transport);
    record.text(tls, origin.tls);
    record.text(mechanism, origin.mechanism);
}

ClientOrigin restore_origin(RecordReader& record) {
    const std::optional<IpAddress> from = IpAddress::parse(record.text(ip));
    if (!from) record.fail();
    const Endpoint peer{from.value_or(IpAddress()), static_cast<std::uint16_t>(record.number_up_to(port, UINT16_MAX))};
    return ClientOrigin(peer, record.text(transport), record.text(tls), record.text(mechanism));
}

void save_modules(Host& host, Session& session, RecordWriter& record) {
    SessionSaving saving{session};
    (void)host.hooks.session_saved.run(saving);
    for (const auto& [its_name, its_fields] : saving.records) {
        RecordWriter one;
        one.text(name, its_name);
        one.record(fields, its_fields);
        record.record(module, one);
    }
}

bool restore_modules(const std::shared_ptr<C2sSession>& session, const AccountPtr& account, RecordReader& record) {
    SessionRestoring restoring{session, account};
    for (RecordReader& one : record.records(module)) restoring.records.emplace(one.text(name), one.record(fields));
    (void)account->host().hooks.session_restored.run(restoring);
    return std::ranges::all_of(restoring.records, [](const auto& entry) { return entry.second.ok(); });
}

RecordWriter save_stanza(const SentStanza& sent) {
    RecordWriter record;
    record.number(same, reinterpret_cast<std::uintptr_t>(sent.stanza.get()));
    record.text(xml, sent.stanza->to_string());
    record.text(to, sent.to.str());
    record.number(log_id, sent.log_id);
    put_time(record, at, sent.at);
    if (sent.refuses) record.number(refuses, *sent.refuses);
    record.number(received_elsewhere, sent.received_elsewhere);
    return record;
}

// Nullopt: the record makes no sense.
std::optional<SentStanza> restore_stanza(RecordReader& record, RestoredStanzas& stanzas) {
    SentStanza sent;
    sent.stanza = stanzas.find(record.number(same), record.text(xml));
    const std::optional<Jid> recipient = record.text(to).empty() ? Jid() : Jid::parse(record.text(to));
    if (!sent.stanza || !recipient) return std::nullopt;
    sent.to = *recipient;
    sent.log_id = record.number(log_id);
    sent.bytes = sent.stanza->element().memory_bytes();
    sent.at = read_time<WallTime>(record, at);
    if (record.has(refuses)) sent.refuses = read_count(record, refuses);
    sent.received_elsewhere = record.flag(received_elsewhere);
    return record.ok() ? std::optional(std::move(sent)) : std::nullopt;
}

}  // namespace

StanzaPtr RestoredStanzas::find(std::uint64_t number_of_it, std::string_view text) {
    StanzaPtr& known = known_[number_of_it];
    if (known) return known;
    if (std::optional<Stanza> parsed = parse_stanza(text)) known = std::make_shared<const Stanza>(std::move(*parsed));
    return known;
}

// --- saving -------------------------------------------------------------------------------------------------------

void C2sSession::save(RecordWriter& record, RecordWriter& connection_record, std::optional<int>& descriptor) const {
    record.text(address, jid().str());
    record.number(number, Session::id());
    save_origin(origin(), record);
    put_time(record, Tag::since, Session::since());
    if (available()) record.text(Tag::presence, Session::presence().to_string());
    record.number(Tag::interested, Session::interested());
    record.number(Tag::settled, Session::settled());
    const bool at_rest = Session::settled() == issued();
    if (connection_ && at_rest) descriptor = connection_->save(connection_record);
    if (descriptor) record.record(Tag::connection, connection_record);
    const Fate its_fate = descriptor ? Fate::connected : connection_ ? Fate::lost : Fate::away;
    record.number(fate, static_cast<std::uint64_t>(its_fate));
    if (connection_) record.text(listener, connection_->listener());
    save_handed(record);
    if (managed_) save_management(record);
}

void C2sSession::save_handed(RecordWriter& record) const {
    if (!handed_) return;
    for (const Handed& one : *handed_) {
        RecordWriter each;
        each.number(handed_log_id, one.log_id);
        each.number(handed_through, one.through);
        record.record(handed, each);
    }
}

void C2sSession::save_management(RecordWriter& record) const {
    RecordWriter own;
    const StreamManagement& counts = managed_->counts;
    own.text(ManagementTag::id, managed_->id.text());
    own.number(wait, static_cast<std::uint64_t>(managed_->wait.count()));
    own.number(ack_timeout, static_cast<std::uint64_t>(managed_->ack_timeout.count()));
    own.number(max_stanzas, managed_->max_stanzas);
    own.number(max_bytes, managed_->max_bytes);
    own.number(received_before, counts.received_before());
    own.number(ManagementTag::acknowledged, counts.acknowledged());
    own.number(asked, counts.asked());
    own.number(news, counts.has_news());
    put_time(own, lost_at, managed_->lost_at);
    put_time(own, away_until, managed_->away_until);
    for (const SentStanza& sent : counts.waiting()) own.record(stanza, save_stanza(sent));
    record.record(management, own);
}

namespace {

void save_session(C2sSession& session, Host& host, SavedClients& all) {
    RecordWriter record, connection_record;
    std::optional<int> descriptor;
    session.save(record, connection_record, descriptor);
    save_modules(host, session, record);
    all.sessions.push_back({record.take(), descriptor.value_or(-1)});
    if (session.connection() && !descriptor) all.left_behind.push_back(session.connection()->shared_from_this());
}

}  // namespace

SavedClients save_clients(C2s& c2s) {
    SavedClients all;
    c2s.shard().for_each_session([&](Session& session) {
        Host* host = c2s.shard().find_host(session.jid().domain());
        if (host) save_session(static_cast<C2sSession&>(session), *host, all);
    });
    for (Connection* stranger : c2s.strangers()) all.left_behind.push_back(stranger->shared_from_this());
    return all;
}

void save_past(const C2s& c2s, RecordWriter& record) {
    for (const Resumptions::Ended& ended : c2s.resumptions().ended()) {
        RecordWriter one;
        one.text(count_id, ended.id.text());
        one.text(count_account, ended.account.str());
        one.number(count_handled, ended.handled);
        record.record(count, one);
    }
    c2s.shard().for_each_account([&record](const Account& account) {
        if (!account.last_unavailable() || !account.exists()) return true;
        RecordWriter one;
        one.text(left_account, account.jid().str());
        one.text(left_presence, account.last_unavailable()->to_string());
        record.record(left, one);
        return true;
    });
}

// --- restoring ----------------------------------------------------------------------------------------------------

C2sSession::C2sSession(C2s& c2s, Jid full, std::uint64_t id, const ClientOrigin& origin, WallTime since)
    : Session(std::move(full), id, since), c2s_(c2s), connection_(nullptr), origin_(origin) {}

std::shared_ptr<C2sSession> C2sSession::restore(C2s& c2s, RecordReader& record, RestoredStanzas& stanzas) {
    const std::optional<Jid> full = address_of(record);
    if (!full) return nullptr;
    std::shared_ptr<C2sSession> session(new C2sSession(c2s, *full, record.number(number), restore_origin(record),
                                                       read_time<WallTime>(record, Tag::since)));
    session->restore_counts(read_count(record, Tag::settled));
    if (record.flag(Tag::interested)) session->set_interested();
    if (record.has(Tag::presence)) {
        std::optional<Stanza> shown = parse_stanza(record.text(Tag::presence));
        if (!shown || !shown->is_presence()) return nullptr;
        session->set_presence(*shown);
    }
    session->restore_handed(record);
    if (record.has(management)) session->restore_management(record, stanzas);
    return record.ok() ? session : nullptr;
}

void C2sSession::restore_handed(RecordReader& record) {
    for (RecordReader& one : record.records(handed)) {
        if (!handed_) handed_ = std::make_unique<std::vector<Handed>>();
        handed_->push_back({one.number(handed_log_id), one.number(handed_through)});
    }
    if (handed_) look_again_later();
}

void C2sSession::restore_management(RecordReader& record, RestoredStanzas& stanzas) {
    RecordReader own = record.record(management);
    managed_ = std::make_unique<Managed>(read_count(own, received_before));
    const std::optional<ResumptionId> id = ResumptionId::parse(own.text(ManagementTag::id));
    if (!id) return record.fail();
    managed_->id = *id;
    managed_->wait = read_seconds(own, wait);
    managed_->ack_timeout = read_seconds(own, ack_timeout);
    managed_->max_stanzas = own.number(max_stanzas);
    managed_->max_bytes = own.number(max_bytes);
    managed_->lost_at = read_time<SteadyTime>(own, lost_at);
    managed_->away_until = read_time<SteadyTime>(own, away_until);
    for (RecordReader& one : own.records(stanza)) {
        std::optional<SentStanza> sent = restore_stanza(one, stanzas);
        if (!sent) return record.fail();
        ++c2s_.shard().flows().unacknowledged.in;
        c2s_.shard().flows().unacknowledged_bytes.in += sent->bytes;
        managed_->counts.push(std::move(*sent));
    }
    managed_->counts.restore(read_count(own, ManagementTag::acknowledged), own.flag(asked), own.flag(news));
    if (!own.ok()) record.fail();
}

void C2sSession::go_on_with(Connection& connection) {
    connection_ = &connection;
    if (!managed_) return;
    if (resumable()) c2s_.resumptions().add(managed_->id, self());
    if (managed_->counts.asked()) await_answer();
}

// From the loop's first turn: until then not all of the account's sessions may be there.
void C2sSession::go_on_without(RecordReader& record) {
    const auto its_fate = static_cast<Fate>(record.number_up_to(fate, static_cast<std::uint64_t>(Fate::lost)));
    if (its_fate == Fate::away && resumable()) {
        const SteadyTime now = c2s_.loop().clock().steady_now();
        c2s_.resumptions().add(managed_->id, self());
        return start_waiting(std::chrono::ceil<Seconds>(std::max(Duration(0), managed_->away_until - now)));
    }
    c2s_.loop().post([session = self()] {
        if (!session->alive() || session->connection_ || session->hibernate()) return;
        session->end();
    });
}

std::optional<Jid> address_of(RecordReader& session) {
    std::optional<Jid> full = Jid::parse(session.text(address));
    return session.ok() && full && full->is_full() && !full->local().empty() ? full : std::nullopt;
}

namespace {

void turn_away(int descriptor) {
    if (descriptor >= 0) ::close(descriptor);
}

bool restore_connection(C2s& c2s, const std::shared_ptr<C2sSession>& session, RecordReader& record, int descriptor,
                        ClientRestoring& restoring) {
    RecordReader inner = record.record(Tag::connection);
    RecordReader below = inner.record(connection_transport);
    std::shared_ptr<const C2sPolicy> policy = restoring.find_policy(record.text(listener));
    auto parked = policy ? restoring.make_transport(descriptor, below, policy->send_timeout) : nullptr;
    if (!parked) return false;
    auto restored = Connection::restore(c2s, std::move(policy), std::move(parked), session->jid(), inner);
    if (!restored) return false;
    session->go_on_with(*restored);
    restored->attach(session);
    return true;
}

}  // namespace

bool restore_session(C2s& c2s, RecordReader& record, int descriptor, ClientRestoring& restoring) {
    const std::optional<Jid> full = address_of(record);
    if (!full) return false;
    if (!c2s.shard().find_host(full->domain())) {
        turn_away(descriptor);
        return true;
    }
    const std::shared_ptr<C2sSession> session = C2sSession::restore(c2s, record, restoring.stanzas);
    if (!session) return false;
    const AccountPtr account = c2s.shard().account_for_login(full->bare());
    account->add_session(session);
    c2s.shard().note_session_id(session->id());
    if (descriptor < 0)
        session->go_on_without(record);
    else if (!restore_connection(c2s, session, record, descriptor, restoring))
        return false;
    return restore_modules(session, account, record) && record.ok();
}

namespace {

bool restore_count(const std::vector<C2s*>& shards, RecordReader& record) {
    const std::optional<Jid> account = Jid::parse(record.text(count_account));
    const std::optional<ResumptionId> its_id = ResumptionId::parse(record.text(count_id));
    if (!account || !its_id) return false;
    const unsigned home = shards.front()->shard().all().home_of(account->bare_str());
    shards[home]->resumptions().remember({*its_id, *account, read_count(record, count_handled)});
    return record.ok();
}

bool restore_parting(const std::vector<C2s*>& shards, RecordReader& record) {
    const std::optional<Jid> bare = Jid::parse(record.text(left_account));
    std::optional<Stanza> presence = parse_stanza(record.text(left_presence));
    if (!bare || !bare->is_bare() || !presence || !presence->is_presence()) return false;
    Shard& shard = shards[shards.front()->shard().all().home_of(bare->str())]->shard();
    const AccountPtr account = shard.find_host(bare->domain()) ? shard.account_for_login(*bare) : nullptr;
    if (!account) return true;
    account->set_last_unavailable(std::make_shared<const Stanza>(std::move(*presence)));
    if (account->sessions().empty()) shard.account_idle(*account);
    return true;
}

}  // namespace

bool restore_past(const std::vector<C2s*>& shards, RecordReader& record) {
    const auto each = [&](RecordTag tag, bool (*restore)(const std::vector<C2s*>&, RecordReader&)) {
        std::vector<RecordReader> all = record.records(tag);
        return std::ranges::all_of(all, [&](RecordReader& one) { return restore(shards, one); });
    };
    return each(count, restore_count) && each(left, restore_parting) && record.ok();
}

}  // namespace rookery
