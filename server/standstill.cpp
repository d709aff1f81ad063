#include "server/standstill.h"

#include <memory>

namespace rookery {
namespace {

// Shared with loops that may come after the one who asked has given up.
struct Arrivals {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t count = 0;
    bool given_up = false;
};

}  // namespace

bool Standstill::on_all(std::function<void(unsigned)> work, Duration limit) {
    const auto arrivals = std::make_shared<Arrivals>();
    for (unsigned i = 0; i < loops_.size(); ++i)
        loops_[i]->post([arrivals, work, i] {
            const std::lock_guard lock(arrivals->mutex);
            if (arrivals->given_up) return;
            work(i);
            ++arrivals->count;
            arrivals->changed.notify_all();
        });
    std::unique_lock lock(arrivals->mutex);
    const bool all = arrivals->changed.wait_for(lock, limit, [&] { return arrivals->count == loops_.size(); });
    arrivals->given_up = !all;
    return all;
}

void Standstill::tell_all(std::function<void(unsigned)> work) {
    for (unsigned i = 0; i < loops_.size(); ++i) loops_[i]->post([work, i] { work(i); });
}

bool Standstill::stop(std::function<void(unsigned)> work, Duration limit) {
    std::unique_lock lock(mutex_);
    released_ = false;
    const unsigned attempt = ++attempt_;
    tell_all([this, work = std::move(work), attempt](unsigned shard) { hold(shard, attempt, work); });
    if (changed_.wait_for(lock, limit, [this] { return arrived_ == loops_.size(); })) return true;
    ++attempt_;
    changed_.wait(lock, [this] { return arrived_ == begun_; });
    lock.unlock();
    go_on();
    return false;
}

void Standstill::hold(unsigned shard, unsigned attempt, const std::function<void(unsigned)>& work) {
    std::unique_lock lock(mutex_);
    if (attempt != attempt_) return;
    ++begun_;
    lock.unlock();
    work(shard);
    lock.lock();
    ++arrived_;
    changed_.notify_all();
    while (true) {
        changed_.wait(lock, [&] { return released_ || work_[shard]; });
        if (!work_[shard]) break;
        lock.unlock();
        work_[shard]();
        lock.lock();
        work_[shard] = nullptr;
        changed_.notify_all();
    }
    --begun_;
    if (--arrived_ == 0) changed_.notify_all();
}

void Standstill::run_on(unsigned shard, std::function<void()> work) {
    std::unique_lock lock(mutex_);
    work_[shard] = std::move(work);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !work_[shard]; });
}

// Waits for them to leave: this object may go then.
void Standstill::go_on() {
    std::unique_lock lock(mutex_);
    released_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return arrived_ == 0; });
}

}  // namespace rookery
