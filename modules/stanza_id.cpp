// Unique and stable stanza ids (XEP-0359): a message that will be kept gets an id by its recipient's account, and ids
// that claim to be ours but are not are taken out. Ids of others (rooms, other servers' users) and a client's
// origin-id pass. Below the top level nothing is touched (business rules 3 and 4).
#include "core/module.h"
#include "core/worth_keeping.h"

namespace rookery {
namespace {

constexpr const char* sid_ns = "urn:xmpp:sid:0";
const xml::Name stanza_id_name{sid_ns, "stanza-id"};

class StanzaId final : public Module {
public:
    StanzaId(Host& host, const NoOptions&) : Module(host) {
        on<&StanzaId::clean_sent>(host.hooks.message_sent, Stage::rewrite);
        on<&StanzaId::clean_received>(host.hooks.message_received, Stage::rewrite);
        on<&StanzaId::stamp_received>(host.hooks.message_received, Stage::commit);  // behind the log, which makes the ids
        feature(sid_ns, At::host);
        feature(sid_ns, At::account);
    }

private:
    // No client of ours assigns ids in the name of an address of ours.
    Outcome clean_sent(Route& route) {
        if (!route.stanza->child(stanza_id_name)) return Outcome::pass();
        route.stanza->element().remove_children([this](xml::View child) {
            return child.is(stanza_id_name) && is_local(assigner(child));
        });
        return Outcome::pass();
    }

    Outcome clean_received(Route& route) {
        if (route.stanza->child(stanza_id_name)) remove_forged(route);
        return Outcome::pass();
    }

    // What is in no log gets an id all the same: clients thread replies by it.
    Outcome stamp_received(Route& route) {
        if (!route.account->exists() || !worth_keeping(route).keep()) return Outcome::pass();
        route.stanza_id = stamped_id_text(route.log_id != 0 ? route.log_id : shard().stamped_ids().next());
        xml::Element id(stanza_id_name);
        id.set("id", route.stanza_id).set("by", route.account->jid().str());
        route.editable().element().add(id);
        return Outcome::pass();
    }

    // What a local room sends carries the room's id: that one is right.
    void remove_forged(Route& route) {
        const Jid sender = route.stanza->from.bare();
        const Jid& recipient = route.account->jid();
        route.editable().element().remove_children([&](xml::View child) {
            if (!child.is(stanza_id_name)) return false;
            const Jid by = assigner(child);
            return by == recipient || (by != sender && is_local(by));
        });
    }

    static Jid assigner(xml::View stanza_id) { return Jid::parse(stanza_id.attr_or("by", "")).value_or(Jid()); }
    bool is_local(const Jid& jid) const { return shard().find_host(jid.domain()) != nullptr; }
};

}  // namespace

extern const ModuleSpec stanza_id_module =
    declare<StanzaId>("stanza_id", "Gives messages stable ids by their recipient's account")
        .also_known_as("mod_stanzaid")
        .implements(359, "0.7.0");

}  // namespace rookery
