#include "storage/sql/write_health.h"

#include <algorithm>

#include "base/log.h"

namespace rookery {
namespace {

std::size_t failed_for_storage(const std::vector<Answer>& answers) {
    return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [](const Answer& answer) {
        return !answer && answer.error().code == ErrorCode::storage;
    }));
}

std::size_t failed_for_storage(const Result<std::vector<Answer>>& result, std::size_t calls) {
    if (result) return failed_for_storage(*result);
    return result.error().code == ErrorCode::storage ? calls : 0;
}

// Of the last call that failed; empty: none did.
std::string error_of(const Result<std::vector<Answer>>& result) {
    if (!result) return result.error().message;
    for (auto answer = result->rbegin(); answer != result->rend(); ++answer)
        if (!*answer && answer->error().code == ErrorCode::storage) return answer->error().message;
    return {};
}

}  // namespace

void WriteHealth::begin(const std::vector<Job>& batch) {
    begun_ = SteadyTime::clock::now();
    oldest_in_work_ = batch.front().queued_at;
    calls_in_work_ = batch.size();
}

void WriteHealth::end(const Result<std::vector<Answer>>& result, std::size_t calls) {
    const std::size_t failed = failed_for_storage(result, calls);
    const Duration took = SteadyTime::clock::now() - begun_;
    failures_ += failed;
    if (result) {
        ++commits_;
        writes_ += calls - failed;
    }
    if (took > longest_commit_.load()) longest_commit_ = took;
    calls_in_work_ = 0;
    note_health(result && failed == 0, error_of(result));
}

void WriteHealth::note_health(bool healthy, const std::string& why) {
    {
        const std::lock_guard lock(trouble_mutex_);
        if (healthy)
            trouble_.reset();
        else
            trouble_ = StorageTrouble{trouble_ ? trouble_->since : SystemClock().wall_now(), why};
    }
    if (healthy_.exchange(healthy) == healthy) return;  // one line for each change, not for each call
    if (healthy) {
        log_warning("storage_recovered");
    } else {
        log_error("storage_failed", {{"error", why}});
    }
}

void WriteHealth::fill(DatabaseGauges& gauges) const {
    const std::size_t in_work = calls_in_work_;
    gauges.writes_waiting += in_work;
    if (in_work > 0) gauges.oldest_wait = std::max(Duration(0), SteadyTime::clock::now() - oldest_in_work_.load());
    gauges.longest_commit = longest_commit_;
    gauges.commits = commits_;
    gauges.writes = writes_;
    gauges.failures += failures_;
    gauges.healthy = healthy_;
}

std::optional<StorageTrouble> WriteHealth::trouble() const {
    const std::lock_guard lock(trouble_mutex_);
    return trouble_;
}

void answer_all(std::vector<Job> batch, Result<std::vector<Answer>> result) {
    std::vector<ReplyPtr> replies;
    replies.reserve(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].reply->answer.emplace(result ? std::move((*result)[i]) : Answer(result.error()));
        replies.push_back(std::move(batch[i].reply));
    }
    deliver(std::move(replies));
}

}  // namespace rookery
