// Access control in ejabberd's words (acl, access_rules, shaper, shaper_rules): pure decisions over an address and an
// IP. Immutable once parsed, shared by all shards.
//
//   acl:           admin: {user: [bob@example.org], ip: 10.0.0.0/8}    any of the conditions
//   access_rules:  c2s: [{deny: blocked}, {allow: {acl: admin, ip: 10.0.0.0/8}}, allow]
//                  the first section all of whose conditions hold; no section: deny
//   shaper_rules:  c2s_shaper: {none: admin, normal: all}     max_user_sessions: {20: admin, 10: all}
//
// An access rule that is not defined denies; an acl that is not defined matches nobody (ejabberd's example file denies
// such a one).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/options.h"
#include "core/shaper.h"
#include "xmpp/jid.h"

namespace rookery {

namespace detail {

struct AccessCondition;  // one comparison, or an acl by name

// "When all of these hold, the answer is ...". verdict: allow, deny, the name of a shaper, or a number.
struct AccessSection {
    std::string verdict;
    std::vector<std::shared_ptr<const AccessCondition>> conditions;
};
using AccessSections = std::vector<AccessSection>;

}  // namespace detail

class AccessRules;

// What an option like `access:` holds: the name of an access rule, or sections of its own.
class AccessRule {
public:
    AccessRule() : name_("all") {}
    explicit AccessRule(std::string name) : name_(std::move(name)) {}

    // Empty when the rule was written in place.
    const std::string& name() const { return name_; }

private:
    friend AccessRules;
    friend OptionType<AccessRule>;
    std::string name_;
    std::shared_ptr<const detail::AccessSections> sections_;
};

template <>
struct OptionType<AccessRule> {
    static constexpr std::string_view type = "access rule";
    static Result<AccessRule> read(std::string_view name, const ConfigValue& value);
    static std::string show(const AccessRule& rule) { return rule.name().empty() ? "[...]" : rule.name(); }
};

class AccessRules {
public:
    // The four maps as they stand in the file; null: nothing defined.
    struct Source {
        ConfigValue acl, access_rules, shaper, shaper_rules;
        std::vector<std::string> hosts;  // served here: `user: bob` means bob at any of them
    };

    AccessRules() = default;  // only "all" and "none"
    // Errors went to `problems`; what was understood is kept all the same.
    static AccessRules parse(const Source& source, ConfigProblems& problems);

    // `ip`: text; empty or odd: no ip condition holds.
    bool allows(std::string_view rule, const Jid& who, std::string_view ip = {}) const;
    bool allows(const AccessRule& rule, const Jid& who, std::string_view ip = {}) const;
    bool matches_acl(std::string_view acl, const Jid& who, std::string_view ip = {}) const;

    // What the first matching section of a shaper rule says. A number; `unlimited` for infinity; nullopt: no rule of
    // that name, no section matches, or it is no number.
    std::optional<std::int64_t> number(std::string_view rule, const Jid& who, std::string_view ip = {}) const;
    // The rate of a shaper rule, of a shaper by its own name, or unlimited ("none", unknown, no section matches).
    ShaperRate shaper(std::string_view rule, const Jid& who, std::string_view ip = {}) const;

    // A rule written in place names acls that are not defined: `unknown` in `problems`.
    void check_in_place(const ConfigValue& rule, ConfigProblems& problems) const;
    // For `check`: is there such a rule (or is it built in)?
    bool has_access_rule(std::string_view name) const;
    bool has_shaper(std::string_view name) const;  // shaper rule or shaper
    std::vector<std::string_view> access_rule_names() const;
    std::vector<std::string_view> shaper_names() const;

private:
    using Conditions = std::vector<std::shared_ptr<const detail::AccessCondition>>;
    struct Asked;  // who, from where

    const std::string* first_verdict(const detail::AccessSections& sections, const Asked& asked) const;
    bool holds(const detail::AccessCondition& condition, const Asked& asked, int depth) const;
    bool any_of_acl(std::string_view acl, const Asked& asked, int depth) const;
    bool is_local(std::string_view domain) const;

    std::vector<std::string> hosts_;
    std::map<std::string, Conditions, std::less<>> acls_;
    std::map<std::string, detail::AccessSections, std::less<>> access_;
    std::map<std::string, ShaperRate, std::less<>> shapers_;
    std::map<std::string, detail::AccessSections, std::less<>> shaper_rules_;
};

}  // namespace rookery
