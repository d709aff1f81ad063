// Scenario archive: the first half of the users send `each` messages to one of the second half each, who get them; then
// the first half page through what they have said to their partners (XEP-0313), forward, from the beginning. Each page
// must continue the one before, and every message of this run must come once and in order in each round.
#include "bench/load/archive_pages.h"
#include "bench/load/conversation.h"
#include "bench/load/describe.h"
#include "bench/load/gauges.h"
#include "bench/load/label.h"
#include "bench/load/scenario.h"
#include "bench/load/senders.h"
#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr Unit kArchived{"archived", "archived"};
constexpr Unit kPage{"page", "pages"};
constexpr std::string_view kPageId = "page";

std::uint32_t rounds_of(const Options& options) { return options.rounds.value_or(1); }

class Archive final : Fleet::Sink {
public:
    Archive(const Options& options, Team& team, Figures& figures)
        : options_(options),
          team_(team),
          figures_(figures),
          gauges_(options),
          fleet_(options, team, options.pairs * 2, this),
          conversation_(options, team, fleet_, fleet_.size(), Partners::halves),
          senders_(options, fleet_, conversation_, options.pairs),
          page_us_(figures.latencies("page_us")) {}

    Result<void> run() {
        if (auto done = fleet_.log_in(fleet_.size()); !done) return done;
        if (auto done = fill(); !done) return done;
        for (std::uint32_t round = 0; round < rounds_of(options_); ++round) {
            if (auto done = read_all(); !done) return done;
        }
        fleet_.put_into(figures_);
        if (gauges_.measure_server()) figures_.server_memory("end", gauges_.server_memory());
        fleet_.log_out();
        return {};
    }

private:
    struct Reader {
        explicit Reader(const Options& options) : pages(options.page) { seen.expect(options.each); }

        ArchivePages pages;
        Ledger seen;
        TimePoint asked;
    };

    // --- filling

    Result<void> fill() {
        if (auto met = fleet_.meet(); !met) return met;
        const auto before = gauges_.read();
        senders_.start();
        auto done = fleet_.run_until_or_silent([this] { return senders_.are_done() && conversation_.is_complete(); },
                                               "filling the archive");
        if (!done) return done;
        figures_.span(kArchived.many) += gauges_.since(before);
        figures_.count(kArchived.many, senders_.sent());
        conversation_.put_into(figures_);
        return {};
    }

    bool on_message(Peer& peer, UserNumber from, std::string_view text) override {
        fleet_.note_progress();
        return conversation_.receive(peer, from, text).arrival != Conversation::Arrival::stray;
    }

    // --- reading

    Result<void> read_all() {
        readers_.assign(options_.pairs, Reader(options_));
        next_ = done_ = 0;
        if (auto met = fleet_.meet(); !met) return met;
        const auto before = gauges_.read();
        start_readers();
        auto done = fleet_.run_until_or_silent([this] { return done_ == options_.pairs; }, "paging");
        if (!done) return done;
        figures_.span(kPage.many) += gauges_.since(before);
        return count_what_was_read();
    }

    Result<void> count_what_was_read() {
        for (const Reader& reader : readers_) {
            figures_.count(kPage.many, reader.pages.pages());
            figures_.count("results", reader.pages.results());
            figures_.add(reader.seen.tally());
            if (const std::string& fault = reader.pages.fault(); !fault.empty()) {
                return Error(ErrorCode::invalid, "the archive's pages are wrong: " + fault);
            }
        }
        return {};
    }

    void start_readers() {
        const UserNumber at_once = options_.window == 0 ? options_.pairs : options_.window;
        while (next_ < options_.pairs && next_ - done_ < at_once) ask(next_++);
    }

    void ask(UserNumber index) {
        Reader& reader = readers_[index];
        reader.asked = fleet_.now();
        XmppPeer& user = fleet_.user(index);
        const std::string with = user.bare_jid(options_.first_user + conversation_.partner_of(index));
        const std::string& last = reader.pages.last();
        user.send_stanza("<iq type='set' id='" + std::string(kPageId) +
                         "'><query xmlns='urn:xmpp:mam:2' queryid='q'><x xmlns='jabber:x:data' type='submit'>"
                         "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
                         "<field var='with'><value>" +
                         with +
                         "</value></field></x>"
                         "<set xmlns='http://jabber.org/protocol/rsm'><max>" +
                         std::to_string(options_.page) + "</max>" +
                         (last.empty() ? std::string() : "<after>" + last + "</after>") + "</set></query></iq>");
    }

    bool on_stanza(XmppPeer& peer, std::string_view stanza) override {
        if (senders_.on_stanza(stanza)) return true;
        const UserNumber index = fleet_.index_of(peer);
        if (index >= readers_.size()) return false;
        if (stanza.starts_with("<message") && has_element(stanza, "result")) {
            on_result(index, stanza);
            return true;
        }
        if (!stanza.starts_with("<iq") || attribute(stanza, "id") != kPageId) return false;
        on_end_of_page(index, stanza);
        return true;
    }

    void on_result(UserNumber index, std::string_view message) {
        fleet_.note_progress();
        Reader& reader = readers_[index];
        reader.pages.on_result(attribute(find_element(message, "result"), "id"));
        const auto label = read_label(text_of(message, "body"));
        if (!label || label->run != team_.run()) return figures_.count("others", 1);
        const bool fits = label->sender == options_.first_user + index && reader.seen.may_arrive(label->number);
        if (!fits) return fleet_.stray(message);
        reader.seen.arrive(label->number);
    }

    void on_end_of_page(UserNumber index, std::string_view iq) {
        if (attribute(iq, "type") == "error") return fleet_.fail("no archive: " + std::string(iq));
        Reader& reader = readers_[index];
        page_us_.add(fleet_.now() - reader.asked);
        reader.pages.on_end(iq);
        if (!reader.pages.is_complete()) return ask(index);
        ++done_;
        start_readers();
    }

    const Options& options_;
    Team& team_;
    Figures& figures_;
    Gauges gauges_;
    Fleet fleet_;
    Conversation conversation_;
    Senders senders_;
    Histogram& page_us_;
    std::vector<Reader> readers_;
    UserNumber next_ = 0;
    UserNumber done_ = 0;
};

Result<void> run_archive(const Options& options, Team& team, Figures& figures) {
    return Archive(options, team, figures).run();
}

void describe_archive(const Options& options, const Figures& figures, Report& report) {
    const auto results = static_cast<double>(figures.counted("results"));
    report.add("pairs", std::int64_t{options.pairs});
    report.add("each", std::int64_t{options.each});
    report.add("page", std::int64_t{options.page});
    report.add("rounds", std::int64_t{rounds_of(options)});
    add_costs(report, options, figures, kArchived);
    add_costs(report, options, figures, kPage);
    report.add("results", static_cast<std::int64_t>(figures.counted("results")));
    if (results > 0) add_cpu(report, options, figures.spent(kPage.many), "result", results);
    add_percentiles(report, "page_us", figures.measured("page_us"));
    report.add("others", static_cast<std::int64_t>(figures.counted("others")));
}

}  // namespace

const Scenario kArchive{
    .name = "archive",
    .meaning = "fills archives and pages through them (XEP-0313): CPU per message and per page",
    .relay = false,
    .users = both_of_pairs,
    .at_once = both_of_pairs,
    .together = pairs,
    .run = run_archive,
    .describe = describe_archive,
};

}  // namespace rookery::bench
