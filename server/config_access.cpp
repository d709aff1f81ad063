// The names of access rules, acls and shapers that options use.
#include <algorithm>

#include "server/config_sections.h"

namespace rookery {
namespace {

void check_access_name(const ConfigValue& name, const AccessRules& access, ConfigProblems& problems) {
    if (access.has_access_rule(name.text) || name.text == "allow" || name.text == "deny") return;
    const auto near = nearest(name.text, access.access_rule_names());
    problems.error(name.mark, "there is no access rule '" + name.text + "'" +
                                  (near ? "; did you mean '" + std::string(*near) + "'?"
                                        : "; add it under access_rules, or write all or none"));
}

}  // namespace

void check_access_names(const std::vector<OptionInfo>& infos, const ConfigValue& options, const AccessRules& access,
                        ConfigProblems& problems) {
    for (const ConfigValue::Entry& entry : options.entries) {
        const OptionInfo* info = find_option(infos, entry.key);
        if (!info || info->type != OptionType<AccessRule>::type) continue;
        if (entry.value.is_scalar())
            check_access_name(entry.value, access, problems);
        else
            access.check_in_place(entry.value, problems);
    }
}

void check_shaper_name(const ConfigValue& shaper, const AccessRules& access, ConfigProblems& problems) {
    if (!shaper.is_scalar() || access.has_shaper(shaper.text)) return;
    const auto near = nearest(shaper.text, access.shaper_names());
    problems.error(shaper.mark, "there is no shaper '" + shaper.text + "'" +
                                    (near ? "; did you mean '" + std::string(*near) + "'?"
                                          : "; add it under shaper or shaper_rules, or write none"));
}

}  // namespace rookery
