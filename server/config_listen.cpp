// The section `listen`.
#include <algorithm>
#include <set>

#include "net/address.h"
#include "server/config_sections.h"
#include "server/ejabberd_names.h"

namespace rookery {
namespace {

std::optional<std::uint16_t> read_port(std::string_view name, const ConfigValue& value, ConfigProblems& problems) {
    if (value.is_scalar() && value.text.starts_with("unix:")) {
        problems.error(value.mark, "listening on a Unix socket is not provided; write a port number");
        return std::nullopt;
    }
    const auto port = reported(read_integer(name, value, IntegerRange{1, 65'535}, "5222"), problems);
    if (!port) return std::nullopt;
    return static_cast<std::uint16_t>(*port);
}

std::optional<std::vector<std::string>> read_networks(std::string_view name, const ConfigValue& value,
                                                      ConfigProblems& problems) {
    const auto texts = reported(read_strings(name, value, "[127.0.0.1, 10.0.0.0/8]"), problems);
    if (!texts) return std::nullopt;
    if (*texts == std::vector<std::string>{"all"}) return std::vector<std::string>{"0.0.0.0/0", "::/0"};
    for (const std::string& text : *texts)
        if (!IpRange::parse(text))
            problems.error(
                value.mark,
                "'" + text + "' is no network; write for example 'trusted_proxies: [127.0.0.1, 10.0.0.0/8]'");
    return texts;
}

std::optional<std::string> refuse_address(const std::string& text) {
    return IpAddress::parse(text) ? std::nullopt
                                  : std::optional<std::string>("must be an IP address, not '" + text + "'");
}

std::optional<std::string> refuse_proxies(const ListenerConfig& listener) {
    if (!listener.use_proxy_protocol || !listener.trusted_proxies.empty()) return std::nullopt;
    return "'use_proxy_protocol' needs 'trusted_proxies': whose word counts for the client's address; write for "
           "example 'trusted_proxies: [10.0.0.5]'";
}

std::optional<std::string> refuse_empty(const std::string& secret) {
    return secret.empty() ? std::optional<std::string>("must not be empty") : std::nullopt;
}

struct ComponentSecret {
    std::string password;
};

OptionTable<ComponentSecret> component_table() {
    OptionTable<ComponentSecret> table;
    table.option("password", &ComponentSecret::password, "The secret that it proves to know", required(),
                 checked(refuse_empty), example("a long random text"));
    return table;
}

// `push.example.org: {password: "..."}`
std::optional<std::vector<ComponentConfig>> read_components(std::string_view name, const ConfigValue& value,
                                                            ConfigProblems& problems) {
    if (!value.is_map()) {
        problems.errors.push_back(
            config_mismatch(name, value, "a map of domains", "{push.example.org: {password: \"...\"}}").message);
        return std::nullopt;
    }
    const OptionTable<ComponentSecret> table = component_table();
    std::vector<ComponentConfig> components;
    for (const ConfigValue::Entry& entry : value.entries) {
        const std::optional<Jid> domain = Jid::parse(entry.key);
        if (!domain || !domain->is_domain())
            problems.error(entry.mark, "'" + entry.key + "' is no domain name; write for example 'push.example.org'");
        auto secret = table.parse(entry.value, problems);
        if (domain && secret) components.push_back(ComponentConfig{domain->to_string(), std::move(secret->password)});
    }
    return components;
}

std::optional<std::string> refuse_nobody(const ListenerConfig& listener) {
    if (!listener.components.empty() || !listener.password.empty()) return std::nullopt;
    return "a listener for components needs 'hosts'; write for example 'hosts: {push.example.org: {password: \"...\"}}'";
}

void check_components(const ConfigValue& components, const std::vector<std::string>& hosts, ConfigProblems& problems) {
    for (const ConfigValue::Entry& entry : components.entries) {
        const std::optional<Jid> domain = Jid::parse(entry.key);
        if (domain && std::ranges::find(hosts, domain->str()) != hosts.end())
            problems.error(entry.mark, "'" + entry.key + "' is one of the server's own hosts; a component needs a domain of its own");
    }
}

// What every kind of listener has.
OptionTable<ListenerConfig> common_table(const char* example_port) {
    using L = ListenerConfig;
    OptionTable<L> table;
    table.option("module", &L::module, "What answers: ejabberd_c2s serves clients, ejabberd_service components")
        .option("port", &L::port, "TCP port", required(), example(example_port),
                read_with("whole number from 1 to 65535", read_port))
        .option("ip", &L::ip, "Address to listen on; \"::\" is every one, also of IPv4", checked(refuse_address),
                example("127.0.0.1"));
    return table;
}

}  // namespace

// Components are trusted, and their words are in the clear unless `tls` is on.
OptionTable<ListenerConfig> component_listener_table() {
    using L = ListenerConfig;
    OptionTable<L> table = common_table("5347");
    table.option("hosts", &L::components, "The components' domains, each with its password: {password: ...}",
                 read_with("map of domains", read_components))
        .option("password", &L::password, "Of components that are not listed; without it there are none",
                checked(refuse_empty), example("a long random text"))
        .option("access", &L::access, "Access rule: which domains may connect, from where")
        .option("shaper", &L::shaper, "Shaper or shaper rule for what components send", alias("shaper_rule"))
        .option("tls", &L::tls, "TLS from the first byte on")
        .option("max_stanza_size", &L::max_stanza_size, "Largest stanza of a component", between(10'000_B, 16_MB))
        .option("max_stanza_elements", &L::max_stanza_elements, "Most elements in one stanza", between(100, 1'000'000))
        .option("send_timeout", &L::send_timeout, "A component that takes nothing for so long is disconnected",
                between(Seconds(1), Seconds(3'600)))
        .option("backlog", &L::backlog, "Connections that may wait to be accepted", between(1, 65'535))
        .ignored("accept_interval", "connections are accepted as they come")
        .ignored("cafile", "component certificates are not provided")
        .ignored("certfile", "list the file under certfiles")
        .ignored("check_from", "a component speaks for its own domain only")
        .ignored("ciphers", "TLS 1.2 and newer with safe ciphers only; nothing to set")
        .ignored("dhfile", "TLS 1.2 and newer with safe ciphers only; nothing to set")
        .ignored("global_routes", "a connection serves the one domain that it names")
        .ignored("max_fsm_queue", "every queue is bounded by the server itself")
        .ignored("protocol_options", "TLS 1.2 and newer with safe ciphers only; nothing to set")
        .ignored("service_check_from", "a component speaks for its own domain only")
        .ignored("supervisor", "there is no such thing here")
        .ignored("tls_compression", "TLS compression is unsafe and never used")
        .ignored("tls_verify", "component certificates are not provided")
        .ignored("transport", "components connect by TCP")
        .together(refuse_nobody);
    return table;
}

OptionTable<ListenerConfig> listener_table() {
    using L = ListenerConfig;
    OptionTable<L> table = common_table("5222");
    table.option("tls", &L::tls, "TLS from the first byte on (port 5223)")
        .option("starttls", &L::starttls, "Offer STARTTLS; on unless tls is")
        .option("starttls_required", &L::starttls_required, "Nobody logs in without TLS; on unless starttls is off")
        .option("access", &L::access, "Access rule: who may log in here")
        .option("shaper", &L::shaper, "Shaper or shaper rule for what clients send")
        .option("max_stanza_size", &L::max_stanza_size, "Largest stanza of a client that has logged in",
                between(10'000_B, 16_MB))
        .option("max_stanza_elements", &L::max_stanza_elements, "Most elements in one stanza", between(100, 1'000'000))
        .option("pre_auth_max_stanza_size", &L::pre_auth_max_stanza_size, "Largest element before login",
                between(4_KB, 256_KB))
        .option("pre_auth_max_stanza_elements", &L::pre_auth_max_stanza_elements, "Most elements in one before login",
                between(8, 1'000))
        .option("send_timeout", &L::send_timeout, "A client that takes nothing for so long is disconnected",
                between(Seconds(1), Seconds(3'600)))
        .option("max_connection_rate_per_network", &L::max_connection_rate_per_network,
                "Connections a second of one network (IPv4: /24, IPv6: /56), ten seconds' worth at once; 0: any number",
                between(0u, 1'000'000u), example("20"))
        .option("backlog", &L::backlog, "Connections that may wait to be accepted", between(1, 65'535))
        .option("use_proxy_protocol", &L::use_proxy_protocol,
                "Behind a proxy that sends the PROXY protocol, version 1 or 2")
        .option("trusted_proxies", &L::trusted_proxies, "Networks of those proxies; others are disconnected",
                read_with("list of networks, or all", read_networks))
        .ignored("accept_interval", "connections are accepted as they come")
        .ignored("allow_unencrypted_sasl2", "login needs TLS where starttls_required is on")
        .ignored("cafile", "client certificates are not provided")
        .ignored("certfile", "list the file under certfiles")
        .ignored("ciphers", "TLS 1.2 and newer with safe ciphers only; nothing to set")
        .ignored("dhfile", "TLS 1.2 and newer with safe ciphers only; nothing to set")
        .ignored("max_fsm_queue", "every queue is bounded by the server itself")
        .ignored("protocol_options", "TLS 1.2 and newer with safe ciphers only; nothing to set")
        .ignored("supervisor", "there is no such thing here")
        .ignored("tls_compression", "TLS compression is unsafe and never used")
        .ignored("tls_verify", "client certificates are not provided")
        .ignored("transport", "clients connect by TCP")
        .ignored("zlib", "compression together with encryption is unsafe and never used")
        .together(refuse_proxies);
    return table;
}

std::optional<std::vector<ListenerConfig>> read_listeners(std::string_view name, const ConfigValue& value,
                                                          ConfigProblems& problems) {
    const OptionTable<ListenerConfig> for_clients = listener_table();
    const OptionTable<ListenerConfig> for_components = component_listener_table();
    std::vector<ListenerConfig> listeners;
    std::set<std::pair<std::string, int>> taken;
    if (!value.is_list())
        problems.errors.push_back(config_mismatch(name, value, "a list of listeners", "[{port: 5222}]").message);
    for (const ConfigValue& item : value.items) {
        const ConfigValue* module = item.find("module");
        const auto hint = module ? ejabberd_listener_hint(module->text) : std::nullopt;
        if (hint) {
            problems.warning(module->mark, "the listener '" + module->text + "' is left out: " + std::string(*hint));
            continue;
        }
        const bool components = module && module->text == "ejabberd_service";
        if (module && !components && module->text != "ejabberd_c2s")
            problems.error(module->mark, "unknown listener module '" + module->text +
                                             "'; write 'module: ejabberd_c2s' or 'module: ejabberd_service'");
        auto listener = (components ? for_components : for_clients).parse(item, problems);
        if (!listener) continue;
        const std::optional<IpAddress> ip = IpAddress::parse(listener->ip);  // one address may be written in many ways
        if (ip && !taken.emplace(ip->to_string(), listener->port).second)
            problems.error(item.mark, "two listeners on port " + std::to_string(listener->port) + " of " +
                                          listener->ip + "; remove one, or give it another port");
        listeners.push_back(std::move(*listener));
    }
    return listeners;
}

// Those of ejabberd's that we lack were left out.
void check_listeners(const ConfigValue& listen, const std::vector<std::string>& hosts, const AccessRules& access,
                     ConfigProblems& problems) {
    const std::vector<OptionInfo> infos = listener_table().list();
    for (const ConfigValue& listener : listen.items) {
        const ConfigValue* module = listener.find("module");
        if (module && ejabberd_listener_hint(module->text)) continue;
        check_access_names(infos, listener, access, problems);
        for (const char* name : {"shaper", "shaper_rule"})
            if (const ConfigValue* shaper = listener.find(name)) check_shaper_name(*shaper, access, problems);
        if (const ConfigValue* components = listener.find("hosts")) check_components(*components, hosts, problems);
    }
}

}  // namespace rookery
