// Service discovery (XEP-0030) for the server and its accounts, with what the modules declared; contact addresses
// (XEP-0157) as extended information (XEP-0128); the server's own capabilities (XEP-0115) in the stream features.
// Nodes belong to the modules that know them: hooks disco_info and disco_items.
#include <algorithm>

#include "core/module.h"

namespace rookery {
namespace {

constexpr const char* info_ns = "http://jabber.org/protocol/disco#info";
constexpr const char* items_ns = "http://jabber.org/protocol/disco#items";
constexpr const char* caps_ns = "http://jabber.org/protocol/caps";
constexpr const char* contact_form = "http://jabber.org/network/serverinfo";
constexpr const char* caps_node = "urn:rookery:server";
const xml::Name caps_name{caps_ns, "c"};

// One field of the contact form.
struct ContactAddresses {
    std::string name;  // "abuse-addresses"
    std::vector<std::string> urls;
    std::vector<std::string> modules = {"all"};  // whose disco answer carries it
};

struct DiscoOptions {
    std::string name = "Rookery";
    std::vector<std::string> extra_domains;
    std::vector<ContactAddresses> server_info;
};

OptionTable<ContactAddresses> contact_table() {
    OptionTable<ContactAddresses> table;
    table.option("name", &ContactAddresses::name, "What they are for: abuse-addresses, admin-addresses, ...", required())
        .option("urls", &ContactAddresses::urls, "The addresses, as URIs", required())
        .option("modules", &ContactAddresses::modules, "Whose answers carry them: all, or names of modules");
    return table;
}

bool is_for_server(const ContactAddresses& addresses) {
    return std::ranges::any_of(addresses.modules, [](const std::string& module) {
        return module == "all" || module == "disco" || module == "mod_disco";
    });
}

std::optional<DataForm> contact_addresses(const std::vector<ContactAddresses>& all) {
    DataForm form(FormType::result, contact_form);
    for (const ContactAddresses& addresses : all)
        if (is_for_server(addresses)) form.add(FormField(addresses.name, FieldType::list_multi, addresses.urls));
    if (form.fields.size() == 1) return std::nullopt;
    return form;
}

std::optional<std::string> not_domains(const std::vector<std::string>& domains) {
    for (const std::string& domain : domains) {
        const std::optional<Jid> jid = Jid::parse(domain);
        if (!jid || !jid->is_domain()) return "must hold domain names, not '" + domain + "'";
    }
    return std::nullopt;
}

xml::Element no_items(const Stanza& request) {
    DiscoItems none;
    none.node = request.payload().attr_or("node", "");
    return none.to_xml();
}

class Disco final : public Module {
public:
    Disco(Host& our_host, const DiscoOptions& options) : Module(our_host) {
        for (const At where : {At::host, At::account}) {
            feature(info_ns, where);
            feature(items_ns, where);
        }
        feature(caps_ns, At::host);
        identity(DiscoIdentity("server", "im", options.name), At::host);
        identity(DiscoIdentity("account", "registered"), At::account);
        if (std::optional<DataForm> contacts = contact_addresses(options.server_info)) form(std::move(*contacts), At::host);
        for (const std::string& domain : options.extra_domains) item(DiscoItem(Jid::parse(domain).value()));
        iq<&Disco::server_info>(IqType::get, DiscoInfo::name, At::host);
        iq<&Disco::server_items>(IqType::get, DiscoItems::name, At::host);
        iq<&Disco::account_info>(IqType::get, DiscoInfo::name, At::account);
        iq<&Disco::account_items>(IqType::get, DiscoItems::name, At::account);
        stream_feature<&Disco::capabilities>(StreamPhase::logged_in);
    }

private:
    // --- the server

    IqReply server_info(Iq iq) {
        const std::string node(iq.payload().attr_or("node", ""));
        if (!node.empty() && node != caps_node + ("#" + verification())) return info_of_node(std::move(iq), node);
        DiscoInfo info = host().features.describe(At::host);
        info.node = node;
        return info.to_xml();
    }

    IqReply server_items(Iq iq) {
        const std::string node(iq.payload().attr_or("node", ""));
        if (!node.empty()) return items_of_node(std::move(iq), node);
        DiscoItems items;
        items.items = host().features.items();
        return items.to_xml();
    }

    xml::Element capabilities() {
        xml::Element caps(caps_name);
        caps.set("hash", "sha-1").set("node", caps_node).set("ver", verification());
        return caps;
    }

