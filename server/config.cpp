#include "server/config.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/log_words.h"
#include "net/address.h"
#include "server/ejabberd_names.h"

namespace rookery {

// auth_scram_hash, in ejabberd's words.
template <>
struct OptionType<std::vector<HashAlgorithm>> {
    static constexpr std::string_view type = "list of hashes";
    static constexpr std::array<std::string_view, 3> names{"sha", "sha256", "sha512"};  // in the order of HashAlgorithm

    static Result<std::vector<HashAlgorithm>> read(std::string_view name, const ConfigValue& value) {
        std::vector<HashAlgorithm> hashes;
        const std::vector<ConfigValue> items = value.is_list() ? value.items : std::vector<ConfigValue>{value};
        for (const ConfigValue& item : items) {
            const Result<std::size_t> index = read_choice(name, item, names);
            if (!index) return index.error();
            const auto hash = static_cast<HashAlgorithm>(*index);
            if (std::find(hashes.begin(), hashes.end(), hash) == hashes.end()) hashes.push_back(hash);
        }
        if (hashes.empty()) return config_mismatch(name, value, "one or more of sha, sha256, sha512", "[sha256, sha]");
        return hashes;
    }
    static std::string show(const std::vector<HashAlgorithm>& hashes) {
        std::vector<std::string> words;
        for (HashAlgorithm hash : hashes) words.emplace_back(names[static_cast<std::size_t>(hash)]);
        return detail::list_text(words);
    }
};

namespace {

constexpr std::size_t max_hosts = 10'000;
constexpr std::size_t max_language_bytes = 35;  // what RFC 5646 4.4.1 wants room for

// What a host may have of its own. The maps are worked into its HostOptions, from the file itself.
struct LocalConfig {
    std::string language = "en";
    std::size_t max_user_sessions = 10;
    Seconds registration_timeout = HostOptions().registration_timeout;
    ConfigValue acl, access_rules, shaper_rules;
    ConfigValue modules;
};

// Maps that stand at the top level and are worked into the hosts.
struct StructuralConfig {
    ConfigValue shaper, host_config, append_host_config;
};

// --- readers of single options ------------------------------------------------------------------------------------

std::string upper_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

template <class T>
std::optional<T> reported(Result<T> read, ConfigProblems& problems) {
    if (read.ok()) return std::move(*read);
    problems.errors.push_back(read.error().message);
    return std::nullopt;
}

std::optional<std::vector<std::string>> read_hosts(std::string_view name, const ConfigValue& value,
                                                   ConfigProblems& problems) {
    const auto names = reported(read_strings(name, value, "[example.org]"), problems);
    if (!names) return std::nullopt;
    std::vector<std::string> hosts;
    for (const std::string& text : *names) {
        const auto jid = Jid::parse(text);
        if (!jid || !jid->is_domain())
            problems.error(value.mark, "'" + text + "' is no domain name; write for example 'hosts: [example.org]'");
        else if (std::find(hosts.begin(), hosts.end(), jid->str()) != hosts.end())
            problems.error(value.mark, "the host '" + jid->str() + "' is listed twice; remove one");
        else
            hosts.push_back(jid->str());
    }
    if (names->empty()) problems.error(value.mark, "'hosts' is empty; write for example 'hosts: [example.org]'");
    if (hosts.size() > max_hosts)
        problems.error(value.mark, "more than " + std::to_string(max_hosts) + " hosts; spread them over several servers");
    return hosts;
}

std::optional<std::vector<std::string>> read_mechanisms(std::string_view name, const ConfigValue& value,
                                                        ConfigProblems& problems) {
    auto names = reported(read_strings(name, value, "[PLAIN]"), problems);
    if (names) std::transform(names->begin(), names->end(), names->begin(), upper_case);
    return names;
}

std::optional<std::vector<std::string>> read_auth_method(std::string_view name, const ConfigValue& value,
                                                         ConfigProblems& problems) {
    auto methods = reported(read_strings(name, value, "internal"), problems);
    constexpr std::array<std::string_view, 3> own{"internal", "mnesia", "sql"};
    for (const std::string& method : methods.value_or(std::vector<std::string>()))
        if (std::find(own.begin(), own.end(), method) == own.end())
            problems.error(value.mark, "auth_method '" + method +
                                           "' is not provided; only the server's own accounts "
                                           "can log in: write 'auth_method: internal'");
    return methods;
}

const std::vector<std::pair<std::string, LogLevel>> loglevels(log_level_words.begin(), log_level_words.end());

std::optional<std::uint16_t> read_port(std::string_view name, const ConfigValue& value, ConfigProblems& problems) {
    if (value.is_scalar() && value.text.starts_with("unix:")) {
        problems.error(value.mark, "listening on a Unix socket is not provided; write a port number");
        return std::nullopt;
    }
    const Result<std::int64_t> port = read_integer(name, value, IntegerRange{1, 65'535});
    if (port.ok()) return static_cast<std::uint16_t>(*port);
    problems.errors.push_back(config_mismatch(name, value, "a whole number from 1 to 65535", "5222").message);
    return std::nullopt;
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
    return IpAddress::parse(text)
               ? std::nullopt
               : std::optional<std::string>("must be an IP address, not '" + text + "'");
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_letter_or_digit(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

// RFC 5646 2.1, as far as the form goes: a language of two letters or more, then parts of letters and digits.
bool is_language_tag(std::string_view tag) {
    constexpr std::size_t longest_part = 8;
    bool language = true;
    for (std::string_view rest = tag; language || !rest.empty(); language = false) {
        if (!language) rest.remove_prefix(1);  // the hyphen
        const std::string_view part = rest.substr(0, rest.find('-'));
        const bool right = std::all_of(part.begin(), part.end(), language ? is_letter : is_letter_or_digit);
        if (!right || part.size() < (language ? 2 : 1) || part.size() > longest_part) return false;
        rest.remove_prefix(part.size());
    }
    return tag.size() <= max_language_bytes;
}

std::optional<std::string> refuse_language(const std::string& text) {
    if (is_language_tag(text)) return std::nullopt;
    return "must be a language tag like de or pt-BR (BCP 47), not '" + text + "'";
}

std::optional<std::string> refuse_proxies(const ListenerConfig& listener) {
    if (!listener.use_proxy_protocol || !listener.trusted_proxies.empty()) return std::nullopt;
    return "'use_proxy_protocol' needs 'trusted_proxies': whose word counts for the client's address; write for "
           "example "
           "'trusted_proxies: [10.0.0.5]'";
}

// --- the tables ---------------------------------------------------------------------------------------------------

OptionTable<ListenerConfig> listener_table() {
    using L = ListenerConfig;
    OptionTable<L> table;
    table.option("module", &L::module, "What answers: ejabberd_c2s serves clients")
        .option("port", &L::port, "TCP port", required(), example("5222"), read_with("whole number from 1 to 65535", read_port))
        .option("ip", &L::ip, "Address to listen on; \"::\" is every one, also of IPv4", checked(refuse_address), example("127.0.0.1"))
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
        if (!taken.emplace(listener->ip, listener->port).second)
            problems.error(item.mark, "two listeners on port " + std::to_string(listener->port) + " of " + listener->ip +
                                          "; remove one, or give it another port");
        listeners.push_back(std::move(*listener));
    }
    return listeners;
}

// Shown in the manual as the listener's own table.
struct ListenerModifier {
    void apply(detail::OptionRules<std::vector<ListenerConfig>>& rules) const {
        rules.nested = listener_table().list();
        rules.type = "list of maps";
        rules.reader = read_listeners;
    }
};

OptionTable<GlobalConfig> global_table() {
    using G = GlobalConfig;
    OptionTable<G> table;
    table
        .option("hosts", &G::hosts, "The domains served; the first is the default one", required(), example("[example.org]"),
                read_with("list of domains", read_hosts))
        .option("loglevel", &G::loglevel, "How much is logged", one_of(loglevels))
        .option("log_file", &G::log_file, "Where the log goes; nothing: standard error", needs_restart(),
                example("/var/log/rookery.log"))
        .option("durability", &G::durability,
                "full: what is acknowledged survives power loss; process: only the death of the program",
                one_of<Durability>({{"full", Durability::full}, {"process", Durability::process}}), needs_restart())
        .option("shards", &G::shards, "Threads that serve connections; 0: one for each processor core", at_most(256),
                needs_restart())
        .option("work_threads", &G::work_threads, "Threads for password checks; 0: half as many as cores", at_most(256),
                needs_restart())
        .option("certfiles", &G::certfiles, "PEM files with certificate chains and keys; * and ? are understood",
                example("[/etc/rookery/example.org.pem]"))
        .option("listen", &G::listen, "Where connections are taken", ListenerModifier())
        .option("auth_method", &G::auth_method, "Where accounts are: internal is the server's own database",
                read_with("list of texts", read_auth_method))
        .option("auth_password_format", &G::auth_password_format, "Passwords are never kept, only SCRAM keys",
                one_of({"scram"}))
        .option("auth_scram_hash", &G::auth_scram_hash,
                "Hashes that new passwords are kept for: sha, sha256, sha512; login is offered by these")
        .option("auth_scram_iterations", &G::auth_scram_iterations,
                "PBKDF2 rounds of new passwords: what guessing costs a thief of the database",
                between(4'096, 10'000'000))
        .option("disable_sasl_mechanisms", &G::disable_sasl_mechanisms, "Login mechanisms that are not offered",
                read_with("list of texts", read_mechanisms))
        .option("disable_sasl_scram_downgrade_protection", &G::disable_sasl_scram_downgrade_protection,
                "For clients that stumble over XEP-0474 (strophe.js 1.6.2)")
        .option("negotiation_timeout", &G::negotiation_timeout, "From connecting to having logged in",
                between(Seconds(1), Seconds(3'600)))
        .option("resource_conflict", &G::resource_conflict, "Who gives way when a resource is bound twice",
                one_of<ResourceConflict>({{"closeold", ResourceConflict::closeold},
                                          {"closenew", ResourceConflict::closenew},
                                          {"setresource", ResourceConflict::setresource}}))
        .option("pre_auth_max_connections_per_ip", &G::pre_auth_max_connections_per_ip,
                "Connections of one address (IPv6: of one /64) that have not logged in", between(1u, 1'000'000u),
                needs_restart());
    return table;
}

OptionTable<LocalConfig> local_table() {
    using L = LocalConfig;
    OptionTable<L> table;
    table.option("language", &L::language, "Language of texts for clients that name none", checked(refuse_language))
        .option("max_user_sessions", &L::max_user_sessions,
                "Sessions one account may have at once; shaper_rules may say otherwise for some", between(1, 1'000))
        .option("registration_timeout", &L::registration_timeout,
                "Time between two accounts that are registered in-band from one address; infinity: no limit", or_infinity())
        .option("acl", &L::acl, "Named sets of addresses: {admin: {user: [bob@example.org]}}")
        .option("access_rules", &L::access_rules, "Named decisions: {c2s: {deny: blocked, allow: all}}")
        .option("shaper_rules", &L::shaper_rules,
                "Named choices of a shaper or number: {c2s_shaper: {none: admin, normal: all}}")
        .option("modules", &L::modules,
                "What the server can do, each with its options; not given: what is on by default");
    return table;
}

OptionTable<StructuralConfig> structural_table() {
    using S = StructuralConfig;
    OptionTable<S> table;
    table
        .option("shaper", &S::shaper,
                "Named rates in bytes per second: {normal: {rate: 3000, burst_size: 20000}, fast: 50000}")
        .option("host_config", &S::host_config,
                "Options of one host instead of those above: {example.org: {language: de}}")
        .option("append_host_config", &S::append_host_config, "Options of one host in addition to those above");
    return table;
}

bool has_option(const std::vector<OptionInfo>& infos, std::string_view name) {
    return std::any_of(infos.begin(), infos.end(), [&](const OptionInfo& info) {
        return info.name == name || std::find(info.aliases.begin(), info.aliases.end(), name) != info.aliases.end();
    });
}

// --- from the file to hosts ---------------------------------------------------------------------------------------

// Adds to what is there: lists grow, maps gain keys, anything else is replaced.
void append(ConfigValue& into, const ConfigValue& from) {
    if (into.is_list() && from.is_list()) {
        into.items.insert(into.items.end(), from.items.begin(), from.items.end());
    } else if (into.is_map() && from.is_map()) {
        for (const ConfigValue::Entry& entry : from.entries) {
            const auto mine = std::find_if(into.entries.begin(), into.entries.end(),
                                           [&](const auto& e) { return e.key == entry.key; });
            if (mine == into.entries.end())
                into.entries.push_back(entry);
            else
                append(mine->value, entry.value);
        }
    } else if (!from.is_null()) {
        into = from;
    }
}

// Named rules of the host stand beside those for all; a rule of the same name replaces.
void override_names(ConfigValue& into, const ConfigValue& from) {
    for (const ConfigValue::Entry& entry : from.entries) {
        std::erase_if(into.entries, [&](const auto& mine) { return mine.key == entry.key; });
        into.entries.push_back(entry);
    }
}

class Loader {
public:
    Loader(std::span<const ModuleSpec* const> modules, ConfigProblems& problems)
        : modules_(modules), problems_(problems) {}

    Config load(const ConfigValue& file) {
        ConfigValue global = ConfigValue::map({}, file.mark), local = global, structural = global;
        split(file, global, local, structural);
        Config config;
        config.global = global_.parse(global, problems_).value_or(GlobalConfig());
        const StructuralConfig maps = structural_.parse(structural, problems_).value_or(StructuralConfig());
        const std::vector<std::string> hosts = hosts_to_check(file);
        check_host_names(maps, hosts);
        for (const std::string& host : hosts) config.hosts.push_back(make_host(host, local, maps, hosts));
        for (const ConfigValue::Entry& entry : file.entries)
            config.fingerprints[entry.key] = config_fingerprint(entry.value);
        if (const ConfigValue* files = file.find("certfiles")) config.certfile_marks = marks_of(*files);
        const ConfigValue* listen = file.find("listen");
        if (listen) check_listeners(*listen, config.access());
        return config;
    }

private:
    // Of a text, or of each in a list of texts.
    static std::vector<Mark> marks_of(const ConfigValue& texts) {
        if (texts.is_scalar()) return {texts.mark};
        std::vector<Mark> marks;
        for (const ConfigValue& item : texts.items) marks.push_back(item.mark);
        return marks;
    }

    void split(const ConfigValue& file, ConfigValue& global, ConfigValue& local, ConfigValue& structural) {
        for (const ConfigValue::Entry& entry : file.entries) {
            if (has_option(global_.list(), entry.key))
                global.entries.push_back(entry);
            else if (has_option(local_.list(), entry.key))
                local.entries.push_back(entry);
            else if (has_option(structural_.list(), entry.key))
                structural.entries.push_back(entry);
            else
                report_unknown(entry);
        }
    }

    void report_unknown(const ConfigValue::Entry& entry) {
        if (const auto hint = ejabberd_option_hint(entry.key)) {
            problems_.warning(entry.mark, "'" + entry.key + "' does nothing here: " + std::string(*hint));
            return;
        }
        std::vector<std::string_view> names;
        for (const auto* infos : {&global_.list(), &local_.list(), &structural_.list()})
            for (const OptionInfo& info : *infos) names.push_back(info.name);
        const auto near = nearest(entry.key, names);
        problems_.unknown(entry.mark, "unknown option '" + entry.key + "'; " +
                                          (near ? "did you mean '" + std::string(*near) + "'?"
                                                : "remove it, or look the name up in the manual"));
    }

    // Also when something else is wrong: the hosts' options are judged in the same run.
    static std::vector<std::string> hosts_to_check(const ConfigValue& file) {
        ConfigProblems told_already;
        const ConfigValue* given = file.find("hosts");
        auto hosts = given ? read_hosts("hosts", *given, told_already) : std::nullopt;
        return hosts && !hosts->empty() ? *hosts : std::vector<std::string>{"localhost"};
    }

    void check_host_names(const StructuralConfig& maps, const std::vector<std::string>& hosts) {
        const std::vector<std::string_view> names(hosts.begin(), hosts.end());
        for (const auto& [name, map] : {std::pair{"host_config", &maps.host_config}, {"append_host_config", &maps.append_host_config}}) {
            if (!map->is_map() && !map->is_null())
                problems_.errors.push_back(
                    config_mismatch(name, *map, "a map of hosts to their options", "{example.org: {language: de}}").message);
            for (const ConfigValue::Entry& entry : map->entries) {
                if (std::find(hosts.begin(), hosts.end(), normal_host(entry.key)) != hosts.end()) continue;
                const auto near = nearest(entry.key, names);
                problems_.error(entry.mark, "'" + entry.key + "' is not among the hosts" +
                                                (near ? "; did you mean '" + std::string(*near) + "'?" : "; add it under hosts"));
            }
        }
    }

    static std::string normal_host(const std::string& text) {
        const auto jid = Jid::parse(text);
        return jid ? jid->str() : text;
    }

    static const ConfigValue* of_host(const ConfigValue& map, const std::string& host) {
        for (const ConfigValue::Entry& entry : map.entries)
            if (normal_host(entry.key) == host) return &entry.value;
        return nullptr;
    }

    std::shared_ptr<const HostOptions> make_host(const std::string& host, ConfigValue local,
                                                 const StructuralConfig& maps, const std::vector<std::string>& hosts) {
        if (const ConfigValue* own = of_host(maps.host_config, host)) add_own(host, local, *own, false);
        if (const ConfigValue* more = of_host(maps.append_host_config, host)) add_own(host, local, *more, true);
        replace_host(local, host);
        const LocalConfig parsed = local_.parse(local, problems_).value_or(LocalConfig());
        auto options = std::make_shared<HostOptions>();
        options->domain = host;
        options->language = parsed.language;
        options->max_user_sessions = parsed.max_user_sessions;
        options->registration_timeout = parsed.registration_timeout;
        const AccessRules::Source source{given(local, "acl"), given(local, "access_rules"), maps.shaper,
                                         given(local, "shaper_rules"), hosts};
        auto access = std::make_shared<const AccessRules>(AccessRules::parse(source, problems_));
        options->modules = load_modules(given(local, "modules"), *access);
        options->access = std::move(access);
        return options;
    }

    static ConfigValue given(const ConfigValue& map, std::string_view name) {
        const ConfigValue* value = map.find(name);
        return value ? *value : ConfigValue();
    }

    void add_own(const std::string& host, ConfigValue& local, const ConfigValue& own, bool appended) {
        if (!own.is_map() && !own.is_null())
            problems_.errors.push_back(config_mismatch(host, own, "a map of options", "{language: de}").message);
        for (const ConfigValue::Entry& entry : own.entries) {
            const auto mine = std::find_if(local.entries.begin(), local.entries.end(),
                                           [&](const auto& e) { return e.key == entry.key; });
            const bool rules = entry.key == "acl" || entry.key == "access_rules" || entry.key == "shaper_rules";
            if (!has_option(local_.list(), entry.key))
                report_not_local(entry);
            else if (mine == local.entries.end())
                local.entries.push_back(entry);
            else if (appended)
                append(mine->value, entry.value);
            else if (rules)
                override_names(mine->value, entry.value);
            else
                mine->value = entry.value;
        }
    }

    void report_not_local(const ConfigValue::Entry& entry) {
        if (has_option(global_.list(), entry.key) || has_option(structural_.list(), entry.key))
            problems_.error(entry.mark, "'" + entry.key + "' holds for the whole server; move it to the top level");
        else
            report_unknown(entry);
    }

    // --- modules

    const ModuleSpec* find_module(std::string_view name) const {
        for (const ModuleSpec* spec : modules_)
            if (spec->name == name ||
                std::find(spec->aliases.begin(), spec->aliases.end(), name) != spec->aliases.end())
                return spec;
        return nullptr;
    }

    std::vector<HostOptions::ModuleOptions> load_modules(const ConfigValue& wanted, const AccessRules& access) {
        std::vector<HostOptions::ModuleOptions> loaded;
        if (wanted.is_null()) {
            for (const ModuleSpec* spec : modules_)
                if (spec->default_on) load_module(*spec, ConfigValue::map({}, wanted.mark), access, loaded);
        } else if (!wanted.is_map()) {
            problems_.errors.push_back(
                config_mismatch("modules", wanted, "a map of modules to their options", "{ping: {}}").message);
        }
        for (const ConfigValue::Entry& entry : wanted.entries) {
            const ModuleSpec* spec = find_module(entry.key);
            if (!spec)
                report_module(entry);
            else if (is_loaded(loaded, *spec))
                problems_.error(entry.mark, "the module '" + spec->name + "' is listed twice: '" +
                                                first_name_of(wanted, *spec) + "' and '" + entry.key + "'");
            else
                load_module(*spec, entry.value, access, loaded);
        }
        add_needed(access, loaded);
        return loaded;
    }

    const std::string& first_name_of(const ConfigValue& modules, const ModuleSpec& spec) const {
        const auto names_it = [&](const ConfigValue::Entry& entry) { return find_module(entry.key) == &spec; };
        return std::find_if(modules.entries.begin(), modules.entries.end(), names_it)->key;
    }

    static bool is_loaded(const std::vector<HostOptions::ModuleOptions>& loaded, const ModuleSpec& spec) {
        return std::any_of(loaded.begin(), loaded.end(), [&](const auto& each) { return each.spec == &spec; });
    }

    void load_module(const ModuleSpec& spec, ConfigValue options, const AccessRules& access,
                     std::vector<HostOptions::ModuleOptions>& loaded) {
        if (!options.is_map() && !options.is_null()) {
            problems_.errors.push_back(config_mismatch(spec.name, options, "a map of options", "{}").message);
            return;
        }
        drop_common_options(spec, options);
        check_access_names(spec.options, options, access);
        if (auto parsed = spec.parse(options, problems_))
            loaded.push_back({&spec, std::move(parsed), config_fingerprint(options)});
    }

    void add_needed(const AccessRules& access, std::vector<HostOptions::ModuleOptions>& loaded) {
        for (std::size_t i = 0; i < loaded.size(); ++i)
            for (const std::string& name : loaded[i].spec->needs) {
                const ModuleSpec* spec = find_module(name);
                if (spec && !is_loaded(loaded, *spec)) load_module(*spec, ConfigValue::map({}), access, loaded);
            }
    }

    void report_module(const ConfigValue::Entry& entry) {
        if (const auto hint = ejabberd_module_hint(entry.key)) {
            problems_.warning(entry.mark, "the module '" + entry.key + "' is left out: " + std::string(*hint));
            return;
        }
        std::vector<std::string_view> names;
        for (const ModuleSpec* spec : modules_) {
            names.push_back(spec->name);
            names.insert(names.end(), spec->aliases.begin(), spec->aliases.end());
        }
        const auto near = nearest(entry.key, names);
        problems_.unknown(entry.mark, "unknown module '" + entry.key + "'" +
                                          (near ? "; did you mean '" + std::string(*near) + "'?"
                                                : "; remove it, or look the name up in the manual"));
    }

    void drop_common_options(const ModuleSpec& spec, ConfigValue& options) {
        std::erase_if(options.entries, [&](const ConfigValue::Entry& entry) {
            const auto hint = ejabberd_common_module_option_hint(entry.key);
            if (!hint || has_option(spec.options, entry.key)) return false;
            problems_.warning(entry.mark, "'" + entry.key + "' does nothing here: " + std::string(*hint));
            return true;
        });
    }

    void check_access_names(const std::vector<OptionInfo>& infos, const ConfigValue& options,
                            const AccessRules& access) {
        for (const ConfigValue::Entry& entry : options.entries) {
            const auto found = std::find_if(infos.begin(), infos.end(), [&](const OptionInfo& info) {
                return info.name == entry.key ||
                       std::find(info.aliases.begin(), info.aliases.end(), entry.key) != info.aliases.end();
            });
            if (found == infos.end() || found->type != OptionType<AccessRule>::type) continue;
            if (entry.value.is_scalar())
                check_access_name(entry.value.text, entry.value.mark, access);
            else
                access.check_in_place(entry.value, problems_);
        }
    }

    void check_access_name(const std::string& name, const Mark& mark, const AccessRules& access) {
        if (access.has_access_rule(name) || name == "allow" || name == "deny") return;
        const auto near = nearest(name, access.access_rule_names());
        problems_.error(mark, "there is no access rule '" + name + "'" +
                                  (near ? "; did you mean '" + std::string(*near) + "'?"
                                        : "; add it under access_rules, or write all or none"));
    }

    // --- what listeners name

    void check_listeners(const ConfigValue& listen, const AccessRules& access) {
        const std::vector<OptionInfo> infos = listener_table().list();
        for (const ConfigValue& listener : listen.items) {
            const ConfigValue* module = listener.find("module");
            if (module && ejabberd_listener_hint(module->text)) continue;
            check_access_names(infos, listener, access);
            const ConfigValue* shaper = listener.find("shaper");
            if (!shaper || !shaper->is_scalar() || access.has_shaper(shaper->text)) continue;
            const auto near = nearest(shaper->text, access.shaper_names());
            problems_.error(shaper->mark, "there is no shaper '" + shaper->text + "'" +
                                              (near ? "; did you mean '" + std::string(*near) + "'?"
                                                    : "; add it under shaper or shaper_rules, or write none"));
        }
    }

    std::span<const ModuleSpec* const> modules_;
    ConfigProblems& problems_;
    const OptionTable<GlobalConfig> global_ = global_table();
    const OptionTable<LocalConfig> local_ = local_table();
    const OptionTable<StructuralConfig> structural_ = structural_table();
};

// The same piece is read once for each host: its fault is told once.
void drop_repeated(std::vector<std::string>& messages) {
    std::set<std::string> seen;
    std::erase_if(messages, [&](const std::string& message) { return !seen.insert(message).second; });
}

// --- the reference ------------------------------------------------------------------------------------------------

std::string describe(const OptionInfo& info) {
    std::string about = info.type == "one of" ? "" : info.type;
    if (!info.range.empty()) about += (about.empty() ? "" : ", ") + info.range;
    if (info.required) about += ", required";
    if (info.restart) about += ", a change needs a restart";
    for (const std::string& alias : info.aliases) about += ", also " + alias;
    return info.doc + (about.empty() ? "" : " (" + about + ")");
}

void write_options(const std::vector<OptionInfo>& infos, std::string_view indent, std::string& out) {
    for (const OptionInfo& info : infos) {
        out += "# " + std::string(indent) + "# " + describe(info) + "\n";
        out += "# " + std::string(indent) + info.name + ":" +
               (info.default_text.empty() ? "" : " " + info.default_text) + "\n";
        if (info.type == "list of maps") out += "# " + std::string(indent) + "  -\n";
        write_options(info.nested, std::string(indent) + "    ", out);
    }
}

void write_module(const ModuleSpec& spec, std::string& out) {
    out += "#\n#   # " + spec.summary;
    for (const Xep& xep : spec.xeps) {
        std::string number = std::to_string(xep.number);
        number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
        out += " (XEP-" + number + " " + xep.version + ")";
    }
    out += spec.default_on ? "\n" : "; off by default\n";
    out += "#   " + spec.name + ":" + (spec.options.empty() ? " {}" : "") + "\n";
    write_options(spec.options, "    ", out);
}

}  // namespace

std::optional<Config> load_config(const std::string& path, std::span<const ModuleSpec* const> modules,
                                  const ConfigWorld& world, ConfigProblems& problems) {
    const std::size_t errors_before = problems.errors.size();
    const std::optional<ConfigValue> file = load_config_file(path, world, problems);
    if (!file) return std::nullopt;
    Config config = Loader(modules, problems).load(*file);
    drop_repeated(problems.errors);
    drop_repeated(problems.warnings);
    if (problems.errors.size() != errors_before) return std::nullopt;
    return config;
}

std::vector<ConfigChange> config_changes(const Config& before, const Config& after) {
    std::set<std::string> restart;
    for (const OptionInfo& info : global_table().list())
        if (info.restart) restart.insert(info.name);
    std::set<std::string> names;
    for (const Config* config : {&before, &after})
        for (const auto& [name, print] : config->fingerprints) names.insert(name);
    std::vector<ConfigChange> changes;
    const auto print_of = [](const Config& config, const std::string& name) {
        const auto found = config.fingerprints.find(name);
        return found == config.fingerprints.end() ? std::string() : found->second;
    };
    for (const std::string& name : names)
        if (print_of(before, name) != print_of(after, name)) changes.push_back({name, restart.contains(name)});
    return changes;
}

std::string config_reference(std::span<const ModuleSpec* const> modules) {
    std::string out =
        "# Every option there is, with its default. Made by `rookery generate`: do not edit,\n"
        "# copy what you need into your own file and remove the first '# '.\n#\n";
    write_options(global_table().list(), "", out);
    write_options(structural_table().list(), "", out);
    write_options(local_table().list(), "", out);
    for (const ModuleSpec* spec : modules) write_module(*spec, out);
    return out;
}

}  // namespace rookery
