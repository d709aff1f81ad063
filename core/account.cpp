#include "core/account.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/log.h"
#include "core/delivery.h"
#include "core/shard.h"

namespace rookery {

Account::Account(Host& host, Jid bare, bool exists) : host_(host), jid_(std::move(bare)), exists_(exists) {}
Account::~Account() = default;

SessionPtr Account::find_session(std::string_view resource) const {
    for (const SessionPtr& session : sessions_)
        if (session->jid().resource() == resource) return session;
    return nullptr;
}

bool Account::has_available_session() const {
    return std::ranges::any_of(sessions_, [](const SessionPtr& session) { return session->available(); });
}

void Account::add_session(SessionPtr session) { sessions_.push_back(std::move(session)); }

void Account::remove_session(const SessionPtr& session) {
    const auto at = std::ranges::find(sessions_, session);
    if (at == sessions_.end()) return;
    const SessionPtr gone = *at;
    sessions_.erase(at);
    gone->set_dead();
    auto event = std::make_shared<SessionEvent>(SessionEvent{gone, shared_from_this()});
    Outcome outcome = host_.hooks.session_closed.run(*event);
    if (outcome.pending()) enqueue([](std::shared_ptr<SessionEvent>, Task<Outcome> rest) -> Task<void> {
        (void)co_await rest;
    }(event, outcome.take_later()));
    if (sessions_.empty() && !busy()) host_.shard().account_idle(*this);
}

void Account::receive(RoutePtr route) {
    if (!must_queue()) return start(Waiting{std::move(route), {}});
    if (waiting_ && waiting_->size() >= host_.options().max_waiting) {
        ++host_.shard().flows().waiting.refused;
        return host_.router().refuse(*route, StanzaError(Condition::resource_constraint, ErrorType::wait));
    }
    queue(Waiting{std::move(route), {}});
}

void Account::enqueue(Task<void> work) {
    if (!must_queue() && commits_ == 0) return start(Waiting{nullptr, std::move(work)});
    queue(Waiting{nullptr, std::move(work)});
}

void Account::queue(Waiting item) {
    if (!waiting_) waiting_ = std::make_unique<std::deque<Waiting>>();
    item.since = host_.shard().loop().clock().steady_now();
    waiting_->push_back(std::move(item));
    ++host_.shard().flows().waiting.in;
}

QueueMember Account::waiting(SteadyTime now) const {
    const std::size_t bound = host_.options().max_waiting;
    if (!waiting_ || waiting_->empty()) return {0, bound, {}};
    return {waiting_->size(), bound, now - waiting_->front().since};
}

// Runs one item; when it must wait, the account is busy until it is through, and the queue behind it then follows.
void Account::start(Waiting item) {
    Router::Reception reception;
    if (item.route)
        reception = host_.router().receive(shared_from_this(), std::move(item.route));
    else
        reception.rest = std::move(item.work);
    if (!reception.rest) return;
    if (reception.committing) {
        ++commits_;
        spawn(run_commit(std::move(reception.rest)));
    } else {
        busy_ = true;
        spawn(run_task(std::move(reception.rest)));
    }
}

Task<void> Account::run_task(Task<void> work) {
    const AccountPtr self = shared_from_this();
    co_await contained(std::move(work));
    busy_ = false;
    if (!draining_) run_next();
}

Task<void> Account::run_commit(Task<void> work) {
    const AccountPtr self = shared_from_this();
    co_await contained(std::move(work));
    if (--commits_ > 0) co_return;
    if (last_commit_) std::exchange(last_commit_, nullptr)->complete(Nothing());
    if (!busy_ && !draining_) run_next();
}

Task<void> Account::contained(Task<void> work) {
    try {
        co_await work;
    } catch (const std::exception& error) {
        log_error("account_task_failed", {{"account", jid_.str()}, {"error", error.what()}});
    } catch (...) {
        log_error("account_task_failed", {{"account", jid_.str()}});
    }
}

Task<void> Account::commits_done() {
    assert(commits_ > 0 && !last_commit_);
    Completion<Nothing> done;
    last_commit_ = &done;
    (void)co_await done;
}

// Work that wants to be alone lets no more messages go before it: they would keep it waiting for ever.
void Account::run_next() {
    draining_ = true;
    while (!busy_ && waiting_ && !waiting_->empty()) {
        if (waiting_->front().work && commits_ > 0) break;
        Waiting item = std::move(waiting_->front());
        waiting_->pop_front();
        ++host_.shard().flows().waiting.out;
        start(std::move(item));
    }
    draining_ = false;
    if (waiting_ && waiting_->empty()) waiting_.reset();
    if (sessions_.empty() && !busy() && !waiting_) host_.shard().account_idle(*this);
}

}  // namespace rookery
