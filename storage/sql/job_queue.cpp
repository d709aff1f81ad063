#include "storage/sql/job_queue.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace rookery {
namespace {

void resume(const std::vector<ReplyPtr>& replies) {
    for (const ReplyPtr& reply : replies) {
        if (std::coroutine_handle<> coroutine = std::exchange(reply->waiting, nullptr)) coroutine.resume();
    }
}

void unblock(ReplyState& reply) {
    reply.done.store(true, std::memory_order_release);
    reply.done.notify_one();
}

struct LoopReplies {
    Loop* loop;
    std::vector<ReplyPtr> replies;
};

std::vector<ReplyPtr>& of_loop(std::vector<LoopReplies>& groups, Loop* loop) {
    auto group = std::find_if(groups.begin(), groups.end(), [&](const LoopReplies& g) { return g.loop == loop; });
    if (group != groups.end()) return group->replies;
    groups.push_back(LoopReplies{loop, {}});
    return groups.back().replies;
}

}  // namespace

void deliver(std::vector<ReplyPtr> replies) {
    std::vector<LoopReplies> groups;  // as many as there are shards
    for (ReplyPtr& reply : replies) {
        if (reply->loop && reply->rank != Rank::in) {
            Loop& loop = *reply->loop;
            const Rank rank = reply->rank;
            loop.post_as(rank, [waiting = std::vector{std::move(reply)}] { resume(waiting); });
        } else if (reply->loop) {
            of_loop(groups, reply->loop).push_back(std::move(reply));
        } else {
            unblock(*reply);
        }
    }
    for (LoopReplies& group : groups) {
        group.loop->post([waiting = std::move(group.replies)] { resume(waiting); });
    }
}

Job::Job(std::vector<Statement> work, ReplyPtr answer_to)
    : statements(std::move(work)), reply(std::move(answer_to)), bytes(0), queued_at(SteadyTime::clock::now()) {
    for (const Statement& statement : statements) bytes += statement.size_bytes();
}

bool JobQueue::push(Job job) {
    {
        std::lock_guard lock(mutex_);
        const bool full = jobs_.size() >= max_calls_ || (!jobs_.empty() && bytes_ + job.bytes > max_bytes_);
        if (full) ++refused_;
        if (closed_ || full) return false;
        ++calls_in_;
        bytes_in_ += job.bytes;
        bytes_ += job.bytes;
        jobs_.push_back(std::move(job));
    }
    not_empty_.notify_one();
    return true;
}

std::vector<Job> JobQueue::take(std::size_t max_calls, std::size_t max_bytes) {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
    std::vector<Job> taken;
    std::size_t taken_bytes = 0;
    while (!jobs_.empty() && taken.size() < max_calls && taken_bytes < max_bytes) {
        taken_bytes += jobs_.front().bytes;
        taken.push_back(std::move(jobs_.front()));
        jobs_.pop_front();
    }
    bytes_ -= taken_bytes;
    return taken;
}

std::vector<Job> JobQueue::take_group(std::size_t max_calls, std::size_t max_bytes) {
    if (crowded_) std::this_thread::sleep_until(group_began_ + groups_apart);
    std::vector<Job> group = take(max_calls, max_bytes);
    group_began_ = SteadyTime::clock::now();
    crowded_ = group.size() >= crowd;
    return group;
}

void JobQueue::close() {
    {
        std::lock_guard lock(mutex_);
        closed_ = true;
    }
    not_empty_.notify_all();
}

std::size_t JobQueue::calls() const {
    std::lock_guard lock(mutex_);
    return jobs_.size();
}

std::size_t JobQueue::bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
}

QueueCounts JobQueue::call_counts() const {
    std::lock_guard lock(mutex_);
    return counts_of(calls_in_, jobs_.size(), refused_);
}

QueueCounts JobQueue::byte_counts() const {
    std::lock_guard lock(mutex_);
    return counts_of(bytes_in_, bytes_, refused_);
}

std::optional<SteadyTime> JobQueue::oldest() const {
    std::lock_guard lock(mutex_);
    return jobs_.empty() ? std::nullopt : std::optional(jobs_.front().queued_at);
}

}  // namespace rookery
