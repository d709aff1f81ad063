// Any bytes, cut anywhere: the first byte chooses the shape, the limits and the size of the pieces.
// Oracles: the events do not depend on the cuts; what a stanza is written as is read back as the same stanza, and is
// not much longer than it came; a parser that stands at a boundary reads a stanza like a fresh one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "xmpp/stanza.h"
#include "xmpp/xml/stream_parser.h"

namespace {

using namespace rookery;
using namespace rookery::xml;

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "failed: %s\n", what);
    std::abort();
}

ParserLimits limits_of(std::uint8_t choice) {
    ParserLimits limits;
    if (choice & 0x40) {
        limits.max_bytes = 256;
        limits.max_elements = 8;
        limits.max_depth = 4;
        limits.max_attributes = 4;
        limits.max_namespaces = 3;
        limits.max_whitespace = 16;
    }
    return limits;
}

void check_round_trip(View element, const ParserLimits& limits) {
    std::string written;
    write(written, element, {});
    // Escaping makes at most 6 bytes of one, generated declarations are counted as the limits count them.
    require(written.size() <= 16 * limits.max_bytes + 256, "size of the written form");
    const auto again = parse_document(written);
    require(again.has_value(), "the written form is well-formed");
    require(again->view().equals(element), "parse(serialise(t)) == t");
    require(Element(element.first_child() ? element.first_child() : element)
                .view()
                .equals(element.first_child() ? element.first_child() : element),
            "a copy equals its original");
}

// From its nodes: what came in one piece would be written as it came.
void write_anew(Element element, std::string& out) {
    element.set("changed", "").unset("changed").write(out, "jabber:client");
}

void check_stanza(const Element& element) {
    const auto view = element.view();
    if (view.ns() != "jabber:client") return;
    if (view.local() != "message" && view.local() != "presence" && view.local() != "iq") return;
    StanzaError why(Condition::undefined_condition);
    std::optional<Stanza> remains;
    const auto stanza = Stanza::from_element(element, &why, &remains);
    if (!stanza) {
        const auto error = "<x xmlns='jabber:client'>" + remains->make_error(why).to_string() + "</x>";
        require(parse_document(error).has_value(), "an error reply is well-formed");
        return;
    }
    const auto again = parse_stanza(stanza->to_string());
    require(again && again->to_string() == stanza->to_string(), "a written stanza is read back");
    require(again->element().view().equals(parse_stanza(again->to_string())->element()), "and is the same");
}

struct Reader {
    explicit Reader(std::uint8_t choice) : limits(limits_of(choice)) {
        parser.set_limits(limits);
        if (choice & 0x80) parser.prime_usual();
    }

    void read(std::string_view bytes, bool check) {
        const std::string copy(bytes);
        parser.feed(copy);
        for (;;) {
            switch (parser.next()) {
                case ParseStep::need_more:
                    return;
                case ParseStep::stream_opened:
                    events += "open " + parser.header().prefix + ":" + parser.header().local + "\n";
                    if (check) check_priming();
                    break;
                case ParseStep::element: {
                    const auto element = parser.take_element();
                    write_anew(element, events);
                    events += "\n";
                    if (check) {
                        check_round_trip(element, limits);
                        check_stanza(element);
                    }
                    break;
                }
                case ParseStep::stream_closed:
                    events += "close\n";
                    break;
                case ParseStep::failed:
                    if (!failed) events += std::string("error ") + to_string(parser.error().condition) + "\n";
                    failed = true;
                    return;
            }
        }
    }

    void check_priming() {
        StreamParser other;
        other.prime(parser.header());
        require(other.at_boundary(), "a parser can be primed with any header that was read");
    }

    ParserLimits limits;
    StreamParser parser;
    std::string events;
    bool failed = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto choice = data[0];
    std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    Reader whole(choice);
    whole.read(text, true);
    Reader pieces(choice);
    const std::size_t piece = 1 + (choice & 0x3F);
    for (auto rest = text; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
        pieces.read(rest.substr(0, piece), false);
    }
    require(whole.events == pieces.events, "the same events however the input is cut");
    require(whole.parser.at_boundary() == pieces.parser.at_boundary(), "the same place at the end");
    if (const auto document = parse_document(text)) check_round_trip(*document, {});
    return 0;
}
