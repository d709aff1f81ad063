#include "xmpp/xml/framer.h"

#include <algorithm>
#include <cassert>

namespace rookery::xml {
namespace {

constexpr std::string_view cdata_word = "[CDATA[";
constexpr std::string_view declaration_word = "xml";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool starts_name(char c) {
    const auto lower = static_cast<char>(c | 0x20);
    return (lower >= 'a' && lower <= 'z') || c == '_' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

// What may stand between '&' and ';' (and, harmlessly, a little more).
bool is_in_reference(char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '#' || c == '-' || c == '.'; }

}  // namespace

void Framer::reset(Shape shape) {
    const auto limits = limits_;
    *this = Framer();
    limits_ = limits;
    shape_ = shape;
}

void Framer::enter_stream() {
    reset(Shape::stream);
    root_seen_ = declared_ = true;
    depth_ = 1;
}

Framer::Frame Framer::scan(std::string_view bytes) {
    assert(!bytes.empty());
    if (idle() && root_seen_) bytes_ = elements_ = 0;
    const auto in = bytes.substr(0, limits_.max_bytes - std::min(bytes_, limits_.max_bytes));
    at_ = 0;
    complete_.reset();
    auto event = Event::more;
    while (event == Event::more && at_ < in.size()) event = step(in);
    bytes_ += at_;
    if (event == Event::more && in.size() < bytes.size() && !idle()) event = refuse(Refusal::bytes);
    if (event == Event::more && in.empty()) event = refuse(Refusal::bytes);
    return {at_, complete_, event};
}

Framer::Event Framer::step(std::string_view in) {
    switch (state_) {
        case State::idle:
            return idle_byte(in);
        case State::markup:
            return markup(in);
        case State::start_tag:
            return start_tag(in);
        case State::quoted:
            return quoted(in);
        case State::end_tag:
            return end_tag(in);
        case State::bang:
            return bang(in);
        case State::cdata:
            return cdata(in);
        case State::text:
            return text(in);
        case State::reference:
            return reference(in);
        case State::declaration_open:
            return declaration_open(in);
        case State::declaration:
            return declaration(in);
    }
    return Event::more;
}

void Framer::token_ends(State next) {
    complete_ = at_;
    state_ = next;
}

// Between stanzas, before the root, or (of a document) behind it.
Framer::Event Framer::idle_byte(std::string_view in) {
    const auto c = in[at_];
    if (c == '<') {
        ++at_;
        state_ = State::markup;
        return Event::more;
    }
    if (root_seen_) return Event::stray;
    if (is_space(c)) {  // behind the XML declaration
        ++at_;
        complete_ = at_;
        return Event::more;
    }
    // The byte order marks of UTF-16 and UTF-32; no UTF-8 has these bytes.
    const bool byte_order_mark = !declared_ && (c == '\xFE' || c == '\xFF');
    return refuse(byte_order_mark ? Refusal::unsupported_encoding : Refusal::not_well_formed);
}

Framer::Event Framer::markup(std::string_view in) {
    const auto c = in[at_];
    if (starts_name(c)) return open_element();
    if (c == '/') {
        if (depth_ == 0) return refuse(Refusal::not_well_formed);
        state_ = State::end_tag;
    } else if (c == '!') {
        state_ = State::bang;
        matched_ = 0;
    } else if (c == '?') {
        if (declared_ || depth_ > 0) return refuse(Refusal::restricted);
        state_ = State::declaration_open;
        matched_ = 0;
    } else {
        return refuse(Refusal::not_well_formed);
    }
    ++at_;
    return Event::more;
}

Framer::Event Framer::open_element() {
    if (shape_ == Shape::document && root_seen_ && depth_ == 0) return refuse(Refusal::not_well_formed);
    const bool root = depth_ < root_depth();
    if (!root && ++elements_ > limits_.max_elements) return refuse(Refusal::elements);
    if (++depth_ > limits_.max_depth + root_depth()) return refuse(Refusal::depth);
    root_seen_ = declared_ = true;
    attributes_ = 0;
    last_ = 0;
    state_ = State::start_tag;
    return Event::more;
}

Framer::Event Framer::start_tag(std::string_view in) {
    for (; at_ < in.size(); ++at_) {
        const auto c = in[at_];
        if (c == '>') {
            ++at_;
            return finish_start_tag();
        }
        if (c == '<') return refuse(Refusal::not_well_formed);
        if (c == '\'' || c == '"') {
            if (++attributes_ > limits_.max_attributes) return refuse(Refusal::attributes);
            ++at_;
            last_ = c;
            state_ = State::quoted;
            return Event::more;
        }
        last_ = c;
    }
    return Event::more;
}

Framer::Event Framer::quoted(std::string_view in) {
    const auto quote = in.find(last_, at_);
    if (quote == std::string_view::npos) {
        at_ = in.size();
    } else {
        at_ = quote + 1;
        last_ = 0;
        state_ = State::start_tag;
    }
    return Event::more;
}

Framer::Event Framer::finish_start_tag() {
    const bool empty = last_ == '/';
    if (depth_ == 1 && shape_ == Shape::stream) {
        token_ends(State::idle);
        return empty ? refuse(Refusal::empty_stream) : Event::header;
    }
    token_ends(State::text);
    return empty ? leave_element() : Event::more;
}

Framer::Event Framer::end_tag(std::string_view in) {
    const auto end = in.find('>', at_);
    if (end == std::string_view::npos) {
        at_ = in.size();
        return Event::more;
    }
    at_ = end + 1;
    token_ends(State::text);
    return leave_element();
}

Framer::Event Framer::leave_element() {
    --depth_;
    if (in_stanza()) return Event::more;
    state_ = State::idle;
    return depth_ == root_depth() ? Event::element : Event::root_end;
}

// "<!": only CDATA sections are allowed, and only inside a stanza.
Framer::Event Framer::bang(std::string_view in) {
    const auto c = in[at_];
    if (matched_ == 0 && (c == '-' || c == 'D')) return refuse(Refusal::restricted);
    if (c != cdata_word[matched_] || !in_stanza()) return refuse(Refusal::not_well_formed);
    ++at_;
    if (++matched_ == cdata_word.size()) {
        matched_ = 0;
        token_ends(State::cdata);
    }
    return Event::more;
}

// expat takes a CDATA section in pieces, so every byte of it is complete.
Framer::Event Framer::cdata(std::string_view in) {
    if (matched_ == 0) {
        at_ = std::min(in.find(']', at_), in.size());
        complete_ = at_;
        if (at_ == in.size()) return Event::more;
    }
    const auto c = in[at_++];
    complete_ = at_;
    if (c == ']') {
        matched_ = 2 - (matched_ == 0);
    } else {
        if (c == '>' && matched_ == 2) state_ = State::text;
        matched_ = 0;
    }
    return Event::more;
}

// Character data is complete as far as it goes, but for a reference at its very end.
Framer::Event Framer::text(std::string_view in) {
    const auto start = at_;
    const auto markup_at = in.find('<', at_);
    if (markup_at != std::string_view::npos) {
        complete_ = markup_at;
        at_ = markup_at + 1;
        state_ = State::markup;
        return Event::more;
    }
    complete_ = at_ = in.size();
    const auto run = in.substr(start);
    const auto reference_at = run.rfind('&');
    if (reference_at == std::string_view::npos) return Event::more;
    if (std::all_of(run.begin() + reference_at + 1, run.end(), is_in_reference)) {
        complete_ = start + reference_at;
        state_ = State::reference;
    }
    return Event::more;
}

Framer::Event Framer::reference(std::string_view in) {
    while (at_ < in.size() && is_in_reference(in[at_])) ++at_;
    if (at_ == in.size()) return Event::more;
    if (in[at_] == ';') ++at_;
    token_ends(State::text);
    return Event::more;
}

// "<?" at the very start: only an XML declaration.
Framer::Event Framer::declaration_open(std::string_view in) {
    const auto c = in[at_];
    if (matched_ == declaration_word.size()) {
        if (!is_space(c)) return refuse(Refusal::restricted);
        matched_ = 0;
        declared_ = true;
        state_ = State::declaration;
        return Event::more;
    }
    if (c != declaration_word[matched_]) return refuse(Refusal::restricted);
    ++matched_;
    ++at_;
    return Event::more;
}

Framer::Event Framer::declaration(std::string_view in) {
    for (; at_ < in.size(); ++at_) {
        if (in[at_] == '>' && matched_ == 1) {
            ++at_;
            token_ends(State::idle);
            return Event::more;
        }
        matched_ = in[at_] == '?';
    }
    return Event::more;
}

Framer::Event Framer::refuse(Refusal refusal) {
    refusal_ = refusal;
    return Event::refused;
}

StreamError Framer::error() const {
    switch (refusal_) {
        case Refusal::not_well_formed:
            return {StreamCondition::not_well_formed};
        case Refusal::restricted:
            return {StreamCondition::restricted_xml};
        case Refusal::unsupported_encoding:
            return {StreamCondition::unsupported_encoding};
        case Refusal::empty_stream:
            return {StreamCondition::bad_format, "a stream that ends where it begins"};
        case Refusal::bytes:
            return {StreamCondition::policy_violation, "too many bytes", "<stanza-too-big xmlns='urn:xmpp:errors'/>"};
        case Refusal::depth:
            return {StreamCondition::policy_violation, "nested too deeply"};
        case Refusal::elements:
            return {StreamCondition::policy_violation, "too many elements"};
        case Refusal::attributes:
            return {StreamCondition::policy_violation, "too many attributes"};
    }
    return {StreamCondition::not_well_formed};
}

}  // namespace rookery::xml
