// One client of a play: its stream over a Wire, its login, and what has arrived and was not looked at yet.
// What goes wrong is thrown as PlayFailure; the interpreter catches it and names the play's line.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/play.h"
#include "tests/support/play_driver.h"
#include "tests/support/play_text.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {

struct PlayFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Arrival {
    enum class Kind { header, element, stream_end, closed, garbage };
    Kind kind;
    std::optional<xml::Element> element;
    xml::StreamHeader header;
    std::string text;  // garbage: why it cannot be read

    std::string to_string() const;
};

struct PlayPace {
    Milliseconds patience{5'000};  // for what must come; over TCP only
    Milliseconds silence{300};     // for what must not come, where no round trip can tell; over TCP only
    Milliseconds grace{30};        // after such a round trip, for what the server does aside; over TCP only
    int bytes_at_a_time = 0;       // dribble all that is sent; 0: as it is
};

class PlayClientSession {
public:
    PlayClientSession(Driver& driver, const PlayClient& role, const PlayNames& names, PlayPace pace);

    void connect();               // the wire, and TLS unless the client is `plaintext`
    void restart_stream();        // the next bytes from the server begin a new document
    void open_stream();           // header there and back, features
    void log_in();                // SASL and the stream restart
    std::string try_to_log_in();  // the condition of the SASL failure; empty: it succeeded
    void bind();
    void disconnect();
    void drop();

    void send(std::string_view bytes, int pieces = 0);
    // The next thing that arrives; nullopt: nothing did within the patience.
    std::optional<Arrival> next(Milliseconds patience);
    std::optional<Arrival> next() { return next(pace_.patience); }
    void put_back(Arrival arrival) { inbox_.push_front(std::move(arrival)); }
    // The first element that `wanted` accepts; what stands before it stays, in order.
    template <class Wanted>
    xml::Element take_where(Wanted wanted, std::string_view description);

    // Removes what has arrived, was not looked at, and fits.
    template <class Unwanted>
    void forget_where(Unwanted unwanted) {
        std::erase_if(inbox_, [&](const Arrival& arrival) { return arrival.element && unwanted(*arrival.element); });
    }

    // Returns when the server has handled all that this client sent (a round trip to the server).
    void synchronize();

    bool is_connected() const { return wire_ != nullptr; }
    bool is_bound() const { return wire_ && bound_; }
    bool has_unsynchronized() const { return is_bound() && sent_since_sync_; }
    const std::string& full_jid() const { return full_jid_; }
    std::string server() const { return names_.domain(role_.domain); }
    std::string user() const { return names_.user(role_.user); }
    const PlayClient& role() const { return role_; }
    const xml::Element* features() const { return features_ ? &*features_ : nullptr; }  // the latest ones

    // The interpreter's notes since the last connect().
    bool asked_for_roster = false;
    bool asked_for_blocklist = false;

private:
    std::string password() const;
    bool read_more(Milliseconds patience);  // false: nothing came
    void parse_input();
    xml::Element take_element(std::string_view description);
    void start_tls_if_offered();
    void answer_stream_end();

    Driver& driver_;
    const PlayClient& role_;
    const PlayNames& names_;
    PlayPace pace_;

    std::unique_ptr<Wire> wire_;
    xml::StreamParser parser_;
    std::string input_;
    std::deque<Arrival> inbox_;
    std::optional<xml::Element> features_;
    std::string full_jid_;
    bool bound_ = false;
    bool secure_ = false;
    bool ended_ = false;  // nothing more can arrive
    bool sent_stream_end_ = false;
    bool sent_since_sync_ = false;
    int syncs_ = 0;
};

template <class Wanted>
xml::Element PlayClientSession::take_where(Wanted wanted, std::string_view description) {
    std::deque<Arrival> before;
    for (;;) {
        auto arrival = next();
        const bool found = arrival && arrival->kind == Arrival::Kind::element && wanted(arrival->element->view());
        const bool hopeless =
            !arrival || arrival->kind == Arrival::Kind::closed || arrival->kind == Arrival::Kind::garbage;
        if (found || hopeless) {
            inbox_.insert(inbox_.begin(), std::make_move_iterator(before.begin()),
                          std::make_move_iterator(before.end()));
            if (found) return std::move(*arrival->element);
            throw PlayFailure("no " + std::string(description) + " came" +
                              (inbox_.empty() ? "" : " but\n    " + inbox_.front().to_string()));
        }
        before.push_back(std::move(*arrival));
    }
}

}  // namespace rookery::test
