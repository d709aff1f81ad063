// The section `listen`.
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

}  // namespace

OptionTable<ListenerConfig> listener_table() {
    using L = ListenerConfig;
    OptionTable<L> table;
    table.option("module", &L::module, "What answers: ejabberd_c2s serves clients")
        .option("port", &L::port, "TCP port", required(), example("5222"),
                read_with("whole number from 1 to 65535", read_port))
        .option("ip", &L::ip, "Address to listen on; \"::\" is every one, also of IPv4", checked(refuse_address),
                example("127.0.0.1"))
        .option("tls", &L::tls, "TLS from the first byte on (port 5223)")
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
    const OptionTable<ListenerConfig> table = listener_table();
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
        if (module && module->text != "ejabberd_c2s")
            problems.error(module->mark,
                           "unknown listener module '" + module->text + "'; write 'module: ejabberd_c2s'");
        auto listener = table.parse(item, problems);
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
void check_listeners(const ConfigValue& listen, const AccessRules& access, ConfigProblems& problems) {
    const std::vector<OptionInfo> infos = listener_table().list();
    for (const ConfigValue& listener : listen.items) {
        const ConfigValue* module = listener.find("module");
        if (module && ejabberd_listener_hint(module->text)) continue;
        check_access_names(infos, listener, access, problems);
        if (const ConfigValue* shaper = listener.find("shaper")) check_shaper_name(*shaper, access, problems);
    }
}

}  // namespace rookery
