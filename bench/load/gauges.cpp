#include "bench/load/gauges.h"

#include <unistd.h>

namespace rookery::bench {

Gauges::Gauges(const Options& options)
    : server_(options.server_pids), database_(options.database_pids), self_({getpid()}) {}

Gauges::Reading Gauges::read() const { return {Clock::now(), server_.cpu(), database_.cpu(), self_.cpu().total_us}; }

Span Gauges::between(const Reading& earlier, const Reading& later) {
    return {std::chrono::duration<double>(later.time - earlier.time).count(), later.server - earlier.server,
            later.database - earlier.database, later.own_us - earlier.own_us};
}

void Stretch::on_delivery() {
    ++here_;
    team_.add_progress();
    look();
}

void Stretch::look() {
    if (is_over_) return;
    const std::uint64_t all = team_.progress();
    if (!has_begun_ && all >= begin_at_) {
        has_begun_ = true;
        here_at_begin_ = here_;
        begin_ = gauges_.read();
    }
    if (all >= end_at_) {
        is_over_ = true;
        here_at_end_ = here_;
        end_ = gauges_.read();
    }
}

void Stretch::put_into(Figures& figures, const std::string& name) const {
    if (!is_over_) return;
    figures.count(name, here_at_end_ - here_at_begin_);
    figures.span(name) += Gauges::between(begin_, end_);
}

}  // namespace rookery::bench
