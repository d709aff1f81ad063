#include "server/config.h"

#include <algorithm>
#include <set>

#include "server/config_sections.h"
#include "server/ejabberd_names.h"

namespace rookery {
namespace {

// Of a text, or of each in a list of texts.
std::vector<Mark> marks_of(const ConfigValue& texts) {
    if (texts.is_scalar()) return {texts.mark};
    std::vector<Mark> marks;
    for (const ConfigValue& item : texts.items) marks.push_back(item.mark);
    return marks;
}

// Also when something else is wrong: the hosts' options are judged in the same run.
std::vector<std::string> hosts_to_check(const ConfigValue& file) {
    ConfigProblems told_already;
    const ConfigValue* given = file.find("hosts");
    auto hosts = given ? read_hosts("hosts", *given, told_already) : std::nullopt;
    return hosts && !hosts->empty() ? *hosts : std::vector<std::string>{"localhost"};
}

// The entries of the file by who reads them.
struct Sections {
    explicit Sections(const Mark& mark) : global(ConfigValue::map({}, mark)), of_hosts(global), host_maps(global) {}

    ConfigValue global, of_hosts, host_maps;
};

Sections split(const ConfigValue& file, ConfigProblems& problems) {
    const std::vector<OptionInfo> global = global_table().list();
    Sections sections(file.mark);
    for (const ConfigValue::Entry& entry : file.entries) {
        if (find_option(global, entry.key))
            sections.global.entries.push_back(entry);
        else if (find_option(host_options(), entry.key))
            sections.of_hosts.entries.push_back(entry);
        else if (find_option(host_map_options(), entry.key))
            sections.host_maps.entries.push_back(entry);
        else
            report_unknown(entry, problems);
    }
    return sections;
}

Config read(const ConfigValue& file, std::span<const ModuleSpec* const> modules, ConfigProblems& problems) {
    const Sections sections = split(file, problems);
    Config config;
    if (auto global = global_table().parse(sections.global, problems)) {
        check_storage_options(sections.global, *global, problems);
        config.global = std::move(*global);
    }
    config.hosts = load_hosts(hosts_to_check(file), sections.of_hosts, sections.host_maps, modules, problems);
    for (const ConfigValue::Entry& entry : file.entries)
        config.fingerprints[entry.key] = config_fingerprint(entry.value);
    if (const ConfigValue* files = file.find("certfiles")) config.certfile_marks = marks_of(*files);
    if (const ConfigValue* listen = file.find("listen")) check_listeners(*listen, config.global.hosts, config.access(), problems);
    return config;
}

// The same piece is read once for each host, and as often as it is included: its fault is told once.
void drop_repeated(std::vector<std::string>& messages) {
    std::set<std::string> seen;
    std::erase_if(messages, [&](const std::string& message) { return !seen.insert(message).second; });
}

}  // namespace

const OptionInfo* find_option(const std::vector<OptionInfo>& infos, std::string_view name) {
    const auto found = std::find_if(infos.begin(), infos.end(), [&](const OptionInfo& info) {
        return info.name == name || std::find(info.aliases.begin(), info.aliases.end(), name) != info.aliases.end();
    });
    return found == infos.end() ? nullptr : &*found;
}

void report_unknown(const ConfigValue::Entry& entry, ConfigProblems& problems) {
    if (const auto hint = ejabberd_option_hint(entry.key)) {
        problems.warning(entry.mark, "'" + entry.key + "' does nothing here: " + std::string(*hint));
        return;
    }
    const std::vector<OptionInfo> global = global_table().list();
    std::vector<std::string_view> names;
    for (const std::vector<OptionInfo>* infos : {&global, &host_options(), &host_map_options()})
        for (const OptionInfo& info : *infos) names.push_back(info.name);
    const auto near = nearest(entry.key, names);
    problems.unknown(entry.mark, "unknown option '" + entry.key + "'; " +
                                     (near ? "did you mean '" + std::string(*near) + "'?"
                                           : "remove it, or look the name up in the manual"));
}

std::optional<Config> load_config(const std::string& path, std::span<const ModuleSpec* const> modules,
                                  const ConfigWorld& world, ConfigProblems& problems) {
    const std::size_t errors_before = problems.errors.size();
    const std::optional<ConfigValue> file = load_config_file(path, world, problems);
    std::optional<Config> config;
    if (file) config = read(*file, modules, problems);
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

}  // namespace rookery
