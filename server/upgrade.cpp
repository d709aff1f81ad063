#include "server/upgrade.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "c2s/connection.h"
#include "server/rest.h"
#include "server/supervisor.h"

extern char** environ;

namespace rookery {
namespace {

constexpr Seconds start_limit{20};      // for the other program to read its configuration
constexpr Seconds rest_limit{5};        // for what is under way
constexpr Seconds patience{3};          // within that, for what may be left behind
constexpr Milliseconds between_looks{10};
constexpr Seconds loop_limit{5};        // for each loop to have its turn
constexpr Seconds hand_over_limit{20};  // for each step of the other program
constexpr std::size_t max_batch_bytes = 4u << 20;
constexpr int take_over_descriptor = 3;  // in the other program

Error failed(const std::string& what) { return Error(ErrorCode::unavailable, what); }

// What a child of ours should find as any other program does.
class SpawnAttributes {
public:
    SpawnAttributes() {
        posix_spawnattr_init(&attributes_);
        sigset_t none, all;
        sigemptyset(&none);
        sigemptyset(&all);
        for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGHUP}) sigaddset(&all, signal);
        posix_spawnattr_setsigmask(&attributes_, &none);
        posix_spawnattr_setsigdefault(&attributes_, &all);
        posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;
    const posix_spawnattr_t* get() const { return &attributes_; }

private:
    posix_spawnattr_t attributes_;
};

// 0, or an errno.
int spawn_program(const std::string& program, const std::vector<std::string>& arguments, int link, pid_t& child) {
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, link, take_over_descriptor);
    const SpawnAttributes attributes;
    const int error = ::posix_spawn(&child, program.c_str(), &actions, attributes.get(), argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

}  // namespace

Upgrade::Upgrade(UpgradeParts parts, UpgradeOrder order) : parts_(std::move(parts)), order_(std::move(order)) {}
Upgrade::~Upgrade() = default;

Result<pid_t> Upgrade::run() {
    Result<void> done;
    for (const auto step : {&Upgrade::start_program, &Upgrade::hear_ready, &Upgrade::come_to_rest, &Upgrade::stand_still,
                            &Upgrade::hand_over}) {
        done = (this->*step)();
        if (!done.ok()) break;
    }
    if (done.ok()) return child_;
    end_program();
    go_on();
    if (interrupted_) return failed("the server is being stopped");
    return Error(done.error().code, order_.program + ": " + done.error().message + "; the running program goes on serving");
}

void Upgrade::interrupt() {
    interrupted_ = true;
    const std::lock_guard lock(mutex_);
    if (link_) link_->interrupt();
}

void Upgrade::pass_on(int signal) {
    const std::lock_guard lock(mutex_);
    if (handed_over_)
        ::kill(child_, signal);
    else
        signals_.push_back(signal);
}

void Upgrade::pass_signals_on() {
    const std::lock_guard lock(mutex_);
    handed_over_ = true;
    for (const int signal : signals_) ::kill(child_, signal);
}

// --- the other program --------------------------------------------------------------------------------------------

Result<void> Upgrade::start_program() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return failed(std::strerror(errno));
    set_link(std::make_unique<UpgradeLink>(ends[0]));
    link_->set_time_limit(start_limit);
    std::vector<std::string> arguments = order_.arguments;
    arguments.insert(arguments.end(), {"--take-over", std::to_string(take_over_descriptor)});
    const int error = spawn_program(order_.program, arguments, ends[1], child_);
    ::close(ends[1]);
    if (error == 0) return {};
    child_ = -1;
    return Error(ErrorCode::invalid, std::string("cannot be started: ") + std::strerror(error) + "; name a program by its whole path");
}

Result<void> Upgrade::hear_ready() {
    Result<UpgradeMessage> ready = link_->expect(UpgradeStep::ready);
    if (!ready.ok()) return Error(ready.error().code, "it did not get ready: " + ready.error().message);
    RecordReader reader = ready->reader();
    const std::string why = unreadable(upgrade_version(), read_version(reader));
    if (!reader.ok()) return failed("it is no Rookery");
    if (!why.empty()) return failed(why + "; stop this server and start that program instead");
    link_->set_time_limit(hand_over_limit);
    return {};
}

void Upgrade::set_link(std::unique_ptr<UpgradeLink> link) {
    const std::lock_guard lock(mutex_);
    link_ = std::move(link);
    if (link_ && interrupted_) link_->interrupt();
}

void Upgrade::end_program() {
    set_link(nullptr);
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
}

// --- to rest and back ---------------------------------------------------------------------------------------------

// Two looks in a row must find nothing: what an answer of storage has set going shows in the second one.
Result<void> Upgrade::come_to_rest() {
    resting_ = true;
    const auto begun = std::chrono::steady_clock::now();
    const auto passed = [begun] { return std::chrono::steady_clock::now() - begun; };
    unsigned quiet = 0;
    while (true) {
        UnderWay all;
        const auto look = [this, &all](unsigned shard) {
            parts_.accept(shard, false);
            const UnderWay found = look_what_is_under_way(parts_.assembly, shard);
            if (!found.what.empty()) all.what = found.what;
            if (shard == 0 && parts_.commands() > 1) all.what = "a command of an administrator";
            all.open += found.open;
        };
        if (interrupted_ || !parts_.standstill.on_all(look, loop_limit)) return failed("a loop has no time");
        const bool at_rest = all.what.empty() && (all.open == 0 || passed() > patience);
        quiet = at_rest ? quiet + 1 : 0;
        if (quiet == 2) return {};
        if (passed() > rest_limit) return failed("the server does not come to rest: it waits for " + all.what + "; try again later");
        std::this_thread::sleep_for(between_looks);
    }
}

