#include "xmpp/xml/stream_parser.h"

#include <expat.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "base/crypto.h"
#include "xmpp/xml/framer.h"
#include "xmpp/xml/plain.h"

namespace rookery::xml {
namespace {

constexpr std::string_view client_ns = "jabber:client";
constexpr std::string_view streams_ns = "http://etherx.jabber.org/streams";
constexpr std::string_view xml_lang_joined = "http://www.w3.org/XML/1998/namespace\x01lang";
constexpr std::string_view usual_header_tag =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view white_space = " \t\r\n";

// expat copies the namespace for every prefixed attribute, so its length is a factor of the cost.
constexpr std::size_t max_namespace_bytes = 1'024;
// expat doubles its buffer to hold what one call gives it, and never shrinks it.
constexpr std::size_t slice_bytes = 16'384;
// A parser that has grown past one of these is replaced at the next boundary.
constexpr std::size_t max_kept_stanza_bytes = 32'768;
constexpr std::size_t max_names_bytes = 131'072;
constexpr std::size_t max_kept_pending_bytes = 4'096;
// Kept beside what is built of it.
constexpr std::size_t max_unfinished_bytes = 131'072;
// What expat keeps per name beside its characters.
constexpr std::size_t name_overhead_bytes = 64;
// Longest thing between stanzas that expat may need to see whole to tell bad text from bad XML.
constexpr std::size_t max_stray_bytes = 16;

StreamHeader usual_header() {
    StreamHeader header;
    header.ns = streams_ns;
    header.local = header.prefix = "stream";
    header.default_ns = client_ns;
    header.prefixes.emplace_back("stream", streams_ns);
    return header;
}

void append_declaration(std::string& out, std::string_view name, std::string_view value) {
    out.append(" ").append(name).append("='");
    escape(out, value);
    out.push_back('\'');
}

std::string header_tag(const StreamHeader& header) {
    std::string tag = "<";
    if (!header.prefix.empty()) tag.append(header.prefix).push_back(':');
    tag.append(header.local);
    if (!header.default_ns.empty()) append_declaration(tag, "xmlns", header.default_ns);
    for (const auto& [prefix, uri] : header.prefixes) append_declaration(tag, "xmlns:" + prefix, uri);
    return tag + ">";
}

// The prefix of the last tag in `text`. REQUIRES: a complete start tag at its end.
std::string_view prefix_of_last_tag(std::string_view text) {
    const auto name = text.substr(text.rfind('<') + 1);
    const auto end = name.find_first_of(": \t\r\n/>");
    return end != std::string_view::npos && name[end] == ':' ? name.substr(0, end) : std::string_view();
}

bool is_utf8_label(std::string_view label) {
    constexpr std::string_view wanted = "utf-8";
    return std::equal(label.begin(), label.end(), wanted.begin(), wanted.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

// expat 2.6 and later (and the security updates of earlier ones) may put off a token that came in two pieces. There is
// no macro to tell, so the function is looked for by its argument.
template <class Parser>
void parse_at_once(Parser parser) {
    if constexpr (requires { XML_SetReparseDeferralEnabled(parser, XML_FALSE); }) {
        XML_SetReparseDeferralEnabled(parser, XML_FALSE);
    }
}

}  // namespace

std::optional<std::string_view> StreamHeader::attr(std::string_view name) const {
    for (const auto& [key, value] : attributes) {
        if (key == name) return value;
    }
    return std::nullopt;
}

bool StreamHeader::usual() const {
    return ns == streams_ns && local == "stream" && prefix == "stream" && default_ns == client_ns &&
           prefixes.size() == 1 && prefixes[0].first == "stream" && prefixes[0].second == streams_ns;
}

struct StreamParser::State {
    State() : salt_(static_cast<unsigned long>(random_u64()) | 1) { start(Framer::Shape::stream); }
    ~State() { XML_ParserFree(expat_); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    // ---- life

    void start(Framer::Shape shape) {
        forget_stanza();
        begin_anew();
        start_expat();
        shape_ = shape;
        framer_.reset(shape);
        header_ = StreamHeader();
        usual_ = closed_ = false;
        release_pending();
        input_ = {};
        error_.reset();
        stray_bytes_ = 0;
    }

    void start_primed(const StreamHeader& like, std::string_view tag) {
        start(Framer::Shape::stream);
        header_.ns = like.ns;
        header_.local = like.local;
        header_.prefix = like.prefix;
        header_.default_ns = like.default_ns;
        header_.prefixes = like.prefixes;
        usual_ = header_.usual();
        enter_stream(tag);
        framer_.enter_stream();
    }

    // What one stream must not see of the one before it on the same parser.
    void forget_stream() {
        header_.attributes.clear();
        forget_stanza();
    }

    void forget_stanza() {
        builder_.reset();
        element_ready_ = false;
        expanded_bytes_ = 0;
        idle_whitespace_ = 0;
    }

    bool at_boundary() const {
        return !error_ && !closed_ && framer_.between_stanzas() && stray_bytes_ == 0 && input_.empty();
    }

    // ---- input

    ParseStep next() {
        const ParseStep step = advance();
        if (step == ParseStep::need_more)
            note_unfinished();
        else
            begin_anew();
        return step;
    }

    void feed(std::string_view bytes) { input_ = fresh_ = bytes; }

    // The bytes of the stanza that has begun and is not whole, for who must read them again elsewhere.
    void note_unfinished() {
        if (framer_.between_stanzas()) return begin_anew();
        too_long_ = too_long_ || unfinished_.size() + fresh_.size() > max_unfinished_bytes;
        if (too_long_)
            std::string().swap(unfinished_);
        else
            unfinished_.append(std::exchange(fresh_, {}));
    }

    void begin_anew() {
        fresh_ = input_;
        too_long_ = false;
        if (!unfinished_.empty()) std::string().swap(unfinished_);
    }

    ParseStep advance() {
        if (error_) return ParseStep::failed;
        if (closed_) input_ = {};
        if (element_ready_) forget_stanza();
        if (stray_bytes_ > 0) return on_stray();
        skip_whitespace();
        if (input_.empty() || error_) return error_ ? ParseStep::failed : ParseStep::need_more;
        if (usual_ && framer_.between_stanzas() && read_plain_stanza()) return ParseStep::element;
        const auto frame = framer_.scan(input_);
        if (frame.event == Framer::Event::stray) return on_stray();
        if (!hand_over(frame)) return ParseStep::failed;
        return on_event(frame.event);
    }

    // expat does not see it: between two stanzas it stands where it stood.
    bool read_plain_stanza() {
        const std::size_t size = read_plain(input_, framer_.limits(), builder_);
        input_.remove_prefix(size);
        element_ready_ = size > 0;
        return element_ready_;
    }

    // Between stanzas expat never sees white space: there it always stands right behind a tag.
    void skip_whitespace() {
        if (!framer_.idle()) return;
        const auto count = std::min(input_.find_first_not_of(white_space), input_.size());
        input_.remove_prefix(count);
        idle_whitespace_ += count;
        const auto bound = framer_.limits().max_whitespace;
        if (bound != 0 && idle_whitespace_ > bound) {
            fail(StreamError(StreamCondition::policy_violation, "too much white space"));
        }
    }

    // Gives expat what is complete, keeps the start of an unfinished token.
    bool hand_over(const Framer::Frame& frame) {
        if (frame.complete && !parse_complete(input_.substr(0, *frame.complete), frame.event)) return false;
        const auto unfinished = frame.complete.value_or(0);
        pending_.append(input_.substr(unfinished, frame.scanned - unfinished));
        input_.remove_prefix(frame.scanned);
        return true;
    }

    bool parse_complete(std::string_view bytes, Framer::Event event) {
        if (!pending_.empty()) bytes = pending_.append(bytes);
        if (event == Framer::Event::header) header_.prefix = prefix_of_last_tag(bytes);
        if (!parse(bytes)) return false;
        release_pending();
        return true;
    }

    void release_pending() {
        pending_.clear();
        if (pending_.capacity() > max_kept_pending_bytes) std::string().swap(pending_);
    }

    // Where the framer saw an end, expat may still wait for the rest of what is no character (a lead byte that is
    // followed by '>'): then it was none.
    ParseStep on_event(Framer::Event event) {
        switch (event) {
            case Framer::Event::header:
                if (level_ != 1) return fail(StreamCondition::not_well_formed);
                usual_ = header_.usual();
                return ParseStep::stream_opened;
            case Framer::Event::element:
                if (!element_ready_ || level_ != root_level()) return fail(StreamCondition::not_well_formed);
                if (shape_ == Framer::Shape::stream && is_worn()) replace_expat();
                return ParseStep::element;
            case Framer::Event::root_end:
                if (level_ != 0) return fail(StreamCondition::not_well_formed);
                closed_ = true;
                input_ = {};
                return ParseStep::stream_closed;
            case Framer::Event::refused:
                return fail(framer_.error());
            case Framer::Event::more:
            case Framer::Event::stray:  // on_stray's
                break;
        }
        return advance();
    }

    // Text where only white space may be: which error it is depends on whether it is text at all. One byte after the
    // other, so that the answer does not depend on how the input is cut.
    ParseStep on_stray() {
        while (!input_.empty()) {
            if (!parse(input_.substr(0, 1))) return ParseStep::failed;
            input_.remove_prefix(1);
            if (++stray_bytes_ > max_stray_bytes) return fail(StreamCondition::bad_format);
        }
        return ParseStep::need_more;
    }

    ParseStep fail(StreamError error) {
        if (!error_) error_ = std::move(error);
        input_ = {};
        release_pending();
        builder_.reset();
        return ParseStep::failed;
    }

    // ---- expat

    std::size_t root_level() const { return shape_ == Framer::Shape::stream ? 1 : 0; }

    bool is_worn() const { return names_bytes_ > max_names_bytes || framer_.stanza_bytes() > max_kept_stanza_bytes; }

    void start_expat() {
        if (expat_ && !is_worn()) {
            XML_ParserReset(expat_, "UTF-8");
        } else {
            XML_ParserFree(expat_);
            expat_ = XML_ParserCreateNS("UTF-8", name_separator);
            if (!expat_) throw std::bad_alloc();
        }
        level_ = prefixes_ = names_bytes_ = 0;
        XML_SetHashSalt(expat_, salt_);
        parse_at_once(expat_);
        XML_SetUserData(expat_, this);
        XML_SetElementHandler(expat_, on_start, on_end);
        XML_SetCharacterDataHandler(expat_, on_text);
        XML_SetNamespaceDeclHandler(expat_, on_prefix, on_prefix_end);
        XML_SetXmlDeclHandler(expat_, on_declaration);
        // The framer lets none of these through; expat must not either.
        XML_SetDoctypeDeclHandler(expat_, on_doctype, nullptr);
        XML_SetCommentHandler(expat_, on_comment);
        XML_SetProcessingInstructionHandler(expat_, on_instruction);
    }

    // A new expat parser in the place of the old one, between two stanzas of the same stream.
    void replace_expat() {
        start_expat();
        if (usual_) {
            enter_stream(usual_header_tag);
        } else {
            enter_stream(header_tag(header_));
        }
    }

    void enter_stream(std::string_view tag) {
        priming_ = true;
        const bool parsed = parse(tag);
        priming_ = false;
        assert(parsed && "a header that was read once can be read again");
        static_cast<void>(parsed);
    }

    bool parse(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto slice = bytes.substr(0, slice_bytes);
            bytes.remove_prefix(slice.size());
            if (XML_Parse(expat_, slice.data(), static_cast<int>(slice.size()), XML_FALSE) != XML_STATUS_OK) {
                fail(expat_error());
                return false;
            }
        }
        return true;
    }

    StreamError expat_error() const {
        switch (XML_GetErrorCode(expat_)) {
            case XML_ERROR_UNBOUND_PREFIX:
                return level_ == 0 ? StreamCondition::bad_namespace_prefix : StreamCondition::not_well_formed;
            case XML_ERROR_NO_MEMORY:
                return StreamCondition::resource_constraint;
            default:
                return StreamCondition::not_well_formed;
        }
    }

    // From inside a handler: expat returns an error, which fail() then does not put over this one.
    void refuse(StreamError error) {
        if (!error_) error_ = std::move(error);
        XML_StopParser(expat_, XML_FALSE);
    }

    void start_element(std::string_view joined, const XML_Char** attributes) {
        if (error_) return;
        if (level_++ < root_level()) {
            if (!priming_) read_header(joined, attributes);
            return;
        }
        if (element_ready_) return refuse(StreamCondition::not_well_formed);
        auto name = split_joined(joined);
        if (!content_ns_.empty() && name.ns == content_ns_) name.ns = client_ns;
        const auto interned = Name::find(name.ns, name.local);
        if (name.ns != builder_.ns()) expanded_bytes_ += name.ns.size();
        if (interned == 0) names_bytes_ += joined.size() + name_overhead_bytes;
        builder_.open(interned, name.ns, name.local);
        for (; *attributes; attributes += 2) add_attribute(attributes[0], attributes[1]);
        // An element repeats its namespace when it is written, however short its prefix was when it was read.
        if (expanded_bytes_ > framer_.limits().max_bytes) {
            refuse(StreamError(StreamCondition::policy_violation, "too much in namespaces"));
        }
    }

    void add_attribute(std::string_view joined, std::string_view value) {
        const auto name = split_joined(joined);
        names_bytes_ += joined.size() + name_overhead_bytes;
        expanded_bytes_ += name.ns.size();
        builder_.attribute(name.ns, name.local, value);
    }

    void read_header(std::string_view joined, const XML_Char** attributes) {
        const auto name = split_joined(joined);
        header_.ns = name.ns;
        header_.local = name.local;
        for (; *attributes; attributes += 2) {
            const std::string_view key = attributes[0];
            if (key == xml_lang_joined) {
                header_.attributes.emplace_back("xml:lang", attributes[1]);
            } else if (key.find(name_separator) == std::string_view::npos) {
                header_.attributes.emplace_back(key, attributes[1]);
            }
        }
    }

    void end_element() {
        if (error_) return;
        if (--level_ < root_level()) return;
        builder_.close();
        element_ready_ = level_ == root_level();
    }

    void character_data(std::string_view text) {
        if (error_) return;
        if (level_ <= root_level()) return refuse(StreamCondition::bad_format);
        builder_.text(text);
    }

    void start_prefix(const XML_Char* prefix, const XML_Char* uri) {
        if (error_) return;
        const std::string_view ns = uri ? uri : "";
        names_bytes_ += ns.size() + name_overhead_bytes;
        if (ns.size() > max_namespace_bytes) {
            refuse(StreamError(StreamCondition::policy_violation, "a namespace is too long"));
        }
        if (prefix && ++prefixes_ > framer_.limits().max_namespaces) {
            refuse(StreamError(StreamCondition::policy_violation, "too many namespaces"));
        }
        if (level_ > 0 || priming_) return;
        if (!prefix) {
            header_.default_ns = ns;
        } else {
            header_.prefixes.emplace_back(prefix, ns);
        }
    }

    static State& of(void* user) { return *static_cast<State*>(user); }
    static void XMLCALL on_start(void* user, const XML_Char* name, const XML_Char** attributes) {
        of(user).start_element(name, attributes);
    }
    static void XMLCALL on_end(void* user, const XML_Char*) { of(user).end_element(); }
    static void XMLCALL on_text(void* user, const XML_Char* text, int size) {
        of(user).character_data({text, static_cast<std::size_t>(size)});
    }
    static void XMLCALL on_prefix(void* user, const XML_Char* prefix, const XML_Char* uri) {
        of(user).start_prefix(prefix, uri);
    }
    static void XMLCALL on_prefix_end(void* user, const XML_Char* prefix) { of(user).prefixes_ -= prefix != nullptr; }
    static void XMLCALL on_declaration(void* user, const XML_Char*, const XML_Char* encoding, int) {
        if (encoding && !is_utf8_label(encoding)) of(user).refuse(StreamCondition::unsupported_encoding);
    }
    static void XMLCALL on_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        of(user).refuse(StreamCondition::restricted_xml);
    }
    static void XMLCALL on_comment(void* user, const XML_Char*) { of(user).refuse(StreamCondition::restricted_xml); }
    static void XMLCALL on_instruction(void* user, const XML_Char*, const XML_Char*) {
        of(user).refuse(StreamCondition::restricted_xml);
    }

    XML_Parser expat_ = nullptr;
    unsigned long salt_;
    Framer framer_;
    ElementBuilder builder_;
    Framer::Shape shape_ = Framer::Shape::stream;
    StreamHeader header_;
    std::string content_ns_;  // that stands for jabber:client; empty: none does
    std::string_view input_;  // fed and not looked at yet
    std::string pending_;     // the start of a token that is not complete
    std::string_view fresh_;  // of this input, from where the stanza began that is not whole
    std::string unfinished_;  // the same of earlier input
    bool too_long_ = false;   // it was: not kept
    std::optional<StreamError> error_;
    std::size_t level_ = 0;           // elements open in expat
    std::size_t prefixes_ = 0;        // in scope
    std::size_t expanded_bytes_ = 0;  // namespaces the stanza at hand repeats when it is written
    std::size_t names_bytes_ = 0;     // an upper bound of what expat keeps for names
    std::size_t idle_whitespace_ = 0;
    std::size_t stray_bytes_ = 0;
    bool usual_ = false;
    bool closed_ = false;
    bool priming_ = false;
    bool element_ready_ = false;
};

StreamParser::StreamParser() : state_(std::make_unique<State>()) {}
StreamParser::~StreamParser() = default;

void StreamParser::set_limits(const ParserLimits& limits) { state_->framer_.set_limits(limits); }

void StreamParser::set_content_ns(std::string_view ns) { state_->content_ns_ = ns; }

void StreamParser::feed(std::string_view bytes) {
    assert(state_->input_.empty() && "the previous input is used up");
    if (!state_->error_) state_->feed(bytes);
}

ParseStep StreamParser::next() { return state_->next(); }

std::optional<std::string_view> StreamParser::unfinished() const {
    return state_->too_long_ ? std::nullopt : std::optional<std::string_view>(state_->unfinished_);
}

const StreamHeader& StreamParser::header() const { return state_->header_; }

Element StreamParser::take_element() {
    assert(state_->element_ready_);
    state_->element_ready_ = false;
    state_->expanded_bytes_ = state_->idle_whitespace_ = 0;
    return state_->builder_.take();
}

StreamError StreamParser::error() const {
    assert(state_->error_);
    return *state_->error_;
}

bool StreamParser::at_boundary() const { return state_->at_boundary(); }
std::string_view StreamParser::unread() const { return state_->input_; }
std::size_t StreamParser::idle_whitespace() const { return state_->idle_whitespace_; }
std::size_t StreamParser::names_seen() const { return state_->names_bytes_; }

void StreamParser::reset() { state_->start(Framer::Shape::stream); }
void StreamParser::prime(const StreamHeader& like) {
    const auto header = like;  // it may be our own
    state_->start_primed(header, header_tag(header));
}
void StreamParser::prime_usual() {
    static const StreamHeader usual = usual_header();
    state_->start_primed(usual, usual_header_tag);
}
void StreamParser::start_document() { state_->start(Framer::Shape::document); }

ParserPool::ParserPool(std::size_t max_lent, std::size_t keep) : max_lent_(max_lent), keep_(keep) {}
ParserPool::~ParserPool() = default;

bool ParserPool::may_lend(std::size_t limit) {
    if (lent_ < limit) return true;
    ++refused_;
    return false;
}

ParserPool::Lease ParserPool::lend(const ParserLimits& limits) {
    if (!may_lend(max_lent_)) return nullptr;
    ++lent_;
    ++ever_lent_;
    Lease parser;
    if (used_.empty()) {
        parser = std::make_unique<StreamParser>();
    } else {
        parser = std::move(used_.back());
        used_.pop_back();
    }
    parser->set_limits(limits);
    return parser;
}

ParserPool::Lease ParserPool::lend_fresh(const ParserLimits& limits) {
    if (!may_lend(max_lent_ - max_lent_ / 4)) return nullptr;
    return lend(limits);
}

ParserPool::Lease ParserPool::lend_primed(const StreamHeader& like, const ParserLimits& limits) {
    if (like.usual()) return lend_usual(limits);
    auto parser = lend(limits);
    if (parser) parser->prime(like);
    return parser;
}

ParserPool::Lease ParserPool::lend_usual(const ParserLimits& limits) {
    if (clean_.empty()) {
        auto parser = lend(limits);
        if (parser) parser->prime_usual();
        return parser;
    }
    if (!may_lend(max_lent_)) return nullptr;
    ++lent_;
    ++ever_lent_;
    auto parser = std::move(clean_.back());
    clean_.pop_back();
    parser->set_limits(limits);
    return parser;
}

void ParserPool::give_back(Lease parser, bool clean) {
    assert(parser && lent_ > 0);
    --lent_;
    auto& state = *parser->state_;
    clean = clean && state.usual_ && parser->at_boundary();
    auto& shelf = clean ? clean_ : used_;
    if (shelf.size() >= keep_) return;
    if (clean) {
        state.forget_stream();
    } else {
        parser->reset();
    }
    shelf.push_back(std::move(parser));
}

std::optional<Element> parse_document(std::string_view text, const ParserLimits& limits) {
    StreamParser parser;
    parser.set_limits(limits);
    parser.start_document();
    parser.feed(text);
    if (parser.next() != ParseStep::element) return std::nullopt;
    auto element = parser.take_element();
    if (parser.next() != ParseStep::need_more) return std::nullopt;
    return element;
}

}  // namespace rookery::xml
