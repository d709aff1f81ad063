// Scenario chat: pairs of users. In a closed loop `window` messages are under way in each pair, and whoever receives one
// answers with the next; with a rate (open loop) all users send in turn, whatever comes back, and latencies count from
// when a message was due. Every message names its run, pair, direction and number, so that what is lost, doubled,
// reordered or not meant for its receiver is counted.
//
// The server's CPU is read at two deliveries, `warm_up_messages` and that plus `messages`, both in full swing; after
// the second one nobody sends, what is under way arrives, and the ledgers must be complete; with acknowledgements the
// server must have answered for every message.
#include <unistd.h>

#include <charconv>
#include <deque>

#include "base/crypto.h"
#include "bench/load/fleet.h"
#include "bench/load/histogram.h"
#include "bench/load/ledger.h"
#include "bench/load/meter.h"
#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

constexpr std::size_t kNumberDigits = 10;
constexpr std::size_t kRemembered = 1024;  // send times of a user, in an open loop: what may be under way

// "RUN USER NUMBER ....": USER is the sender's index.
struct Label {
    std::string_view run;
    std::uint64_t sender = 0;
    std::uint64_t number = 0;
};

std::string digits(std::uint64_t number) {
    std::string text = std::to_string(number);
    return std::string(kNumberDigits - std::min(text.size(), kNumberDigits), '0') + text;
}

std::string make_label(std::string_view run, UserNumber sender, std::uint64_t number) {
    return std::string(run) + ' ' + digits(sender) + ' ' + digits(number) + ' ';
}

bool take_number(std::string_view& text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return true;
}

std::optional<Label> read_label(std::string_view text) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    Label label;
    label.run = text.substr(0, space);
    text.remove_prefix(space + 1);
    if (!take_number(text, label.sender) || !take_number(text, label.number)) return std::nullopt;
    return label;
}

// Text as people write it, one XML entity at its start when there is room.
std::string make_filler(std::size_t bytes) {
    constexpr std::string_view kWords = "this &amp; that is what I meant, and here is some more of it so that ";
    std::string filler;
    while (filler.size() < bytes) filler += kWords.substr(filler.empty() ? 0 : 11);
    if (bytes < kWords.size()) return std::string(bytes, '.');
    filler.resize(bytes);
    return filler;
}

double own_cpu_us() {
    static const Meter self({getpid()});
    return self.cpu().total_us;
}

class Chat final : Fleet::Sink {
public:
    explicit Chat(const Options& options)
        : options_(options), meter_(options.server_pids), database_(options.database_pids), run_(random_token(6)),
          fleet_(options, options.pairs * 2, this), users_(options.pairs * 2) {}

    Result<void> run(Report& report) {
        if (auto done = fleet_.log_in(options_.pairs * 2); !done) return done;
        prepare_texts();
        last_delivery_ = Clock::now();
        if (options_.rate == 0) fill_windows();
        begin_ = Clock::now();
        auto done = fleet_.run_until([this] { return advance(); }, "chatting");
        describe(report);
        if (!done) return done;
        fleet_.log_out();
        return verdict();
    }

private:
    struct Measured {
        TimePoint time;
        CpuTime server;
        CpuTime database;
        double own_us = 0;
    };

    struct User {
        Ledger sent;                        // what goes from this user to the partner
        std::vector<TimePoint> send_times;  // by number modulo its size
        std::deque<TimePoint> unacknowledged;  // with acknowledgements only
    };

    Measured measure() const { return {Clock::now(), meter_.cpu(), database_.cpu(), own_cpu_us()}; }
    static UserNumber partner_of(UserNumber index) { return index ^ 1U; }
    std::uint64_t goal() const { return options_.warm_up_messages + options_.messages; }

    void prepare_texts() {
        const std::size_t used =
            fleet_.peer(0).overhead_bytes(options_.first_user, id_of(0, 0)) + make_label(run_, 0, 0).size();
        filler_ = make_filler(options_.message_bytes > used ? options_.message_bytes - used : 0);
        const std::size_t remembered = options_.rate > 0 ? kRemembered : std::size_t{options_.window} * 2;
        for (User& user : users_) user.send_times.resize(remembered);
    }

    void fill_windows() {
        for (UserNumber user = 0; user < users_.size(); user += 2) {
            for (std::uint32_t i = 0; i < options_.window; ++i) send_next(user, fleet_.now());
        }
    }

    // Once a turn of the loop; true: the run is over.
    bool advance() {
        if (options_.rate > 0) send_what_is_due();
        return finished() || is_silent();
    }

    void send_what_is_due() {
        const std::chrono::duration<double> passed = Clock::now() - begin_;
        const auto due = std::min(goal(), static_cast<std::uint64_t>(passed.count() * options_.rate));
        for (; paced_ < due; ++paced_) {
            const std::chrono::duration<double> offset(static_cast<double>(paced_) / options_.rate);
            send_next(static_cast<UserNumber>(paced_ % users_.size()),
                      begin_ + std::chrono::duration_cast<Clock::duration>(offset));
        }
    }

    std::string id_of(UserNumber sender, std::uint64_t number) const {
        return run_ + '-' + digits(sender) + '-' + digits(number);
    }

