#include "server/take_over.h"

#include <unistd.h>

#include <stdexcept>

#include "base/log.h"
#include "c2s/session_record.h"
#include "server/storage_choice.h"

namespace rookery {
namespace {

constexpr Seconds step_limit{30};  // the other program comes to rest first

[[noreturn]] void refuse(const std::string& why) { throw std::runtime_error(why); }

void check(const Result<void>& done) {
    if (!done.ok()) refuse(done.error().message);
}

void check(bool makes_sense, const char* what) {
    if (!makes_sense) refuse(std::string("the ") + what + " that were handed over make no sense");
}

// Whatever of them is not taken is closed.
std::vector<Descriptor> owned(const UpgradeMessage& message) {
    std::vector<Descriptor> all;
    for (const int descriptor : message.descriptors) all.emplace_back(descriptor);
    return all;
}

std::shared_ptr<const C2sPolicy> find_policy(const Plan& plan, std::string_view name) {
    std::shared_ptr<const C2sPolicy> other;
    for (const ListenerPlan& listener : plan.listeners) {
        if (listener.policy && listener.name() == name) return listener.policy;
        if (!other) other = listener.policy;
    }
    return other;  // its listener is no more
}

std::unique_ptr<ParkedTransport> make_transport(int descriptor, RecordReader& record, Seconds send_timeout) {
    Parked parked = Parked::restore(descriptor, record);
    return parked ? socket_transport(std::move(parked), send_timeout) : nullptr;
}

}  // namespace

TakeOver::TakeOver(int descriptor) : link_(descriptor) { link_.set_time_limit(step_limit); }

void TakeOver::get_ready(const StorageOptions& storage) {
    look_at_storage(storage);
    RecordWriter ready;
    write_version(ready, upgrade_version());
    check(link_.send(UpgradeStep::ready, std::move(ready)));
}

UpgradeMessage TakeOver::next() {
    Result<UpgradeMessage> message = link_.receive();
    if (!message.ok()) refuse(message.error().message);
    check(link_.send(UpgradeStep::got));
    return std::move(*message);
}

void TakeOver::receive() {
    begin(next());
    while (true) {
        UpgradeMessage message = next();
        const auto step = static_cast<UpgradeStep>(message.reader().number(upgrade_step));
        if (step == UpgradeStep::end) return;
        if (step == UpgradeStep::listeners) take_listener_sockets(std::move(message));
        else if (step == UpgradeStep::sessions) take_sessions(std::move(message));
        else if (step == UpgradeStep::past) past_.push_back(std::move(message.bytes));
        else if (step == UpgradeStep::marks) marks_.push_back(std::move(message.bytes));
        else (void)owned(message);  // of a later version
    }
}

void TakeOver::begin(UpgradeMessage message) {
    std::vector<Descriptor> descriptors = owned(message);
    RecordReader reader = message.reader();
    const UpgradeVersion writer = read_version(reader);
    installed_ = reader.text(upgrade_installed);
    attended_ = reader.flag(upgrade_attended);
    const bool has_lock = reader.flag(upgrade_has_lock);
    check(reader.ok() && descriptors.size() == 1u + has_lock, "versions");
    if (const std::string why = unreadable(writer, upgrade_version()); !why.empty()) refuse(why);
    control_ = std::move(descriptors[0]);
    if (has_lock) lock_ = std::move(descriptors[1]);
}

void TakeOver::take_listener_sockets(UpgradeMessage message) {
    std::vector<Descriptor> descriptors = owned(message);
    const RecordReader reader = message.reader();
    const std::vector<std::string_view> names = reader.texts(upgrade_listener);
    check(names.size() == descriptors.size(), "listeners");
    for (std::size_t i = 0; i < names.size(); ++i) listeners_.emplace_back(names[i], std::move(descriptors[i]));
}

void TakeOver::take_sessions(UpgradeMessage message) {
    std::vector<Descriptor> descriptors = owned(message);
    RecordReader reader = message.reader();
    std::size_t next_descriptor = 0;
    for (RecordReader& one : reader.records(upgrade_session)) {
        Session session{WipedString(one.text(session_record)), Descriptor()};
        RecordReader inner(session.record);
        check(address_of(inner).has_value(), "sessions");
        if (one.flag(session_connected)) {
            check(next_descriptor < descriptors.size(), "connections");
            session.connection = std::move(descriptors[next_descriptor++]);
        }
        sessions_.push_back(std::move(session));
    }
    check(reader.ok() && next_descriptor == descriptors.size(), "sessions");
}

std::vector<int> TakeOver::take_listeners(std::string_view name, unsigned shard, unsigned shards) {
    std::vector<int> taken;
    unsigned number = 0;
    for (auto& [its_name, socket] : listeners_)
        if (its_name == name && number++ % shards == shard) taken.push_back(socket.release());
    return taken;
}

void TakeOver::restore(Assembly& assembly, const Plan& plan) {
    restore_sessions(assembly, plan);
    std::vector<C2s*> services;
    for (unsigned i = 0; i < assembly.shards().count(); ++i) services.push_back(&assembly.c2s(i));
    for (const WipedString& bytes : std::exchange(past_, {})) {
        RecordReader message(bytes);
        RecordReader body = message.record(upgrade_body);
        check(restore_past(services, body) && message.ok(), "words on what is over");
    }
    for (const WipedString& bytes : std::exchange(marks_, {}))
        for (unsigned i = 0; i < assembly.shards().count(); ++i) {
            RecordReader message(bytes);
            RecordReader body = message.record(upgrade_body);
            check(restore_hosts(assembly.shards().at(i), body) && message.ok(), "marks of modules");
        }
    listeners_.clear();  // of listeners that are no more
}

void TakeOver::restore_sessions(Assembly& assembly, const Plan& plan) {
    ClientRestoring restoring{[&plan](std::string_view name) { return find_policy(plan, name); }, make_transport};
    std::size_t connected = 0;
    for (Session& session : sessions_) {
        RecordReader record(session.record);
        const std::optional<Jid> address = address_of(record);
        connected += static_cast<bool>(session.connection);
        C2s& home = assembly.c2s(assembly.shards().home_of(address->bare_str()));
        check(restore_session(home, record, session.connection.release(), restoring), "sessions");
    }
    log_info("taken_over", {{"sessions", sessions_.size()}, {"connections", connected}});
    sessions_.clear();
}

void TakeOver::finish() {
    RecordWriter taken;
    taken.number(upgrade_pid, static_cast<std::uint64_t>(::getpid()));
    check(link_.send(UpgradeStep::taken, std::move(taken)));
    const Result<UpgradeMessage> go = link_.expect(UpgradeStep::go);
    if (!go.ok()) refuse(go.error().message);
}

// Nothing is destroyed: connections and files are still the other program's.
void TakeOver::fail(std::string_view why) {
    log_error("take_over_failed", {{"reason", why}});
    RecordWriter message;
    message.text(upgrade_why, why);
    (void)link_.send(UpgradeStep::failed, std::move(message));
    ::_exit(1);
}

}  // namespace rookery
