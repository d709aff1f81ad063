// Reads what a run costs: the server, the database beside it, and this process itself.
#pragma once

#include "bench/load/figures.h"
#include "bench/load/meter.h"
#include "bench/load/options.h"
#include "bench/load/team.h"
#include "bench/wire/loop.h"

namespace rookery::bench {

class Gauges {
public:
    struct Reading {
        TimePoint time;
        CpuTime server;
        CpuTime database;
        double own_us = 0;
    };

    explicit Gauges(const Options& options);  // in the process that loads

    Reading read() const;
    Span since(const Reading& earlier) const { return between(earlier, read()); }
    static Span between(const Reading& earlier, const Reading& later);

    bool measure_server() const { return server_.measures(); }
    Memory server_memory() const { return server_.memory(); }
    Memory own_memory() const { return self_.memory(); }

private:
    Meter server_;
    Meter database_;
    Meter self_;
};

// The part of a run between two numbers of deliveries, both in full swing: after `warm_up_messages` of all processes'
// deliveries it begins, `messages` later it is over.
class Stretch {
public:
    Stretch(const Options& options, Team& team, const Gauges& gauges)
        : begin_at_(options.warm_up_messages), end_at_(begin_at_ + options.messages), team_(team), gauges_(gauges) {}

    void on_delivery();
    void look();  // once a turn: what the others delivered counts too

    bool has_begun() const { return has_begun_; }
    bool is_over() const { return is_over_; }
    std::uint64_t goal() const { return end_at_; }

    // As the span and count `name`; nothing when it did not come to its end.
    void put_into(Figures& figures, const std::string& name) const;

private:
    std::uint64_t begin_at_;
    std::uint64_t end_at_;
    Team& team_;
    const Gauges& gauges_;
    bool has_begun_ = false;
    bool is_over_ = false;
    std::uint64_t here_ = 0;
    std::uint64_t here_at_begin_ = 0;
    std::uint64_t here_at_end_ = 0;
    Gauges::Reading begin_;
    Gauges::Reading end_;
};

}  // namespace rookery::bench
