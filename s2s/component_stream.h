// ComponentStream: the XML stream of an external component (XEP-0114 1.6, jabber:component:accept) as a pure machine: bytes
// in, events and bytes out. Its stanzas are jabber:client's for everybody behind it.
//
//   feed(bytes), then next() until need_more or until the caller must wait; take_output() in between.
//
// State      what the component may send next   leads to
// header     <stream:stream to='its domain'>    handshake
// handshake  <handshake/>                       deciding
// deciding   nothing: the caller says admit() or close()
// open       stanzas from its domain
// closed     nothing
//
// It may be carried to another shard between two events.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "s2s/component_policy.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/stream_error.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {

enum class ComponentEvent : std::uint8_t {
    nothing,        // inside the stream only: next() never says it
    need_more,      // everything fed is used up
    authenticated,  // as domain(); answer with admit() or close()
    stanza,         // take_stanza(): `from` is of its domain, `to` is there
    closed,         // take the output, close; close_reason() for the log
};

class ComponentStream {
public:
    explicit ComponentStream(std::shared_ptr<const ComponentPolicy> policy);
    ComponentStream(const ComponentStream&) = delete;
    ComponentStream& operator=(const ComponentStream&) = delete;

    void feed(std::string_view bytes);
    ComponentEvent next();

    bool has_output() const { return !output_.empty(); }
    std::string take_output() { return std::exchange(output_, {}); }
    std::shared_ptr<Stanza> take_stanza() { return std::move(stanza_); }

    void admit();
    // Ends the stream from our side; next() says closed.
    void close(const StreamError& error);
    void close();

    const Jid& domain() const { return domain_; }  // empty before the header
    bool is_open() const { return state_ == State::open; }
    bool is_closed() const { return state_ == State::closed; }
    const std::string& close_reason() const { return close_reason_; }

private:
    enum class State : std::uint8_t { header, handshake, deciding, open, closed };

    ComponentEvent step();
    bool feed_parser();
    ComponentEvent on_header();
    ComponentEvent on_element(xml::Element element);
    ComponentEvent on_handshake(xml::View element);
    ComponentEvent on_stanza(xml::Element element);
    ComponentEvent refuse(const Stanza& remains, const StanzaError& why);
    ComponentEvent fail(const StreamError& error);
    void write_header();

    std::shared_ptr<const ComponentPolicy> policy_;
    xml::StreamParser parser_;
    std::string reading_;  // what the parser looks at
    std::string unread_;   // what comes behind it
    std::string output_;
    std::string id_;
    std::string close_reason_;
    Jid domain_;
    std::shared_ptr<Stanza> stanza_;
    std::size_t bytes_ = 0;  // before the handshake
    State state_ = State::header;
    bool feeding_ = false;
    bool header_sent_ = false;
};

}  // namespace rookery