    void send_next(UserNumber sender, TimePoint when) {
        User& user = users_[sender];
        const std::uint64_t number = user.sent.next_to_send();
        user.send_times[number % user.send_times.size()] = when;
        if (options_.acks) user.unacknowledged.push_back(when);
        fleet_.peer(sender).send(options_.first_user + partner_of(sender), id_of(sender, number),
                                 make_label(run_, sender, number) + filler_);
    }

    bool on_message(Peer& peer, UserNumber from, std::string_view text) override {
        const UserNumber receiver = peer.number() - options_.first_user;
        const UserNumber sender = partner_of(receiver);
        const auto label = read_label(text);
        if (!label || label->run != run_ || label->sender != sender || from != options_.first_user + sender ||
            !users_[sender].sent.may_arrive(label->number)) {
            return false;
        }
        User& user = users_[sender];
        if (!user.sent.arrive(label->number)) return true;
        if (is_measuring()) {
            latencies_.add(fleet_.now() - user.send_times[label->number % user.send_times.size()]);
        }
        on_delivery();
        if (options_.rate == 0 && delivered_ < goal()) send_next(receiver, fleet_.now());
        return true;
    }

    void on_acknowledged(Peer& peer, std::uint32_t messages) override {
        auto& waiting = users_[peer.number() - options_.first_user].unacknowledged;
        for (; messages > 0; --messages) {
            if (is_measuring()) ack_latencies_.add(fleet_.now() - waiting.front());
            waiting.pop_front();
        }
    }

    bool is_measuring() const { return start_.time != TimePoint{}; }

    void on_delivery() {
        ++delivered_;
        last_delivery_ = fleet_.now();
        if (delivered_ == options_.warm_up_messages) start_ = measure();
        if (delivered_ == goal()) end_ = measure();
    }

    bool finished() const {
        if (delivered_ < goal()) return false;
        for (const User& user : users_) {
            if (!user.sent.is_complete() || !user.unacknowledged.empty()) return false;
        }
        return true;
    }

    std::uint64_t unacknowledged() const {
        std::uint64_t sum = 0;
        for (const User& user : users_) sum += user.unacknowledged.size();
        return sum;
    }

    bool is_silent() const { return Clock::now() - last_delivery_ > options_.silence; }

    Tally tally() const {
        Tally sum;
        for (const User& user : users_) sum += user.sent.tally();
        return sum;
    }

    void describe(Report& report) {
        report.add("pairs", std::int64_t{options_.pairs});
        report.add("window", std::int64_t{options_.window});
        report.add("rate", std::int64_t{options_.rate});
        report.add_flag("acks", options_.acks);
        report.add("message_bytes", std::int64_t{options_.message_bytes});
        report.add("tls_session", fleet_.peer(0).tls_description());
        if (end_.time != TimePoint{}) describe_costs(report);
        const Tally sum = tally();
        report.add("delivered", static_cast<std::int64_t>(sum.arrived));
        report.add("lost", static_cast<std::int64_t>(sum.lost));
        report.add("doubled", static_cast<std::int64_t>(sum.doubled));
        report.add("reordered", static_cast<std::int64_t>(sum.reordered));
        report.add("strays", static_cast<std::int64_t>(fleet_.strays()));
        report.add("unacknowledged", static_cast<std::int64_t>(unacknowledged()));
        if (fleet_.strays() > 0) report.add("first_stray", fleet_.first_stray());
    }

    void describe_costs(Report& report) const {
        const auto measured = static_cast<double>(options_.messages);
        const double seconds = std::chrono::duration<double>(end_.time - start_.time).count();
        const CpuTime server = end_.server - start_.server;
        report.add("messages", static_cast<std::int64_t>(options_.messages));
        report.add("messages_per_second", measured / seconds);
        if (meter_.measures()) {
            report.add("cpu_us_per_message", server.total_us / measured);
            report.add("system_us_per_message", server.system_us / measured);
            report.add("server_busy", server.total_us / 1e6 / seconds);
        }
        if (database_.measures()) {
            report.add("database_us_per_message", (end_.database - start_.database).total_us / measured);
        }
        report.add("own_cpu_us_per_message", (end_.own_us - start_.own_us) / measured);
        add_percentiles(report, "latency_us", latencies_);
        if (options_.acks) add_percentiles(report, "ack_us", ack_latencies_);
    }

    static void add_percentiles(Report& report, const std::string& name, const Histogram& latencies) {
        report.add(name + "_p50", latencies.percentile_us(0.50));
        report.add(name + "_p95", latencies.percentile_us(0.95));
        report.add(name + "_p99", latencies.percentile_us(0.99));
    }

    Result<void> verdict() const {
        const Tally sum = tally();
        if (sum.lost + sum.doubled + sum.reordered + fleet_.strays() + unacknowledged() == 0) return {};
        return Error(ErrorCode::invalid, "messages were lost, doubled, reordered, not acknowledged or went astray");
    }

    const Options& options_;
    Meter meter_;
    Meter database_;
    std::string run_;
    Fleet fleet_;
    std::vector<User> users_;
    std::string filler_;
    Histogram latencies_;
    Histogram ack_latencies_;
    TimePoint begin_;
    std::uint64_t paced_ = 0;  // sent by the clock
    std::uint64_t delivered_ = 0;
    TimePoint last_delivery_;
    Measured start_{};
    Measured end_{};
};

}  // namespace

Result<void> run_chat(const Options& options, Report& report) { return Chat(options).run(report); }

}  // namespace rookery::bench
