#include "bench/load/figures.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace rookery::bench {

namespace {

constexpr std::string_view kAll = "all";

CpuTime larger(const CpuTime& a, const CpuTime& b) { return a.total_us < b.total_us ? b : a; }

template <class Map>
typename Map::mapped_type find_or_none(const Map& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? typename Map::mapped_type{} : found->second;
}

std::string on_one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

void write_histogram(std::ostream& out, const Histogram& histogram) {
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
        if (histogram.in_bucket(i) > 0) out << ' ' << i << ' ' << histogram.in_bucket(i);
    }
}

void read_histogram(std::istream& in, Histogram& histogram) {
    std::size_t bucket = 0;
    std::uint64_t count = 0;
    while (in >> bucket >> count) {
        if (bucket < Histogram::kBuckets) histogram.add_to_bucket(bucket, count);
    }
}

}  // namespace

Span& Span::operator+=(const Span& later) {
    seconds += later.seconds;
    server = server + later.server;
    database = database + later.database;
    own_us += later.own_us;
    return *this;
}

void Span::merge(const Span& other) {
    seconds = std::max(seconds, other.seconds);
    server = larger(server, other.server);
    database = larger(database, other.database);
    own_us += other.own_us;
}

void Figures::add(const Tally& tally) {
    count("lost", tally.lost);
    count("doubled", tally.doubled);
    count("reordered", tally.reordered);
}

void Figures::server_memory(const std::string& name, const Memory& memory) {
    Memory& known = memories_[name];
    if (known.pss_bytes < memory.pss_bytes) known = memory;
}

void Figures::text(const std::string& name, std::string_view text) {
    if (texts_[name].empty()) texts_[name] = text;
}

std::uint64_t Figures::counted(const std::string& name) const { return find_or_none(counts_, name); }
Span Figures::spent(const std::string& name) const { return find_or_none(spans_, name); }
Histogram Figures::measured(const std::string& name) const { return find_or_none(latencies_, name); }
Memory Figures::server_memory(const std::string& name) const { return find_or_none(memories_, name); }
std::string Figures::text(const std::string& name) const { return find_or_none(texts_, name); }

std::string Figures::lines() const {
    std::ostringstream out;
    out << std::setprecision(17);
    for (const auto& [name, value] : counts_) out << "count " << name << ' ' << value << '\n';
    for (const auto& [name, span] : spans_) {
        out << "span " << name << ' ' << span.seconds << ' ' << span.server.total_us << ' ' << span.server.system_us
            << ' ' << span.database.total_us << ' ' << span.database.system_us << ' ' << span.own_us << '\n';
    }
    for (const auto& [name, histogram] : latencies_) {
        out << "latencies " << name;
        write_histogram(out, histogram);
        out << '\n';
    }
    for (const auto& [name, memory] : memories_) {
        out << "memory " << name << ' ' << memory.anonymous_bytes << ' ' << memory.pss_bytes << '\n';
    }
    for (const auto& [name, text] : texts_) out << "text " << name << ' ' << on_one_line(text) << '\n';
    out << kAll << '\n';
    return out.str();
}

bool Figures::merge(std::string_view lines) {
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        if (end == std::string_view::npos) return false;
        const std::string_view line = lines.substr(0, end);
        if (line == kAll) return true;
        if (!merge_line(line)) return false;
        lines.remove_prefix(end + 1);
    }
    return false;
}

bool Figures::merge_line(std::string_view line) {
    std::istringstream in{std::string(line)};
    std::string kind;
    std::string name;
    if (!(in >> kind >> name)) return false;
    if (kind == "latencies") {
        read_histogram(in, latencies_[name]);
        return true;
    }
    if (kind == "text") {
        std::string words;
        std::getline(in >> std::ws, words);
        text(name, words);
        return true;
    }
    if (kind == "count") {
        std::uint64_t value = 0;
        in >> value;
        count(name, value);
    } else if (kind == "span") {
        Span span;
        in >> span.seconds >> span.server.total_us >> span.server.system_us >> span.database.total_us >>
            span.database.system_us >> span.own_us;
        spans_[name].merge(span);
    } else {
        Memory memory;
        in >> memory.anonymous_bytes >> memory.pss_bytes;
        server_memory(name, memory);
    }
    return !in.fail();
}

}  // namespace rookery::bench
