// How the running program hands over (live upgrade): what Server does for Upgrade.
#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "base/version.h"
#include "server/previous_program.h"
#include "server/server.h"
#include "storage/sql/database.h"

namespace rookery {
namespace {

constexpr std::string_view back = "--back";

// On a thread without a loop: storage answers at once.
template <class T>
T wait_for(Task<T> task) {
    std::optional<T> value;
    spawn([](Task<T> work, std::optional<T>& into) -> Task<void> { into.emplace(co_await work); }(std::move(task), value));
    return std::move(*value);
}

// Everything that was written before is safe then.
Result<void> rest_storage(Database& database, bool postgres) {
    Task<Result<WriteOutcome>> last = database.change(postgres ? postgres_release() : Statement(Sql("DELETE FROM meta WHERE 0 = 1")));
    const Result<WriteOutcome> done = wait_for(std::move(last));
    if (done.ok()) return {};
    return Error(done.error().code, "storage does not come to rest: " + done.error().message);
}

}  // namespace

Result<UpgradeOrder> Server::order_upgrade(const std::string& program) const {
    UpgradeOrder order{program.empty() ? installed_ : program, {}, program.empty() || program == back ? installed_ : program, attended_};
    if (program == back) order.program = previous_program(options_.data);
    std::error_code error;
    if (program == back && !std::filesystem::exists(order.program, error))
        return Error(ErrorCode::not_found, "there is no previous program: this one has not been upgraded");
    if (!order.program.starts_with('/') && program != back)
        return Error(ErrorCode::invalid, "'" + program + "': give the program's whole path");
    order.arguments = {"serve", "--data", options_.data};
    if (!options_.config.empty()) order.arguments.insert(order.arguments.end(), {"--config", options_.config});
    return order;
}

UpgradeParts Server::upgrade_parts() {
    const bool postgres = std::holds_alternative<PostgresOptions>(started_with_->storage);
    UpgradeParts parts(*assembly_, *standstill_);
    parts.accept = [this](unsigned shard, bool accept) {
        for (const std::unique_ptr<Listening>& listening : runtimes_[shard].listening)
            accept ? listening->listener->resume() : listening->listener->pause();
        if (shard == 0) accept ? control_->wake() : control_->rest();
    };
    parts.fall_silent = [this] { fall_silent(); };
    parts.commands = [this] { return control_->running(); };
    parts.release_storage = [this, postgres] { return rest_storage(storage_->database(), postgres); };
    parts.regain_storage = [this, postgres] {
        if (postgres) (void)wait_for(storage_->database().change(postgres_regain()));
    };
    for (const Runtime& runtime : runtimes_)
        for (const std::unique_ptr<Listening>& listening : runtime.listening)
            parts.listeners.emplace_back(listening->name, listening->listener->descriptor());
    parts.control = control_->descriptor();
    parts.lock = storage_->database().lock_descriptor();
    return parts;
}

Task<Result<Value>> Server::upgrade(std::string program) {
    Result<UpgradeOrder> order = order_upgrade(program);
    if (!order.ok()) co_return std::move(order).error();
    if (std::exchange(upgrade_runs_, true)) co_return Error(ErrorCode::conflict, "an upgrade is under way already");
    log_info("upgrade", {{"program", order->program}});
    Completion<Result<Value>> done;
    if (!begin_upgrade(*order, done)) co_return Error(ErrorCode::unavailable, "the server is being stopped");
    Result<Value> result = co_await done;
    if (result.ok()) co_return result;  // and the program leaves
    forget_upgrade();
    upgrade_runs_ = false;
    log_error("upgrade_failed", {{"reason", result.error().message}});
    co_return result;
}

// False: the program is about to end.
bool Server::begin_upgrade(const UpgradeOrder& order, Completion<Result<Value>>& done) {
    const std::lock_guard lock(upgrade_mutex_);
    if (stopping_) return false;
    if (upgrading_.joinable()) upgrading_.join();
    upgrade_ = std::make_unique<Upgrade>(upgrade_parts(), order);
    upgrading_ = std::thread([this, &done, order] { run_upgrade(order, done); });
    return true;
}

// On a thread of its own.
void Server::run_upgrade(UpgradeOrder order, Completion<Result<Value>>& done) {
    Result<void> copied = copy_own_program(options_.data);
    Result<pid_t> successor = copied.ok() ? upgrade_->run() : Result<pid_t>(std::move(copied).error());
    if (!successor.ok()) {
        remove_copy_of_own_program(options_.data);
        runtimes_[0].loop->post([&done, error = successor.error()] { done.complete(error); });
        return;
    }
    if (Result<void> kept = make_it_the_previous_program(options_.data); !kept.ok())
        log_warning("upgrade", {{"reason", kept.error().message}});
    const std::string answer = "now serving: " + order.program + ", pid " + std::to_string(*successor);
    upgrade_->leave([&done, answer] { done.complete(Value(answer)); });
}

void Server::forget_upgrade() {
    const std::lock_guard lock(upgrade_mutex_);
    upgrade_.reset();
}

// It may be serving already, or have read the configuration before that was changed.
void Server::pass_on_to_successor(int signal) {
    const std::lock_guard lock(upgrade_mutex_);
    if (upgrade_) upgrade_->pass_on(signal);
}

// Else a signal is taken by a thread that does not live to see it.
void Server::fall_silent() {
    ::pthread_kill(hearing_, silence_signal);
    silent_.wait(false);
    const sigset_t signals = our_signals();
    const timespec at_once{};
    for (int signal = 0; (signal = ::sigtimedwait(&signals, nullptr, &at_once)) > 0;) pass_on_to_successor(signal);
}

// The program is about to end.
void Server::end_upgrade() {
    silent_ = true;
    silent_.notify_all();
    {
        const std::lock_guard lock(upgrade_mutex_);
        stopping_ = true;
        if (upgrade_) upgrade_->interrupt();
    }
    if (upgrading_.joinable()) upgrading_.join();
}

}  // namespace rookery
