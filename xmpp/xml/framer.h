// Framer: finds where tokens and stanzas end, and counts what a stanza may have, in one pass over the bytes.
//
// It does not judge well-formedness: expat does. It decides only where the input is cut before expat sees it, and
// expat's verdict does not depend on the cuts, so the two cannot be played against each other. What it gives:
//   - cost linear in the input: expat starts an unfinished token anew with each piece, and never gets one;
//   - the limits hold before expat spends anything on a tag;
//   - no call spans two stanzas, so what was not read yet is known exactly;
//   - DTDs, comments and processing instructions are refused unseen.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "xmpp/stream_error.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::xml {

class Framer {
public:
    enum class Event {
        more,      // all input was looked at
        header,    // the start tag of the root is complete
        element,   // a stanza is complete (of a document: its root element)
        root_end,  // the end tag of the root is complete
        stray,     // something between two stanzas that neither is one nor ends the stream
        refused,   // error() says why
    };

    struct Frame {
        std::size_t scanned;  // bytes looked at, up to and with what caused the event
        // Of those, bytes up to the end of the last complete token; the rest is the start of an unfinished one. None:
        // the token that was unfinished before this scan still is. (0 differs: that token ended with the last scan.)
        std::optional<std::size_t> complete;
        Event event;
    };

    // A stream is a root element whose children are the stanzas; a document's root element is the one stanza.
    enum class Shape : std::uint8_t { stream, document };

    void set_limits(const ParserLimits& limits) { limits_ = limits; }
    const ParserLimits& limits() const { return limits_; }

    void reset(Shape shape);
    void enter_stream();  // as if a stream header had been read

    // REQUIRES: bytes is not empty, and does not start with white space when idle() (that is the caller's to skip).
    Frame scan(std::string_view bytes);

    // Neither in a stanza nor in a tag: white space here means nothing.
    bool idle() const { return state_ == State::idle; }
    bool between_stanzas() const { return idle() && root_seen_; }
    std::size_t stanza_bytes() const { return bytes_; }  // of the stanza at hand, or of the one just complete

    StreamError error() const;  // REQUIRES: the last event was refused

private:
    enum class State : std::uint8_t {
        idle,
        markup,
        start_tag,
        quoted,
        end_tag,
        bang,
        cdata,
        text,
        reference,
        declaration_open,
        declaration
    };
    enum class Refusal : std::uint8_t {
        not_well_formed,
        restricted,
        unsupported_encoding,
        empty_stream,
        bytes,
        depth,
        elements,
        attributes
    };

    Event step(std::string_view in);
    Event idle_byte(std::string_view in);
    Event markup(std::string_view in);
    Event start_tag(std::string_view in);
    Event quoted(std::string_view in);
    Event end_tag(std::string_view in);
    Event bang(std::string_view in);
    Event cdata(std::string_view in);
    Event text(std::string_view in);
    Event reference(std::string_view in);
    Event declaration_open(std::string_view in);
    Event declaration(std::string_view in);

    Event open_element();
    Event finish_start_tag();
    Event leave_element();
    Event refuse(Refusal refusal);
    void token_ends(State next);
    bool in_stanza() const { return depth_ > root_depth(); }
    std::uint32_t root_depth() const { return shape_ == Shape::stream ? 1 : 0; }

    ParserLimits limits_;
    std::size_t bytes_ = 0;
    std::size_t elements_ = 0;
    std::size_t attributes_ = 0;
    std::size_t at_ = 0;                   // in the input of this scan
    std::optional<std::size_t> complete_;  // in the input of this scan
    std::uint32_t depth_ = 0;              // open elements, the root of a stream included
    Shape shape_ = Shape::stream;
    State state_ = State::idle;
    Refusal refusal_ = Refusal::not_well_formed;
    bool root_seen_ = false;
    bool declared_ = false;     // the XML declaration is past or can no longer come
    char last_ = 0;             // in a start tag: the byte before; in quotes: the quote
    std::uint8_t matched_ = 0;  // of the fixed words "[CDATA[", "]]>", "xml", "?>"
};

}  // namespace rookery::xml
