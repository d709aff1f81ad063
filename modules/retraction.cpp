// Message retraction (XEP-0424 0.4.2): what its author takes back becomes a tombstone in the archives it is in. Only a
// message that carried an origin-id can be found, by its sender, that id and its recipient: nobody retracts another's.
#include "base/log.h"
#include "base/stamped_id.h"
#include "core/module.h"
#include "xmpp/payload/date_time.h"
#include "xmpp/payload/stanza_id.h"

namespace rookery {
namespace {

constexpr const char* retract_ns = "urn:xmpp:message-retract:1";
constexpr const char* tombstone_ns = "urn:xmpp:message-retract:1#tombstone";
const xml::Name retract_name{retract_ns, "retract"};
const xml::Name retracted_name{retract_ns, "retracted"};

struct Burial {
    Jid sender;     // bare
    Jid recipient;  // bare
    std::string origin_id;
    std::string retraction_id;  // of the stanza
    WallTime at;

    Burial(const Route& route, std::string what, WallTime now)
        : sender(route.stanza->from.bare()),
          recipient(route.to.bare()),
          origin_id(std::move(what)),
          retraction_id(route.stanza->id),
          at(now) {}

    std::uint64_t origin() const { return message_origin(sender, origin_id, recipient); }
};

// Both are in the archive, the retraction too, so that clients that catch up hear of it (section 5).
bool is_the_one(const Stanza& kept, const Burial& burial) {
    const auto origin = OriginId::parse(kept.child(OriginId::name));
    return kept.is_message() && origin && origin->id == burial.origin_id && kept.from.same_bare(burial.sender) &&
           !kept.child(retracted_name);
}

// Of the message the addresses, the ids and the type are left.
std::string tombstone(Stanza message, const Burial& burial) {
    message.element().remove_children([](xml::View child) { return !child.is(OriginId::name); });
    xml::Element retracted(retracted_name);
    retracted.set("id", burial.retraction_id).set("stamp", format_date_time(burial.at));
    message.element().add(retracted);
    return message.to_string();
}

class Retraction final : public Module {
public:
    Retraction(Host& our_host, const NoOptions&) : Module(our_host) {
        on<&Retraction::sent>(our_host.hooks.message_sent, Stage::copy);
        on<&Retraction::received>(our_host.hooks.message_received, Stage::copy);
        for (const char* ns : {retract_ns, tombstone_ns}) {
            feature(ns, At::host);
            feature(ns, At::account);
        }
    }

private:
    // To somebody who is not at home here; else the recipient's side sees to both.
    Outcome sent(Route& route) {
        const bool to_account = !route.to.local().empty() && shard().find_host(route.to.domain());
        if (!to_account && !route.to.empty() && route.archive_sent) bury(route);
        return Outcome::pass();
    }

    Outcome received(Route& route) {
        if (route.archive || route.archive_sent) bury(route);
        return Outcome::pass();
    }

    void bury(const Route& route) {
        const xml::View retract = route.stanza->child(retract_name);
        if (!retract || route.stanza->message_type() == MessageType::groupchat) return;
        std::string origin_id(retract.attr_or("id", ""));
        if (origin_id.empty() || route.stanza->id.empty()) return;
        run(find_and_bury(Burial(route, std::move(origin_id), now())));
    }

    // The two rows of a message between two accounts here are found together.
    Task<void> find_and_bury(Burial burial) {
        Result<SentMessage> both = co_await stores().log.find_sent(burial.recipient, burial.sender, burial.origin());
        if (both.ok()) {
            co_await replace(burial.recipient, both->recipients_id, burial);
            if (both->senders_id != 0) co_await replace(burial.sender, both->senders_id, burial);
            co_return;
        }
        Result<std::uint64_t> own = co_await stores().log.find_origin(burial.sender, burial.origin());
        if (own.ok()) co_await replace(burial.sender, *own, burial);
    }

    // What is in no archive is gone as soon as it was received.
    Task<void> replace(Jid owner, std::uint64_t id, Burial burial) {
        std::vector<std::uint64_t> wanted(1, id);
        Result<std::vector<ArchivedMessage>> found = co_await stores().archive.load(owner, std::move(wanted));
        std::optional<Stanza> kept = found.ok() ? parse_stanza(found->front().stanza_xml) : std::nullopt;
        if (!kept || !is_the_one(*kept, burial)) co_return;
        std::string instead = tombstone(std::move(*kept), burial);
        Result<void> done = co_await stores().log.replace(owner, id, std::move(instead));
        if (!done.ok()) log_warning("message_not_retracted", {{"account", owner.str()}, {"reason", done.error().message}});
    }
};

}  // namespace

extern const ModuleSpec retraction_module =
    declare<Retraction>("retraction", "Replaces messages that their author took back in the archives").implements(424, "0.4.2");

}  // namespace rookery
