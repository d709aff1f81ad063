// Options of the server as a whole.
#include <algorithm>
#include <array>

#include "base/log_words.h"
#include "server/config_sections.h"
#include "xmpp/sasl/mechanism.h"

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
            const Result<std::size_t> index = read_choice(name, item, names, "sha256");
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

std::string upper_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

// Ours, and those that ejabberd has besides, which its configurations turn off.
std::vector<std::string> known_mechanisms() {
    ChannelBindings any;
    any.tls_exporter = "any";
    std::vector<std::string> names = available_sasl_mechanisms(any);
    for (const char* foreign : {"ANONYMOUS", "DIGEST-MD5", "EXTERNAL", "X-OAUTH2"}) names.emplace_back(foreign);
    return names;
}

std::optional<std::vector<std::string>> read_mechanisms(std::string_view name, const ConfigValue& value,
                                                        ConfigProblems& problems) {
    auto names = reported(read_strings(name, value, "[PLAIN]"), problems);
    if (!names) return names;
    std::transform(names->begin(), names->end(), names->begin(), upper_case);
    const std::vector<std::string> known = known_mechanisms();
    for (const std::string& mechanism : *names) {
        if (std::find(known.begin(), known.end(), mechanism) != known.end()) continue;
        const auto near = nearest(mechanism, std::vector<std::string_view>(known.begin(), known.end()));
        problems.warning(value.mark, "there is no mechanism '" + mechanism + "'" +
                                         (near ? "; did you mean '" + std::string(*near) + "'?" : "; remove it"));
    }
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

// Shown in the manual as the tables of both kinds of listener, what they share once.
struct ListenerModifier {
    void apply(detail::OptionRules<std::vector<ListenerConfig>>& rules) const {
        rules.nested = listener_table().list();
        for (OptionInfo& info : component_listener_table().list()) {
            if (find_option(rules.nested, info.name)) continue;
            info.doc = "ejabberd_service: " + info.doc;
            rules.nested.push_back(std::move(info));
        }
        rules.type = "list of maps";
        rules.reader = read_listeners;
    }
};

}  // namespace

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
            problems.error(value.mark, "the host '" + jid->to_string() + "' is listed twice; remove one");
        else
            hosts.push_back(jid->to_string());
    }
    if (names->empty()) problems.error(value.mark, "'hosts' is empty; write for example 'hosts: [example.org]'");
    if (hosts.size() > max_hosts)
        problems.error(value.mark,
                       "more than " + std::to_string(max_hosts) + " hosts; spread them over several servers");
    return hosts;
}

OptionTable<GlobalConfig> global_table() {
    using G = GlobalConfig;
    OptionTable<G> table;
    table
        .option("hosts", &G::hosts, "The domains served; the first is the default one", required(),
                example("[example.org]"), read_with("list of domains", read_hosts))
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
        .option("detached_tls", &G::detached_tls,
                "Of a TLS 1.3 connection only the keys are kept; off: all of OpenSSL's state, 13 kB each, for new ones")
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
                needs_restart())
        .option("max_client_backlog", &G::max_client_backlog,
                "What all clients together may leave untaken or unacknowledged in memory, then the slowest go; nothing: a "
                "quarter of the memory",
                needs_restart(), at_least(16_MB));
    add_storage_options(table);
    return table;
}

}  // namespace rookery
