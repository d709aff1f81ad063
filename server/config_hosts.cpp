// Hosts: the options each may have of its own, with host_config and append_host_config worked in.
#include <algorithm>
#include <set>

#include "server/config_sections.h"

namespace rookery {
namespace {

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

OptionTable<LocalConfig> local_table() {
    using L = LocalConfig;
    OptionTable<L> table;
    table.option("language", &L::language, "Language of texts for clients that name none", checked(refuse_language))
        .option("max_user_sessions", &L::max_user_sessions,
                "Sessions one account may have at once; shaper_rules may say otherwise for some", between(1, 1'000))
        .option("registration_timeout", &L::registration_timeout,
                "Time between two accounts that are registered in-band from one address; infinity: no limit",
                or_infinity())
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

class HostLoader {
public:
    HostLoader(const std::vector<std::string>& hosts, const ConfigValue& maps,
               std::span<const ModuleSpec* const> modules, ConfigProblems& problems)
        : hosts_(hosts),
          modules_(modules),
          problems_(problems),
          maps_(structural_table().parse(maps, problems).value_or(StructuralConfig())) {}

    void check_host_names() {
        const std::vector<std::string_view> names(hosts_.begin(), hosts_.end());
        for (const auto& [name, map] :
             {std::pair{"host_config", &maps_.host_config}, {"append_host_config", &maps_.append_host_config}}) {
            if (!map->is_map() && !map->is_null())
                problems_.errors.push_back(
                    config_mismatch(name, *map, "a map of hosts to their options", "{example.org: {language: de}}")
                        .message);
            check_names(*map, names);
        }
    }

    std::shared_ptr<const HostOptions> make(const std::string& host, ConfigValue local) {
        if (const ConfigValue* own = of_host(maps_.host_config, host)) add_own(host, local, *own, false);
        if (const ConfigValue* more = of_host(maps_.append_host_config, host)) add_own(host, local, *more, true);
        replace_host(local, host);
        const LocalConfig parsed = table_.parse(local, problems_).value_or(LocalConfig());
        auto options = std::make_shared<HostOptions>();
        options->domain = host;
        options->language = parsed.language;
        options->max_user_sessions = parsed.max_user_sessions;
        options->registration_timeout = parsed.registration_timeout;
        const AccessRules::Source source{given(local, "acl"), given(local, "access_rules"), maps_.shaper,
                                         given(local, "shaper_rules"), hosts_};
        auto access = std::make_shared<const AccessRules>(AccessRules::parse(source, problems_));
        options->modules = load_modules(given(local, "modules"), modules_, *access, problems_);
        options->access = std::move(access);
        return options;
    }

private:
    void check_names(const ConfigValue& map, const std::vector<std::string_view>& names) {
        std::set<std::string> seen;
        for (const ConfigValue::Entry& entry : map.entries) {
            const std::string host = normal_host(entry.key);
            if (!seen.insert(host).second)
                problems_.error(entry.mark, "the host '" + host + "' is given twice; put its options together");
            if (std::find(hosts_.begin(), hosts_.end(), host) != hosts_.end()) continue;
            const auto near = nearest(entry.key, names);
            problems_.error(entry.mark,
                            "'" + entry.key + "' is not among the hosts" +
                                (near ? "; did you mean '" + std::string(*near) + "'?" : "; add it under hosts"));
        }
    }

    static std::string normal_host(const std::string& text) {
        const auto jid = Jid::parse(text);
        return jid ? jid->to_string() : text;
    }

    static const ConfigValue* of_host(const ConfigValue& map, const std::string& host) {
        for (const ConfigValue::Entry& entry : map.entries)
            if (normal_host(entry.key) == host) return &entry.value;
        return nullptr;
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
            if (!find_option(host_options(), entry.key))
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
        if (find_option(global_table().list(), entry.key) || find_option(host_map_options(), entry.key))
            problems_.error(entry.mark, "'" + entry.key + "' holds for the whole server; move it to the top level");
        else
            report_unknown(entry, problems_);
    }

    const std::vector<std::string>& hosts_;
    std::span<const ModuleSpec* const> modules_;
    ConfigProblems& problems_;
    const StructuralConfig maps_;
    const OptionTable<LocalConfig> table_ = local_table();
};

}  // namespace

const std::vector<OptionInfo>& host_options() {
    static const std::vector<OptionInfo> infos = local_table().list();
    return infos;
}

const std::vector<OptionInfo>& host_map_options() {
    static const std::vector<OptionInfo> infos = structural_table().list();
    return infos;
}

std::vector<std::shared_ptr<const HostOptions>> load_hosts(const std::vector<std::string>& hosts,
                                                           const ConfigValue& of_hosts, const ConfigValue& maps,
                                                           std::span<const ModuleSpec* const> modules,
                                                           ConfigProblems& problems) {
    HostLoader loader(hosts, maps, modules, problems);
    loader.check_host_names();
    std::vector<std::shared_ptr<const HostOptions>> loaded;
    for (const std::string& host : hosts) loaded.push_back(loader.make(host, of_hosts));
    return loaded;
}

}  // namespace rookery
