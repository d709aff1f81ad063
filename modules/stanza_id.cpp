// Unique and stable stanza ids (XEP-0359): a message that will be kept gets an id by its recipient's account, and ids
// that claim to be ours but are not are taken out. Ids of others (rooms, other servers' users) and a client's
// origin-id pass. Below the top level nothing is touched (business rules 3 and 4).
#include "core/message_log.h"
#include "core/module.h"
#include "core/worth_keeping.h"
#include "xmpp/payload/stanza_id.h"

namespace rookery {
namespace {

constexpr const char* sid_ns = "urn:xmpp:sid:0";

class StanzaIds final : public Module {
public:
    StanzaIds(Host& host, const NoOptions&) : Module(host) {
        on<&StanzaIds::clean_sent>(host.hooks.message_sent, Stage::rewrite);
        on<&StanzaIds::clean_received>(host.hooks.message_received, Stage::rewrite);
        on<&StanzaIds::stamp_before_commit>(host.hooks.message_received, Stage::archive);
        on<&StanzaIds::stamp_archived>(host.hooks.message_received, Stage::commit);  // behind the log, which makes the ids
        feature(sid_ns, At::host);
        feature(sid_ns, At::account);
    }

private:
    // No client of ours assigns ids in the name of an address of ours.
    Outcome clean_sent(Route& route) {
        if (!route.stanza->child(StanzaId::name)) return Outcome::pass();
        route.stanza->element().remove_children([this](xml::View child) {
            return child.is(StanzaId::name) && is_local(assigner(child));
        });
        return Outcome::pass();
    }

    Outcome clean_received(Route& route) {
        if (route.stanza->child(StanzaId::name)) remove_forged(route);
        return Outcome::pass();
    }

    // Without an archive messages get ids all the same: clients thread replies by them. One that its client sends again
    // has the same one; and it waits with it.
    Outcome stamp_before_commit(Route& route) {
        if (host().has_module("mam") || !route.account->exists() || !worth_keeping(route).keep()) return Outcome::pass();
        const std::optional<std::uint64_t> origin = origin_of(*route.stanza, route.to);
        stamp(route, origin.value_or(shard().stamped_ids().next()));
        return Outcome::pass();
    }

    // Where there are archives, clients take every id of ours for one of the archive (XEP-0313 3.4) and ask it for what
    // came later. So nothing else gets one.
    Outcome stamp_archived(Route& route) {
        if (is_archived(route) && route.account->exists() && host().has_module("mam")) stamp(route, route.log_id);
        return Outcome::pass();
    }

    static void stamp(Route& route, std::uint64_t id) {
        route.stanza_id = stamped_id_text(id);
        StanzaId::add_to(route.editable().element(), route.stanza_id, route.account->jid());
    }

    // What a local room sends carries the room's id: that one is right.
    void remove_forged(Route& route) {
        const Jid sender = route.stanza->from.bare();
        const Jid& recipient = route.account->jid();
        route.editable().element().remove_children([&](xml::View child) {
            if (!child.is(StanzaId::name)) return false;
            const Jid by = assigner(child);
            return by == recipient || (by != sender && is_local(by));
        });
    }

    // To oneself the sender's copy is the recipient's.
    static bool is_archived(const Route& route) {
        return route.log_id != 0 &&
               (route.archive || (route.archive_sent && route.stanza->from.same_bare(route.account->jid())));
    }

    static Jid assigner(xml::View stanza_id) { return Jid::parse(stanza_id.attr_or("by", "")).value_or(Jid()); }
    bool is_local(const Jid& jid) const { return shard().find_host(jid.domain()) != nullptr; }
};

}  // namespace

extern const ModuleSpec stanza_id_module =
    declare<StanzaIds>("stanza_id", "Gives messages stable ids by their recipient's account")
        .also_known_as("mod_stanzaid")
        .implements(359, "0.7.0");

}  // namespace rookery
