// What one small stanza costs in xmpp/: reading with a parser that stands at a boundary, the envelope, writing.
// cmake --build --preset release --target bench_xml && build/release/bench/bench_xml
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "xmpp/jid.h"
#include "xmpp/stanza.h"
#include "xmpp/xml/stream_parser.h"

namespace {
std::atomic<std::size_t> allocations = 0;
}

// Counts what the parser and its callers allocate (expat uses malloc, and allocates nothing in the steady state).
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size ? size : 1)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace rookery {
namespace {

// 303 bytes: a chat message with an entity and two small extensions.
const std::string message =
    "<message to='romeo@montague.example/orchard' type='chat' id='b4f0c6d2-7f3f-4f0e-9d1b-6f4cf1b3f6a1' xml:lang='en'>"
    "<body>Wherefore art thou, Romeo &amp; who else is there?</body><active "
    "xmlns='http://jabber.org/protocol/chatstates'/>"
    "<origin-id xmlns='urn:xmpp:sid:0' id='b4f0c6d2-7f3f-4f0e-9d1b'/></message>";

const xml::Name active{"http://jabber.org/protocol/chatstates", "active"};
const xml::Name origin_id{"urn:xmpp:sid:0", "origin-id"};
const xml::Name body{"jabber:client", "body"};

xml::Element parsed(xml::StreamParser& parser, std::string_view text) {
    parser.feed(text);
    if (parser.next() != xml::ParseStep::element) std::abort();
    return parser.take_element();
}

void count_allocations(benchmark::State& state, std::size_t before) {
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocations - before), benchmark::Counter::kAvgIterations);
}

void parse_message(benchmark::State& state) {
    xml::StreamParser parser;
    parser.prime_usual();
    benchmark::DoNotOptimize(parsed(parser, message));
    const std::size_t before = allocations;
    for (auto _ : state) benchmark::DoNotOptimize(parsed(parser, message));
    count_allocations(state, before);
}
BENCHMARK(parse_message);

// As an idle stream does it: a parser is lent for what one read brought, and goes back.
void lend_parse_give_back(benchmark::State& state) {
    xml::ParserPool pool;
    const std::size_t before = allocations;
    for (auto _ : state) {
        auto parser = pool.lend_usual({});
        benchmark::DoNotOptimize(parsed(*parser, message));
        if (parser->next() != xml::ParseStep::need_more) std::abort();
        pool.give_back(std::move(parser), true);
    }
    count_allocations(state, before);
}
BENCHMARK(lend_parse_give_back);

void parse_message_in_two_reads(benchmark::State& state) {
    xml::StreamParser parser;
    parser.prime_usual();
    const auto head = std::string_view(message).substr(0, 150);
    const auto tail = std::string_view(message).substr(150);
    for (auto _ : state) {
        parser.feed(head);
        if (parser.next() != xml::ParseStep::need_more) std::abort();
        benchmark::DoNotOptimize(parsed(parser, tail));
    }
}
BENCHMARK(parse_message_in_two_reads);

void prime(benchmark::State& state) {
    xml::StreamParser parser;
    for (auto _ : state) parser.prime_usual();
}
BENCHMARK(prime);

void parse_document(benchmark::State& state) {
    const auto text = "<message xmlns='jabber:client'" + message.substr(8);
    for (auto _ : state) benchmark::DoNotOptimize(xml::parse_document(text));
}
BENCHMARK(parse_document);

// As a WebSocket does it: each frame is a document.
void parse_frame(benchmark::State& state) {
    const auto text = "<message xmlns='jabber:client'" + message.substr(8);
    xml::StreamParser parser;
    for (auto _ : state) {
        parser.start_document();
        benchmark::DoNotOptimize(parsed(parser, text));
    }
}
BENCHMARK(parse_frame);

void stanza_from_element(benchmark::State& state) {
    xml::StreamParser parser;
    parser.prime_usual();
    const auto element = parsed(parser, message);
    StanzaError why(Condition::undefined_condition);
    const std::size_t before = allocations;
    for (auto _ : state) {
        auto copy = element;
        benchmark::DoNotOptimize(Stanza::from_element(std::move(copy), &why, nullptr));
    }
    count_allocations(state, before);
}
BENCHMARK(stanza_from_element);

void copy_element(benchmark::State& state) {
    xml::StreamParser parser;
    parser.prime_usual();
    const auto element = parsed(parser, message);
    for (auto _ : state) benchmark::DoNotOptimize(xml::Element(element));
}
BENCHMARK(copy_element);

void write_stanza(benchmark::State& state) {
    xml::StreamParser parser;
    parser.prime_usual();
    auto stanza = Stanza::from_element(parsed(parser, message), nullptr, nullptr);
    stanza->from = *Jid::parse("juliet@capulet.example/balcony");
    std::string out;
    out.reserve(1'024);
    const std::size_t before = allocations;
    for (auto _ : state) {
        out.clear();
        stanza->write(out);
        benchmark::DoNotOptimize(out.data());
    }
    count_allocations(state, before);
    state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(write_stanza);

void jid_parse(benchmark::State& state) {
    const std::size_t before = allocations;
    for (auto _ : state) benchmark::DoNotOptimize(Jid::parse("juliet@capulet.example/balcony"));
    count_allocations(state, before);
}
BENCHMARK(jid_parse);

void jid_parse_international(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(Jid::parse("\u00FCmit@capulet.example/balcony"));
}
BENCHMARK(jid_parse_international);

void find_child(benchmark::State& state) {
    xml::StreamParser parser;
    parser.prime_usual();
    const auto element = parsed(parser, message);
    for (auto _ : state) benchmark::DoNotOptimize(element.child(origin_id));
}
BENCHMARK(find_child);

}  // namespace
}  // namespace rookery

BENCHMARK_MAIN();
