#include "base/queue_board.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace rookery {

QueueLook::QueueLook(const QueueMember& only) { add(only, {}); }

void QueueLook::add(const QueueMember& member, std::string_view name) {
    const double full = member.bound > 0 ? static_cast<double>(member.length) / static_cast<double>(member.bound) : 0;
    merge(member, full);
    if (member.length > 0 && !name.empty()) name_long_one(member.length, name);
}

void QueueLook::add(const QueueLook& other) {
    merge({other.length, other.bound, other.oldest}, other.fullness);
    for (const Long& one : other.longest) name_long_one(one.length, one.name);
}

void QueueLook::merge(const QueueMember& part, double full) {
    length += part.length;
    bound = std::max(bound, part.bound);
    fullness = std::max(fullness, full);
    oldest = std::max(oldest, part.oldest);  // none is less than any
}

void QueueLook::name_long_one(std::size_t long_length, std::string_view name) {
    if (longest.size() == max_longest && longest.back().length >= long_length) return;
    const auto at = std::ranges::find_if(longest, [&](const Long& other) { return other.length < long_length; });
    longest.insert(at, Long{long_length, std::string(name)});
    if (longest.size() > max_longest) longest.pop_back();
}

QueueBoard::Entry& QueueBoard::entry_for(const QueueSpec& spec) {
    const std::string& where = spec.where.empty() ? where_ : spec.where;
    const auto is_same = [&](const Entry& entry) { return entry.name == spec.name && entry.where == where; };
    if (const auto at = std::ranges::find_if(entries_, is_same); at != entries_.end()) return *at;
    entries_.push_back(Entry{spec.name, spec.unit, where, spec.kind, {}, {}});
    return entries_.back();
}

QueueBoard::Id QueueBoard::add(QueueSpec spec) {
    entry_for(spec).parts.push_back(Part{++last_id_, std::move(spec.counts), std::move(spec.look)});
    return last_id_;
}

void QueueBoard::remove(Id id) {
    for (Entry& entry : entries_) std::erase_if(entry.parts, [id](const Part& part) { return part.id == id; });
    std::erase_if(entries_, [](const Entry& entry) { return entry.parts.empty(); });
}

bool QueueBoard::Entry::counted() const {
    return std::ranges::all_of(parts, [](const Part& part) { return bool(part.counts); });
}

QueueCounts QueueBoard::Entry::counts() const {
    QueueCounts sum;
    for (const Part& part : parts) sum += part.counts();
    return sum;
}

void QueueBoard::sample(SteadyTime now) {
    for (Entry& entry : entries_) {
        if (!entry.counted()) continue;
        const QueueCounts counts = entry.counts();
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
    QueueLook look;
    for (const Part& part : entry.parts) look.add(part.look());
    const std::size_t length = look.length;
    if (entry.kind == QueueKind::queue && length > 0 && !look.oldest && entry.counted()) look.oldest = entry.flow.oldest();
    return {.name = entry.name,
            .unit = entry.unit,
            .kind = entry.kind,
            .where = entry.where,
            .now = std::move(look),
            .counted = entry.counted(),
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
