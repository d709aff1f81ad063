// The section `modules` of one host.
#include <algorithm>

#include "server/config_sections.h"
#include "server/ejabberd_names.h"

namespace rookery {
namespace {

class ModuleLoader {
public:
    ModuleLoader(std::span<const ModuleSpec* const> modules, const AccessRules& access, ConfigProblems& problems)
        : modules_(modules), access_(access), problems_(problems) {}

    std::vector<HostOptions::ModuleOptions> load(const ConfigValue& wanted) {
        std::vector<HostOptions::ModuleOptions> loaded;
        if (wanted.is_null()) {
            for (const ModuleSpec* spec : modules_)
                if (spec->default_on) load_module(*spec, ConfigValue::map({}, wanted.mark), loaded);
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
                load_module(*spec, entry.value, loaded);
        }
        add_needed(loaded);
        return loaded;
    }

private:
    const ModuleSpec* find_module(std::string_view name) const {
        for (const ModuleSpec* spec : modules_)
            if (spec->name == name ||
                std::find(spec->aliases.begin(), spec->aliases.end(), name) != spec->aliases.end())
                return spec;
        return nullptr;
    }

    const std::string& first_name_of(const ConfigValue& modules, const ModuleSpec& spec) const {
        const auto names_it = [&](const ConfigValue::Entry& entry) { return find_module(entry.key) == &spec; };
        return std::find_if(modules.entries.begin(), modules.entries.end(), names_it)->key;
    }

    static bool is_loaded(const std::vector<HostOptions::ModuleOptions>& loaded, const ModuleSpec& spec) {
        return std::any_of(loaded.begin(), loaded.end(), [&](const auto& each) { return each.spec == &spec; });
    }

    void load_module(const ModuleSpec& spec, ConfigValue options, std::vector<HostOptions::ModuleOptions>& loaded) {
        if (!options.is_map() && !options.is_null()) {
            problems_.errors.push_back(config_mismatch(spec.name, options, "a map of options", "{}").message);
            return;
        }
        drop_common_options(spec, options);
        check_access_names(spec.options, options, access_, problems_);
        if (auto parsed = spec.parse(options, problems_))
            loaded.push_back({&spec, std::move(parsed), config_fingerprint(options)});
    }

    void add_needed(std::vector<HostOptions::ModuleOptions>& loaded) {
        for (std::size_t i = 0; i < loaded.size(); ++i)
            for (const std::string& name : loaded[i].spec->needs) {
                const ModuleSpec* spec = find_module(name);
                if (spec && !is_loaded(loaded, *spec)) load_module(*spec, ConfigValue::map({}), loaded);
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
            if (!hint || find_option(spec.options, entry.key)) return false;
            problems_.warning(entry.mark, "'" + entry.key + "' does nothing here: " + std::string(*hint));
            return true;
        });
    }

    std::span<const ModuleSpec* const> modules_;
    const AccessRules& access_;
    ConfigProblems& problems_;
};

}  // namespace

std::vector<HostOptions::ModuleOptions> load_modules(const ConfigValue& wanted,
                                                     std::span<const ModuleSpec* const> modules,
                                                     const AccessRules& access, ConfigProblems& problems) {
    return ModuleLoader(modules, access, problems).load(wanted);
}

}  // namespace rookery
