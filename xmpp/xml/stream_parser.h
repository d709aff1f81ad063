// StreamParser: a pull parser over expat for everything that arrives from outside, on every transport.
// Refused: DTDs, entities, comments, processing instructions (restricted-xml), encodings but UTF-8, and whatever
// passes the limits (policy-violation). Cost is linear in the input, however it is cut up.
//
// Three parts: Framer (framer.h) finds the ends of tokens and counts, expat judges, ElementBuilder keeps what was read. A
// stanza of a usual stream that is simple and all there is read without the first two (plain.h).
//
// A stream is one document whose depth-1 elements are the stanzas. Between two of them ("at a boundary") every stream
// with the same header namespaces is in the same state, so that a shard lends a few *primed* parsers
// (ParserPool) to thousands of streams: see ARCHITECTURE.md.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/stream_error.h"
#include "xmpp/xml/element.h"

namespace rookery::xml {

// Per stanza; the stream sets them before login and after (XEP-0478 advertises max_bytes).
struct ParserLimits {
    std::size_t max_bytes = 262'144;
    std::size_t max_elements = 10'000;
    std::size_t max_depth = 128;             // the stanza itself is 1
    std::size_t max_attributes = 64;         // on one element
    std::size_t max_namespaces = 64;         // prefixes in scope
    std::size_t max_whitespace = 0;          // white space between stanzas since the last one, and before the header;
                                             // 0: no bound. Counted within one lease of the parser.
};

// For what this program wrote itself (stored stanzas and documents). What was once accepted must always be readable
// again, and the written form is larger than what came: characters are escaped, and each prefixed attribute gets a
// declaration of its own. Never for input from outside.
inline constexpr ParserLimits stored_limits{.max_bytes = 64u << 20,
                                            .max_elements = 10'000'000,
                                            .max_depth = 10'000,
                                            .max_attributes = 10'000,
                                            .max_namespaces = 10'000'000,
                                            .max_whitespace = 0};

// The stream header as it came, and what identifies its namespace context.
struct StreamHeader {
    std::string ns;               // of the root element
    std::string local;
    std::string prefix;           // of the root element, as it was written
    std::string default_ns;       // content namespace (xmlns)
    std::vector<std::pair<std::string, std::string>> prefixes;  // declared on the root: prefix, URI
    std::vector<std::pair<std::string, std::string>> attributes;  // plain ones and xml:lang
    std::optional<std::string_view> attr(std::string_view name) const;
    // True when the only declarations are xmlns='jabber:client' and xmlns:stream='http://etherx.jabber.org/streams':
    // the parser after it equals a primed one.
    bool usual() const;
};

enum class ParseStep {
    need_more,      // all input consumed; feed more
    stream_opened,  // header() is filled
    element,        // take_element() gives a whole depth-1 element
    stream_closed,  // </stream:stream>; said once, what follows is ignored
    failed,         // error() says why; only reset() helps
};

class StreamParser {
public:
    StreamParser();
    ~StreamParser();
    StreamParser(const StreamParser&) = delete;
    StreamParser& operator=(const StreamParser&) = delete;

    void set_limits(const ParserLimits& limits);
    // The content namespace of such streams where it is not jabber:client (components, servers): its elements are given as
    // jabber:client's, so that a stanza is a stanza wherever it came from. For a parser of one's own, before the header.
    void set_content_ns(std::string_view ns);

    // Hands over input. The bytes are borrowed: they must stay until next() has said need_more (or failed).
    // REQUIRES: the previous input is used up.
    void feed(std::string_view bytes);
    // Goes on in the input until something is complete.
    ParseStep next();

    const StreamHeader& header() const;  // of a primed parser: the namespaces only
    Element take_element();              // REQUIRES: next() has just said element
    StreamError error() const;

    // True between two stanzas of an open stream, with no byte of the next one seen and no input left.
    bool at_boundary() const;
    // Bytes of fed input that were not looked at yet (after `element`): what a STARTTLS must not have behind it.
    std::string_view unread() const;
    // After `need_more`: the bytes of the stanza that has begun, all of them since its start. Empty at a boundary. Nullopt:
    // they are too many, and were not kept (128 KiB).
    std::optional<std::string_view> unfinished() const;
    // White space bytes seen between stanzas since the last element (keepalives).
    std::size_t idle_whitespace() const;

    // Forgets everything: ready for a new document.
    void reset();
    // reset, then stands behind a stream header with these namespaces, as if it had been read.
    void prime(const StreamHeader& like);
    void prime_usual();
    // reset, then reads one whole document in place of a stream: its root is the one `element`, and only white space
    // may follow (WebSocket frames, BOSH bodies). What parse_document does, without making a parser each time.
    void start_document();
    // Approximate heap held, growing with the distinct names seen (expat never forgets them).
    std::size_t names_seen() const;

private:
    friend class ParserPool;
    struct State;
    std::unique_ptr<State> state_;
};

// One per shard. Lends parsers; those returned at a boundary of a usual stream are kept as they are, but for what
// belonged to the stream: its header's attributes, counters, limits. Every lease must come back.
class ParserPool {
public:
    explicit ParserPool(std::size_t max_lent = 4'096, std::size_t keep = 64);
    ~ParserPool();

    using Lease = std::unique_ptr<StreamParser>;
    // Ready for a new document. nullptr: too many are lent (the caller keeps its bytes and tries again later). The last
    // quarter is for streams past their header: who has not logged in holds a parser all the time, and shall not hold all.
    Lease lend_fresh(const ParserLimits& limits);
    // Standing at a boundary inside a stream with this header.
    Lease lend_primed(const StreamHeader& like, const ParserLimits& limits);
    Lease lend_usual(const ParserLimits& limits);
    // `clean`: at a boundary of a usual stream, so it may be lent again unreset.
    void give_back(Lease parser, bool clean);

    std::size_t lent() const { return lent_; }
    std::size_t max_lent() const { return max_lent_; }
    std::size_t kept() const { return clean_.size(); }
    std::uint64_t ever_lent() const { return ever_lent_; }
    std::uint64_t refused() const { return refused_; }  // too many were lent

private:
    Lease lend(const ParserLimits& limits);
    bool may_lend(std::size_t limit);

    std::size_t max_lent_;
    std::size_t keep_;
    std::size_t lent_ = 0;
    std::uint64_t ever_lent_ = 0;
    std::uint64_t refused_ = 0;
    std::vector<Lease> clean_;
    std::vector<Lease> used_;
};

// Parses one whole document, no stream around it. The default limits are those for stored XML.
std::optional<Element> parse_document(std::string_view text, const ParserLimits& limits = stored_limits);

}  // namespace rookery::xml
