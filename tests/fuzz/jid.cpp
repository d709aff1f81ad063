// Any bytes as an address. Oracles: the normal form is its own normal form, its parts are within bounds and put
// together again give the same address; what may be registered is a local part.
#include "xmpp/jid.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "xmpp/domain.h"

namespace {

using namespace rookery;

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "failed: %s\n", what);
    std::abort();
}

void check(const Jid& jid) {
    constexpr std::size_t bound = 1'023;
    require(!jid.domain().empty(), "an address has a domain");
    require(jid.local().size() <= bound && jid.domain().size() <= bound && jid.resource().size() <= bound, "bounds");
    const auto again = Jid::parse(jid.str());
    require(again && *again == jid, "the normal form is stable");
    const auto made = Jid::make(jid.local(), jid.domain(), jid.resource());
    require(made && *made == jid, "the parts make the address");
    require(again->local() == jid.local() && again->domain() == jid.domain() && again->resource() == jid.resource(),
            "the parts are the same");
    require(jid.bare().str() == jid.bare_str() && jid.bare().is_bare(), "bare");
    require(normal_domain(ascii_domain(jid.domain())) == jid.domain(), "the ASCII form is the same domain");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto jid = Jid::parse(text)) check(*jid);
    if (Jid::may_register(text)) {
        const auto jid = Jid::make(text, "example.com");
        require(jid.has_value(), "what may be registered is an address");
        require(Jid::may_register(jid->local()), "and so is its normal form");
    }
    return 0;
}
