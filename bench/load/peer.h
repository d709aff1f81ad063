// One user of the load: logs in, sends lines of text to another user, tells what arrives. XMPP or the relay's protocol.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/wire/connection.h"

namespace rookery::bench {

using UserNumber = std::uint32_t;

class Peer {
public:
    class Observer {
    public:
        virtual void on_ready(Peer& peer) = 0;  // logged in; messages arrive from now on
        // `text` is what send() was given; `from` the number of the sender, or kNobody when it is none of ours.
        virtual void on_message(Peer& peer, UserNumber from, std::string_view text) = 0;
        // Something a user must not get during the run: an error message, an unexpected stanza. For the report.
        virtual void on_stray(Peer& peer, std::string_view what) = 0;
        // The server answers for `messages` more of those sent (XEP-0198). Only with Options::acks.
        virtual void on_acknowledged(Peer& peer, std::uint32_t messages) = 0;
        // Any stanza of a session (XMPP), before it is looked at; true: it needs nothing more.
        virtual bool on_stanza(Peer&, std::string_view /*stanza*/) { return false; }
        virtual void on_down(Peer& peer, const std::string& why) = 0;  // not asked for by log_out()
        virtual void on_logged_out(Peer& peer) = 0;

    protected:
        ~Observer() = default;
    };

    static constexpr UserNumber kNobody = UserNumber{0} - 1;

    virtual ~Peer() = default;

    virtual void log_in() = 0;
    // Sent at the end of the loop's turn. `id` is unique in the run.
    virtual void send(UserNumber to, std::string_view id, std::string_view text) = 0;
    // Asks the server to acknowledge what was sent (XEP-0198), where the session has that.
    virtual void ask_for_acknowledgement() {}
    virtual void log_out() = 0;
    virtual void drop() = 0;  // the connection is closed without a word; log_in() may follow
    virtual std::string tls_description() const = 0;
    // How many bytes a message takes on the wire besides its text.
    virtual std::size_t overhead_bytes(UserNumber to, std::string_view id) const = 0;

    UserNumber number() const { return number_; }

protected:
    Peer(UserNumber number, Observer& observer) : number_(number), observer_(&observer) {}
    Observer& observer() { return *observer_; }

private:
    UserNumber number_;
    Observer* observer_;
};

}  // namespace rookery::bench
