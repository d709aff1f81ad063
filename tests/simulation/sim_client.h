// SimClient: a client with stream management (XEP-0198) as good ones are: it resumes, sends again what was not
// accepted, under the same origin-id, and counts exactly. Its connection is a pipe in memory of which it reads as much
// as it is told to. What it says and hears goes into the History.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "tests/simulation/dice.h"
#include "tests/simulation/history.h"
#include "tests/support/loopback.h"
#include "tests/support/test_server.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::test {

struct SimClientHabits {
    unsigned number = 0;
    unsigned account = 0;
    bool asks_archive_first = false;  // before its presence, as clients that sync do
    bool answers_late = false;        // acknowledges when it likes
    bool acknowledges = true;         // has stream management at all
    bool copies = false;              // gets carbons (XEP-0280)
    bool rests = false;               // is inactive at times (XEP-0352)
    std::string woken_through;        // its app server (XEP-0357), another client; empty: none
};

class SimClient {
public:
    SimClient(TestServer& server, Jid full, SimClientHabits habits, History& history, Dice& dice);

    bool connected() const { return pipe_ != nullptr; }
    bool ready() const { return phase_ == Phase::ready; }
    bool has_unaccepted() const;
    const Jid& jid() const { return jid_; }

    void connect();
    // Reads up to that many bytes of what has come; notices when the server has closed.
    void read(std::size_t most);
    void say(unsigned account, const Jid& to);
    void ask_for_count();
    void acknowledge();
    bool rests() const { return habits_.rests; }
    void rest_or_wake();
    // The connection is lost. `noticed`: by the server, too.
    void lose(bool noticed);
    void leave();  // in good order

private:
    enum class Phase { offline, authenticating, authenticated, negotiating, resuming, binding, syncing, ready };
    struct Sent {
        std::string xml;
        bool is_message = false;
        std::size_t message = 0;
    };

    void write(std::string_view bytes);
    void note(const char* what, std::string_view more) const;
    void open_stream();
    void handle(const xml::Element& element);
    void negotiate(xml::View features);
    void bind();
    void bound();
    void sync();
    void enter();
    void resumed(xml::View nonza);
    void on_management(xml::View nonza);
    void on_stanza(xml::View stanza);
    void on_message(xml::View message);
    void on_answer(xml::View iq);
    void on_carbon(xml::View carbon);
    void answer(xml::View iq);
    void receive(xml::View message, std::string stanza_id, bool asked_for);
    void count(std::string_view h);
    void send(std::string xml);  // a stanza that is no message
    void send_waiting();
    void gone();

    TestServer& server_;
    Jid jid_;
    SimClientHabits habits_;
    History& history_;
    Dice& dice_;
    std::shared_ptr<LoopbackPipe> pipe_;
    std::unique_ptr<xml::StreamParser> parser_;
    Phase phase_ = Phase::offline;
    bool logged_in_ = false;
    std::string resumption_id_;
    std::deque<Sent> waiting_;  // messages this stream has not carried yet
    std::deque<Sent> sent_;     // and stanzas that it has, which the server does not count yet
    bool entered_ = false;      // its session has sent its presence
    bool resting_ = false;
    bool asked_ = false;            // the server waits for an <a/>
    std::uint32_t accepted_ = 0;    // the server's h
    std::uint32_t received_ = 0;    // ours
    unsigned session_ = 0;
    std::string newest_known_;      // stanza id
    unsigned queries_ = 0;
};

}  // namespace rookery::test
