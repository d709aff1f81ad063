// What a run counted and measured, under names without spaces, before anything is divided: so the figures of several
// processes can be put together. Each process meters the whole server over the same steps, so of its figures the
// largest counts; own costs are summed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/histogram.h"
#include "bench/load/ledger.h"
#include "bench/load/meter.h"

namespace rookery::bench {

// What a stretch of time cost.
struct Span {
    double seconds = 0;
    CpuTime server;
    CpuTime database;
    double own_us = 0;

    Span& operator+=(const Span& later);  // of the same process
    void merge(const Span& other);        // of another process, over the same step
};

class Figures {
public:
    void count(const std::string& name, std::uint64_t more) { counts_[name] += more; }
    void add(const Tally& tally);  // as the counts lost, doubled, reordered
    Span& span(const std::string& name) { return spans_[name]; }
    Histogram& latencies(const std::string& name) { return latencies_[name]; }
    void server_memory(const std::string& name, const Memory& memory);
    void text(const std::string& name, std::string_view text);  // the first one that is not empty stays
    void fail(std::string_view why) { text("error", why); }

    std::uint64_t counted(const std::string& name) const;
    bool has_span(const std::string& name) const { return spans_.count(name) > 0; }
    Span spent(const std::string& name) const;
    Histogram measured(const std::string& name) const;
    Memory server_memory(const std::string& name) const;
    std::string text(const std::string& name) const;

    // For another process: a line each, the last one says that it is all.
    std::string lines() const;
    bool merge(std::string_view lines);  // false: that was not all

private:
    bool merge_line(std::string_view line);

    std::map<std::string, std::uint64_t> counts_;
    std::map<std::string, Span> spans_;
    std::map<std::string, Histogram> latencies_;
    std::map<std::string, Memory> memories_;
    std::map<std::string, std::string> texts_;
};

}  // namespace rookery::bench
