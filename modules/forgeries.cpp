// Takes out of clients' stanzas what only their server may say: carbons (XEP-0280), archive results (XEP-0313) and
// delay stamps in our name (XEP-0203). Clients have trusted such things before (CVE-2017-5589 and its kin).
#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* carbons_ns = "urn:xmpp:carbons:2";
const xml::Name carbon_sent_name{carbons_ns, "sent"};
const xml::Name carbon_received_name{carbons_ns, "received"};
const xml::Name archive_result_name{"urn:xmpp:mam:2", "result"};
const xml::Name delay_name{"urn:xmpp:delay", "delay"};
const xml::Name old_delay_name{"jabber:x:delay", "x"};

bool is_server_speech(xml::View child) {
    return child.is(carbon_sent_name) || child.is(carbon_received_name) || child.is(archive_result_name);
}

bool is_delay(xml::View child) { return child.is(delay_name) || child.is(old_delay_name); }

Jid delayed_by(xml::View delay) { return Jid::parse(delay.attr_or("from", "")).value_or(Jid()); }

class Forgeries final : public Module {
public:
    Forgeries(Host& host, const NoOptions&) : Module(host) {
        on<&Forgeries::clean_sent>(host.hooks.message_sent, Stage::rewrite);
        on<&Forgeries::clean_sent>(host.hooks.presence_sent, Stage::rewrite);
        on<&Forgeries::clean_received>(host.hooks.message_received, Stage::rewrite);
        on<&Forgeries::clean_received>(host.hooks.presence_received, Stage::rewrite);
    }

private:
    Outcome clean_sent(Route& route) {
        const Jid sender = route.stanza->from.bare();
        remove(route, [&](xml::View child) {
            return is_server_speech(child) || (is_delay(child) && is_local(delayed_by(child)) && !delayed_by(child).same_bare(sender));
        });
        return Outcome::pass();
    }

    // From other servers only our own name is out of the question; a room of ours may well say since when it waited.
    Outcome clean_received(Route& route) {
        const std::string sender(route.stanza->from.domain());
        remove(route, [&](xml::View child) {
            return is_delay(child) && is_local(delayed_by(child)) && delayed_by(child).domain() != sender;
        });
        return Outcome::pass();
    }

    template <class Forged>
    static void remove(Route& route, Forged forged) {
        bool found = false;
        for (const xml::View child : route.stanza->element().children()) found = found || forged(child);
        if (found) route.editable().element().remove_children(forged);
    }

    bool is_local(const Jid& jid) const { return shard().find_host(jid.domain()) != nullptr; }
};

}  // namespace

extern const ModuleSpec forgeries_module =
    declare<Forgeries>("forgeries", "Takes out of stanzas what only this server may say");

}  // namespace rookery