Result<void> Upgrade::stand_still() {
    clients_.resize(parts_.assembly.shards().count());
    past_.resize(clients_.size());
    marks_.resize(clients_.size());
    const auto save = [this](unsigned shard) {
        clients_[shard] = save_clients(parts_.assembly.c2s(shard));
        save_past(parts_.assembly.c2s(shard), past_[shard]);
        save_hosts(parts_.assembly.shards().at(shard), marks_[shard]);
    };
    still_ = parts_.standstill.stop(save, loop_limit);
    if (!still_) return failed("a loop has no time");
    Result<void> released = parts_.release_storage();
    released_ = released.ok();
    return released;
}

void Upgrade::go_on() {
    clients_.clear();
    past_.clear();
    marks_.clear();
    if (released_) parts_.regain_storage();
    if (still_) parts_.standstill.go_on();
    still_ = released_ = false;
    if (!std::exchange(resting_, false)) return;
    parts_.standstill.tell_all([parts = parts_](unsigned shard) {
        parts.accept(shard, true);
        parts.assembly.c2s(shard).wake();
        parts.assembly.components(shard).wake();
    });
}

// --- the hand-over ------------------------------------------------------------------------------------------------

Result<void> Upgrade::hand_over() {
    for (const auto step : {&Upgrade::hand_over_sockets, &Upgrade::hand_over_sessions, &Upgrade::hand_over_rest}) {
        Result<void> done = (this->*step)();
        if (!done.ok()) return done;
    }
    if (Result<void> ended = link_->deliver(UpgradeStep::end, {}); !ended.ok()) return ended;
    Result<UpgradeMessage> taken = link_->expect(UpgradeStep::taken);
    if (!taken.ok()) return std::move(taken).error();
    return link_->send(UpgradeStep::go);
}

Result<void> Upgrade::hand_over_sockets() {
    RecordWriter begin;
    write_version(begin, upgrade_version());
    begin.text(upgrade_installed, order_.installed);
    begin.number(upgrade_attended, !supervisor_listens());
    std::vector<int> descriptors{parts_.control};
    if (parts_.lock >= 0) descriptors.push_back(parts_.lock);
    begin.number(upgrade_has_lock, parts_.lock >= 0);
    Result<void> done = link_->deliver(UpgradeStep::begin, std::move(begin), descriptors);
    for (std::size_t next = 0; done.ok() && next < parts_.listeners.size();) {
        RecordWriter message;
        descriptors.clear();
        for (; next < parts_.listeners.size() && descriptors.size() < UpgradeLink::max_descriptors; ++next) {
            message.text(upgrade_listener, parts_.listeners[next].first);
            descriptors.push_back(parts_.listeners[next].second);
        }
        done = link_->deliver(UpgradeStep::listeners, std::move(message), descriptors);
    }
    return done;
}

Result<void> Upgrade::hand_over_sessions() {
    for (std::size_t shard = 0; shard < clients_.size(); ++shard)
        for (std::size_t next = 0; next < clients_[shard].sessions.size();)
            if (Result<void> done = hand_over_batch(shard, next); !done.ok()) return done;
    return {};
}

Result<void> Upgrade::hand_over_batch(std::size_t shard, std::size_t& next) {
    const std::vector<SavedSession>& all = clients_[shard].sessions;
    RecordWriter batch;
    std::vector<int> descriptors;
    while (next < all.size() && descriptors.size() < UpgradeLink::max_descriptors && batch.bytes().size() < max_batch_bytes) {
        const SavedSession& saved = all[next++];
        RecordWriter session, news;
        session.text(session_record, saved.record);
        session.number(session_connected, saved.descriptor >= 0);
        write_new_fields(news);
        if (!news.empty()) session.record(session_news, news);
        batch.record(upgrade_session, session);
        if (saved.descriptor >= 0) descriptors.push_back(saved.descriptor);
    }
    return link_->deliver(UpgradeStep::sessions, std::move(batch), descriptors);
}

Result<void> Upgrade::hand_over_rest() {
    Result<void> done = hand_over_each(UpgradeStep::past, past_);
    return done.ok() ? hand_over_each(UpgradeStep::marks, marks_) : done;
}

Result<void> Upgrade::hand_over_each(UpgradeStep step, const std::vector<RecordWriter>& bodies) {
    for (const RecordWriter& body : bodies) {
        RecordWriter message;
        message.record(upgrade_body, body);
        if (Result<void> done = link_->deliver(step, std::move(message)); !done.ok()) return done;
    }
    return {};
}

// --- the end ------------------------------------------------------------------------------------------------------

// Nothing is destroyed: closing a connection properly would end it for the other program, too.
void Upgrade::leave(std::function<void()> answer) {
    pass_signals_on();
    parts_.standstill.run_on(0, std::move(answer));
    const StreamError error(StreamCondition::system_shutdown);
    for (unsigned shard = 0; shard < clients_.size(); ++shard)
        parts_.standstill.run_on(shard, [this, shard, &error] {
            for (const std::shared_ptr<Connection>& connection : clients_[shard].left_behind) connection->leave_behind(error);
            clients_[shard].sessions.clear();
            parts_.assembly.components(shard).leave_behind(error);
        });
    log_info("handed_over", {{"program", order_.program}, {"pid", child_}});
    if (supervisor_listens()) tell_supervisor("MAINPID=" + std::to_string(child_));
    parts_.fall_silent();
    if (order_.attended || supervisor_listens()) ::_exit(0);
    become_attendant();
}

}  // namespace rookery
