// Message processing hints (XEP-0334): reads a sender's wishes into the notes of Route, before anybody stores or copies.
#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* hints_ns = "urn:xmpp:hints";
const xml::Name no_store_name{hints_ns, "no-store"};
const xml::Name no_copy_name{hints_ns, "no-copy"};
const xml::Name store_name{hints_ns, "store"};

class Hints final : public Module {
public:
    Hints(Host& host, const NoOptions&) : Module(host) {
        on<&Hints::read>(host.hooks.message_sent, Stage::guard);
        on<&Hints::read>(host.hooks.message_received, Stage::guard);
        feature(hints_ns, At::host);
    }

private:
    Outcome read(Route& route) {
        const Stanza& message = *route.stanza;
        // An error may carry the hints of the message it is about: they are not its own (section 5).
        if (message.is_error()) return Outcome::pass();
        route.no_store = static_cast<bool>(message.child(no_store_name));
        route.no_copy = static_cast<bool>(message.child(no_copy_name));
        route.store = !route.no_store && message.child(store_name);
        return Outcome::pass();
    }
};

}  // namespace

extern const ModuleSpec hints_module =
    declare<Hints>("hints", "Heeds a sender's wish that a message be kept, not kept, or not copied").implements(334, "1.0.0");

}  // namespace rookery
