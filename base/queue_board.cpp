#include "base/queue_board.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace rookery {

QueueLook::QueueLook(const QueueMember& only) { add(only, {}); }

void QueueLook::add(const QueueMember& member, std::string_view name) {
    length += member.length;
    bound = std::max(bound, member.bound);
    if (member.bound > 0)
        fullness = std::max(fullness, static_cast<double>(member.length) / static_cast<double>(member.bound));
    if (member.oldest && (!oldest || *member.oldest > *oldest)) oldest = member.oldest;
    if (member.length == 0 || name.empty()) return;
    if (longest.size() == max_longest && longest.back().length >= member.length) return;
    const auto at = std::ranges::find_if(longest, [&](const Long& other) { return other.length < member.length; });
    longest.insert(at, Long{member.length, std::string(name)});
    if (longest.size() > max_longest) longest.pop_back();
}

void QueueBoard::add(QueueSpec spec) {
    if (spec.where.empty()) spec.where = where_;
    entries_.push_back(Entry{std::move(spec), {}, 0});
}

void QueueBoard::sample(SteadyTime now) {
    for (Entry& entry : entries_) {
        if (!entry.spec.counts) continue;
        const QueueCounts counts = entry.spec.counts();
        entry.flow.sample(now, counts.in, counts.out);
        entry.refused = counts.refused;
    }
}

std::vector<QueueReport> QueueBoard::report(SteadyTime now) {
    sample(now);
    std::vector<QueueReport> reports;
    for (const Entry& entry : entries_) reports.push_back(describe(entry));
    return reports;
}

QueueReport QueueBoard::describe(const Entry& entry) {
    QueueLook look = entry.spec.look();
    const std::size_t length = look.length;
    return {.name = entry.spec.name,
            .unit = entry.spec.unit,
            .kind = entry.spec.kind,
            .where = entry.spec.where,
            .now = std::move(look),
            .counted = bool(entry.spec.counts),
            .in = entry.flow.in(),
            .out = entry.flow.out(),
            .time_to_drain = entry.flow.time_to_drain(length),
            .refused = entry.refused};
}

void sort_worst_first(std::vector<QueueReport>& reports) {
    const auto rank = [](const QueueReport& report) {
        return std::tuple(report.kind == QueueKind::cache, -std::floor(report.now.fullness * 100), !report.stuck(),
                          -report.now.oldest.value_or(Duration(0)), report.now.length == 0);
    };
    std::ranges::stable_sort(reports, {}, rank);
}

std::string_view name_of(QueueKind kind) {
    switch (kind) {
        case QueueKind::queue: return "queue";
        case QueueKind::pool: return "pool";
        case QueueKind::cache: return "cache";
    }
    return "";
}

}  // namespace rookery