    const std::string& verification() {
        const Features& features = host().features;
        if (std::exchange(verified_, features.changes()) != features.changes() || verification_.empty())
            verification_ = features.describe(At::host).verification().value_or("-");
        return verification_;
    }

    // --- accounts: for themselves and for those who may see their presence. Others get what they would get of an
    // account that does not exist: of its information an error, of its items none (section 8).

    IqReply account_info(Iq iq) {
        const std::optional<bool> trusted = iq.account->is_seen_by(iq.stanza->from);
        if (!trusted) return once_known(std::move(iq), &Disco::account_info);
        if (!*trusted) return Condition::service_unavailable;
        return info_of_account(std::move(iq));
    }

    IqReply account_items(Iq iq) {
        const std::optional<bool> trusted = iq.account->is_seen_by(iq.stanza->from);
        if (!trusted) return once_known(std::move(iq), &Disco::account_items);
        if (!*trusted) return no_items(*iq.stanza);
        return items_of_account(std::move(iq));
    }

    // After the roster was loaded is_seen_by knows.
    Task<IqReply> once_known(Iq iq, IqReply (Disco::*answering)(Iq)) {
        Result<std::shared_ptr<Roster>> roster = co_await iq.account->load_roster();
        if (!roster.ok()) co_return StanzaError(Condition::internal_server_error, ErrorType::wait);
        co_return (this->*answering)(std::move(iq));
    }

    IqReply info_of_account(Iq iq) {
        const std::string node(iq.payload().attr_or("node", ""));
        if (!node.empty()) return info_of_node(std::move(iq), node);
        return host().features.describe(At::account).to_xml();
    }

    IqReply items_of_account(Iq iq) {
        const std::string node(iq.payload().attr_or("node", ""));
        if (!node.empty()) return items_of_node(std::move(iq), node);
        auto event = std::make_shared<DiscoItemsEvent>(DiscoItemsEvent{std::move(iq), {}});
        for (const SessionPtr& session : event->iq.account->sessions())
            if (session->available()) event->answer.items.push_back(DiscoItem(session->jid()));
        return ask(host().hooks.disco_items, event);
    }

    // --- nodes

    IqReply info_of_node(Iq iq, const std::string& node) {
        auto event = std::make_shared<DiscoInfoEvent>(DiscoInfoEvent{std::move(iq), {}});
        event->answer.node = node;
        return ask(host().hooks.disco_info, event);
    }

    IqReply items_of_node(Iq iq, const std::string& node) {
        auto event = std::make_shared<DiscoItemsEvent>(DiscoItemsEvent{std::move(iq), {}});
        event->answer.node = node;
        return ask(host().hooks.disco_items, event);
    }

    template <class Event>
    static IqReply ask(Hook<Event>& hook, const std::shared_ptr<Event>& event) {
        Outcome outcome = hook.run(*event);
        if (outcome.pending()) return ask_later(event, outcome.take_later());
        return answer(*event, std::move(outcome));
    }

    template <class Event>
    static Task<IqReply> ask_later(std::shared_ptr<Event> event, Task<Outcome> waiting) {
        Outcome outcome = co_await waiting;
        co_return answer(*event, std::move(outcome));
    }

    template <class Event>
    static IqReply answer(const Event& event, Outcome outcome) {
        if (outcome.kind() == Outcome::Kind::refuse) return outcome.take_error();
        if (outcome.passed() && !event.answer.node.empty()) return Condition::item_not_found;
        return event.answer.to_xml();
    }

    std::string verification_;
    std::uint64_t verified_ = 0;  // features().changes() then
};

}  // namespace

extern const ModuleSpec disco_module =
    declare<Disco, DiscoOptions>("disco", "Says what the server and its accounts are and can do")
        .also_known_as("mod_caps")
        .implements(30, "2.5.0")
        .implements(115, "1.6.0")
        .implements(128, "1.0.1")
        .implements(157, "1.1.1")
        .option("name", &DiscoOptions::name, "The server's name in its answers")
        .option("extra_domains", &DiscoOptions::extra_domains, "More services to list, by domain", checked(not_domains),
                example("[conference.example.org]"))
        .option("server_info", &DiscoOptions::server_info, "Contact addresses: name, urls, modules", nested(contact_table()));

}  // namespace rookery
