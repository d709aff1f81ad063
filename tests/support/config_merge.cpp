#include "tests/support/config_merge.h"

#include <algorithm>
#include <stdexcept>

#include "base/config_value.h"
#include "core/module_spec.h"
#include "server/yaml.h"

namespace rookery::test {
namespace {

ConfigValue read(std::string_view text) {
    ConfigProblems problems;
    auto value = parse_yaml(text, "play", problems);
    if (!value) throw std::runtime_error(problems.errors.front());
    return value->is_null() ? ConfigValue::map({}) : std::move(*value);
}

bool is_off(const ConfigValue& value) {
    if (!value.is_scalar() || value.quoted) return false;
    const auto flag = read_bool("", value);
    return flag && !*flag;
}

ConfigValue::Entry* find_entry(ConfigValue& map, std::string_view key) {
    const auto found = std::ranges::find(map.entries, key, &ConfigValue::Entry::key);
    return found == map.entries.end() ? nullptr : &*found;
}

void merge(ConfigValue& into, const ConfigValue& over) {
    for (const auto& entry : over.entries) {
        ConfigValue::Entry* known = find_entry(into, entry.key);
        if (known && known->value.is_map() && entry.value.is_map())
            merge(known->value, entry.value);
        else if (known)
            known->value = entry.value;
        else
            into.entries.push_back(entry);
    }
}

// One module has several names, and is to be merged with itself.
void use_full_names(ConfigValue& config) {
    ConfigValue::Entry* modules = find_entry(config, "modules");
    if (!modules || !modules->value.is_map()) return;
    for (auto& entry : modules->value.entries)
        if (const ModuleSpec* spec = find_module(entry.key)) entry.key = "mod_" + spec->name;
}

void name_default_modules(ConfigValue& config) {
    std::vector<ConfigValue::Entry> names;
    for (const ModuleSpec* spec : all_modules())
        if (spec->default_on) names.emplace_back("mod_" + spec->name, ConfigValue::map({}));
    config.entries.emplace_back("modules", ConfigValue::map(std::move(names)));
}

// Flow style, which is YAML too.
void write(std::string& out, const ConfigValue& value) {
    const auto comma = [&, first = true]() mutable {
        if (!std::exchange(first, false)) out += ", ";
    };
    switch (value.kind) {
        case ConfigValue::Kind::null:
            out += "~";
            break;
        case ConfigValue::Kind::scalar:
            out += value.quoted ? '"' + value.text + '"' : value.text;
            break;
        case ConfigValue::Kind::list: {
            out += "[";
            auto separate = comma;
            for (const auto& item : value.items) separate(), write(out, item);
            out += "]";
            break;
        }
        case ConfigValue::Kind::map: {
            out += "{";
            auto separate = comma;
            for (const auto& entry : value.entries) {
                separate();
                out += '"' + entry.key + "\": ";
                write(out, entry.value);
            }
            out += "}";
            break;
        }
    }
}

}  // namespace

std::string merged_config(std::string_view usual, std::string_view over) {
    ConfigValue config = read(usual);
    ConfigValue changes = read(over);
    use_full_names(config);
    use_full_names(changes);
    if (changes.find("modules") && !config.find("modules")) name_default_modules(config);
    merge(config, changes);
    if (auto* modules = find_entry(config, "modules"))
        std::erase_if(modules->value.entries, [](const auto& entry) { return is_off(entry.value); });
    std::string out;
    write(out, config);
    return out + "\n";
}

}  // namespace rookery::test
