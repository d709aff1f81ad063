#include "base/work_pool.h"

#include "base/log.h"

namespace rookery {

namespace detail {

Error work_threw(std::exception_ptr failure) {
    std::string what = "unknown exception";
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        what = error.what();
    } catch (...) {
    }
    log_error("work_failed", {{"error", what}});
    return Error(ErrorCode::unavailable, "work failed: " + what);
}

}  // namespace detail

WorkPool::WorkPool(std::size_t threads, std::size_t max_queued) : max_queued_(max_queued) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work_until_stopped(); });
}

WorkPool::~WorkPool() {
    std::deque<Waiting> left;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        left.swap(jobs_);
    }
    wake_.notify_all();
    for (Waiting& one : left) one.job(true);
    for (std::thread& thread : threads_) thread.join();
}

std::size_t WorkPool::queued() const {
    const std::lock_guard lock(mutex_);
    return jobs_.size();
}

QueueMember WorkPool::waiting() const {
    const std::lock_guard lock(mutex_);
    if (jobs_.empty()) return {0, max_queued_};
    return {jobs_.size(), max_queued_, SteadyTime::clock::now() - jobs_.front().since};
}

QueueCounts WorkPool::counts() const {
    const std::lock_guard lock(mutex_);
    return counts_;
}

bool WorkPool::submit(Job job) {
    if (threads_.empty()) {
        job(false);
        return true;
    }
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        if (jobs_.size() >= max_queued_) {
            ++counts_.refused;
            return false;
        }
        ++counts_.in;
        jobs_.push_back(Waiting{std::move(job), SteadyTime::clock::now()});
    }
    wake_.notify_one();
    return true;
}

void WorkPool::work_until_stopped() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        const Job job = std::move(jobs_.front().job);
        jobs_.pop_front();
        ++counts_.out;
        lock.unlock();
        job(false);
        lock.lock();
    }
}

}  // namespace rookery
