#include "core/access.h"

#include <arpa/inet.h>
#include <unicode/regex.h>

#include <algorithm>
#include <array>

#include "base/number.h"

namespace rookery {

// Where the address stands that the conditions look at.
struct AccessRules::Asked {
    const Jid& who;
    std::optional<std::array<unsigned char, 16>> ip;
};

namespace {

constexpr int max_acl_depth = 8;                     // acl naming acl naming acl ...
constexpr std::int32_t max_regex_milliseconds = 10;  // ICU's unit is about that; the texts come from strangers
constexpr std::size_t address_bytes = 16;

using Address = std::array<unsigned char, address_bytes>;

// IPv4 as ::ffff:a.b.c.d, so that there is one kind of address.
std::optional<Address> parse_address(std::string_view text) {
    const std::string terminated(text);
    Address address{};
    if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
    address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
    if (inet_pton(AF_INET, terminated.c_str(), address.data() + 12) == 1) return address;
    return std::nullopt;
}

struct Network {
    Address address{};
    int bits = 128;

    bool contains(const Address& other) const {
        for (int bit = 0; bit < bits; bit += 8) {
            const auto at = static_cast<std::size_t>(bit / 8);
            const int left = std::min(8, bits - bit);
            if ((address[at] ^ other[at]) >> (8 - left) != 0) return false;
        }
        return true;
    }
};

std::optional<Network> parse_network(std::string_view text) {
    const std::size_t slash = std::min(text.find('/'), text.size());
    const std::string_view host = text.substr(0, slash);
    const auto address = parse_address(host);
    if (!address) return std::nullopt;
    const bool v4 = host.find(':') == host.npos;
    Network network{*address, 128};
    if (slash == text.size()) return network;
    const auto bits = parse_number<int>(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > (v4 ? 32 : 128)) return std::nullopt;
    network.bits = v4 ? *bits + 96 : *bits;
    return network;
}

icu::UnicodeString to_unicode(std::string_view text) {
    return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

struct TextPattern {
    enum class Kind { anything, exactly, regex, served_host };
    Kind kind = Kind::anything;
    std::string text;
    std::shared_ptr<const icu::RegexPattern> regex;  // safe to share between threads; matchers are not

    bool matches(std::string_view candidate) const {
        switch (kind) {
            case Kind::exactly:
                return candidate == text;
            case Kind::regex:
                return regex_finds(candidate);
            case Kind::anything:
            case Kind::served_host:
                break;
        }
        return true;
    }

private:
    // A match that takes too long is none.
    bool regex_finds(std::string_view candidate) const {
        UErrorCode error = U_ZERO_ERROR;
        const icu::UnicodeString input = to_unicode(candidate);
        const std::unique_ptr<icu::RegexMatcher> matcher(regex->matcher(input, error));
        if (U_FAILURE(error)) return false;
        matcher->setTimeLimit(max_regex_milliseconds, error);
        return matcher->find(error) && U_SUCCESS(error);
    }
};

struct Alternative {
    TextPattern local, domain, resource;
    std::optional<Network> network;
    std::string acl;  // by name; empty: none
};

}  // namespace

namespace detail {

// Holds when one of the alternatives does: `user: [a, b]` has two, "all" one that fits everybody, "none" has none.
struct AccessCondition {
    std::vector<Alternative> alternatives;
};

}  // namespace detail

namespace {

using detail::AccessCondition;
using detail::AccessSection;
using detail::AccessSections;
using Conditions = std::vector<std::shared_ptr<const AccessCondition>>;

// --- reading conditions -------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 14> condition_names{
    "acl",           "ip",          "user",     "user_regexp",     "user_glob",     "server",
    "server_regexp", "server_glob", "resource", "resource_regexp", "resource_glob", "node_regexp",
    "node_glob",     "shared_group"};

bool is_condition(std::string_view name) {
    return std::find(condition_names.begin(), condition_names.end(), name) != condition_names.end();
}

// What is wrong with a value, thrown within this file's readers only and caught at the next entry.
struct Wrong {
    std::string what;
};

// The shell's pattern as a regular expression over the whole text.
std::string glob_to_regex(std::string_view glob) {
    std::string regex = "^";
    for (std::size_t i = 0; i < glob.size(); ++i) {
        const char c = glob[i];
        const std::size_t close = c == '[' ? glob.find(']', i + 1) : glob.npos;
        if (c == '*') {
            regex += ".*";
        } else if (c == '?') {
            regex += ".";
        } else if (close != glob.npos) {
            std::string set(glob.substr(i, close - i + 1));
            if (set[1] == '!') set[1] = '^';
            regex += set;
            i = close;
        } else {
            if (std::string_view("\\^$.|+()[]{}").find(c) != std::string_view::npos) regex.push_back('\\');
            regex.push_back(c);
        }
    }
    return regex + "$";
}

TextPattern make_regex(std::string_view text) {
    if (text.empty()) return {};
    UErrorCode error = U_ZERO_ERROR;
    UParseError place;
    std::shared_ptr<const icu::RegexPattern> regex(icu::RegexPattern::compile(to_unicode(text), 0, place, error));
    if (U_FAILURE(error)) throw Wrong{"is no valid regular expression; write for example '^bob[0-9]*$'"};
    return TextPattern{TextPattern::Kind::regex, std::string(text), std::move(regex)};
}

TextPattern exactly(std::string_view text) { return {TextPattern::Kind::exactly, std::string(text), nullptr}; }
TextPattern served_host() { return {TextPattern::Kind::served_host, {}, nullptr}; }

// How the texts of one kind of condition are compared: `user`, `user_regexp`, `user_glob`.
enum class Compare { exact, regex, glob };

TextPattern make_pattern(Compare compare, std::string_view text) {
    switch (compare) {
        case Compare::exact:
            return exactly(text);
        case Compare::regex:
            return make_regex(text);
        case Compare::glob:
            return make_regex(glob_to_regex(text));
    }
    return {};
}

TextPattern exact_domain(std::string_view text) {
    const auto jid = Jid::parse(text);
    if (!jid || !jid->is_domain()) throw Wrong{"is no domain name; write for example 'server: example.org'"};
    return exactly(jid->str());
}

TextPattern exact_local(std::string_view text) {
    const auto jid = Jid::make(text, "example.org");
    if (!jid || text.empty()) throw Wrong{"is no user name; write for example 'user: bob@example.org'"};
    return exactly(jid->local());
}

struct NameAndServer {
    std::string_view name;
    std::optional<std::string_view> server;
};

NameAndServer split_at(std::string_view text) {
    const std::size_t at = text.rfind('@');
    if (at == text.npos) return {text, std::nullopt};
    return {text.substr(0, at), text.substr(at + 1)};
}

Alternative make_user(Compare compare, NameAndServer parts) {
    Alternative user;
    user.local = compare == Compare::exact ? exact_local(parts.name) : make_pattern(compare, parts.name);
    user.domain = parts.server ? exact_domain(*parts.server) : served_host();
    return user;
}

Alternative make_node(Compare compare, NameAndServer parts) {
    if (!parts.server) throw Wrong{"must be of the form user@server; write for example 'node_glob: bob*@example.*'"};
    Alternative node;
    node.local = make_pattern(compare, parts.name);
    node.domain = make_pattern(compare, *parts.server);
    return node;
}

Alternative make_server(Compare compare, std::string_view text) {
    Alternative server;
    server.domain = compare == Compare::exact ? exact_domain(text) : make_pattern(compare, text);
    return server;
}

Alternative make_resource(Compare compare, std::string_view text) {
    Alternative resource;
    resource.resource = make_pattern(compare, text);
    return resource;
}

Alternative make_ip(std::string_view text) {
    Alternative address;
    address.network = parse_network(text);
    if (!address.network) throw Wrong{"must be an address or a network like 10.0.0.0/8 or ::1"};
    return address;
}

Alternative make_acl(std::string_view name) {
    Alternative named;
    named.acl = name;
    return named;
}

// `type` is one of condition_names.
Alternative make_alternative(std::string_view type, NameAndServer parts, std::string_view whole) {
    const Compare compare = type.ends_with("_regexp") ? Compare::regex
                            : type.ends_with("_glob") ? Compare::glob
                                                      : Compare::exact;
    if (type == "acl") return make_acl(whole);
    if (type == "ip") return make_ip(whole);
    if (type.starts_with("user")) return make_user(compare, parts);
    if (type.starts_with("node")) return make_node(compare, parts);
    if (type.starts_with("server")) return make_server(compare, whole);
    if (type.starts_with("resource")) return make_resource(compare, whole);
    throw Wrong{"is not provided here; list the users instead"};  // shared_group
}

void add_text(std::string_view type, NameAndServer parts, std::string_view whole, const Mark& mark,
              AccessCondition& condition, ConfigProblems& problems) {
    // Debian's ejabberd.yml has `user: ""` for an admin nobody has named yet.
    if (type == "user" && whole.empty()) return;
    try {
        condition.alternatives.push_back(make_alternative(type, parts, whole));
    } catch (const Wrong& wrong) {
        problems.error(mark, "'" + std::string(type) + ": " + std::string(whole) + "' " + wrong.what);
    }
}

// A text, a list of texts, or for users {name: server}.
void add_value(std::string_view type, const ConfigValue& value, AccessCondition& condition, ConfigProblems& problems) {
    if (value.is_scalar()) add_text(type, split_at(value.text), value.text, value.mark, condition, problems);
    if (value.is_null())
        problems.error(value.mark, "'" + std::string(type) + "' has no value; give it one, or remove the line");
    for (const ConfigValue& item : value.items) add_value(type, item, condition, problems);
    for (const ConfigValue::Entry& entry : value.entries) {
        const std::string whole = entry.key + "@" + entry.value.text;
        add_text(type, NameAndServer{entry.key, entry.value.text}, whole, entry.mark, condition, problems);
    }
}

std::shared_ptr<const AccessCondition> named_condition(std::string_view name) {
    auto condition = std::make_shared<AccessCondition>();
    if (name == "all")
        condition->alternatives.emplace_back();
    else if (name != "none")
        condition->alternatives.push_back(make_acl(name));
    return condition;
}

void add_entry(const ConfigValue::Entry& entry, Conditions& conditions, ConfigProblems& problems) {
    if (!is_condition(entry.key)) {
        const auto near = nearest(entry.key, condition_names);
        problems.error(entry.mark, "unknown condition '" + entry.key + "'" +
                                       (near ? "; did you mean '" + std::string(*near) + "'?"
                                             : "; write for example 'user: bob@example.org' or 'ip: 10.0.0.0/8'"));
        return;
    }
    auto condition = std::make_shared<AccessCondition>();
    add_value(entry.key, entry.value, *condition, problems);
    conditions.push_back(std::move(condition));
}

// `admin`, `{user: bob, ip: ...}`, or a list of these.
void add_conditions(const ConfigValue& value, Conditions& conditions, ConfigProblems& problems) {
    if (value.is_scalar()) conditions.push_back(named_condition(value.text));
    for (const ConfigValue::Entry& entry : value.entries) add_entry(entry, conditions, problems);
    for (const ConfigValue& item : value.items) add_conditions(item, conditions, problems);
}

// --- reading sections ---------------------------------------------------------------------------------------------

bool is_verdict(std::string_view text) { return text == "allow" || text == "deny"; }

AccessSection make_section(std::string_view verdict, const ConfigValue& conditions, ConfigProblems& problems) {
    AccessSection section{std::string(verdict), {}};
    add_conditions(conditions, section.conditions, problems);
    return section;
}

// One item of an access rule: `allow`, `{deny: blocked}`, or conditions alone, which allow.
void add_access_sections(const ConfigValue& value, AccessSections& sections, ConfigProblems& problems) {
    if (value.is_scalar() && is_verdict(value.text)) {
        sections.push_back(AccessSection{value.text, {}});
        return;
    }
    if (value.is_list()) {
        for (const ConfigValue& item : value.items) add_access_sections(item, sections, problems);
        return;
    }
    const bool plain =
        value.is_scalar() || (value.is_map() && !value.entries.empty() && is_condition(value.entries[0].key));
    if (plain) sections.push_back(make_section("allow", value, problems));
    if (plain || value.is_scalar()) return;
    for (const ConfigValue::Entry& entry : value.entries) {
        if (is_verdict(entry.key))
            sections.push_back(make_section(entry.key, entry.value, problems));
        else
            problems.error(entry.mark, "'" + entry.key + "' must be allow or deny; write for example 'allow: all'");
    }
}

bool is_number(std::string_view text) { return parse_number<std::int64_t>(text).value_or(-1) >= 0; }

// A section of a shaper rule answers with a number or with one of the shapers.
bool is_shaper_verdict(std::string_view text, const std::vector<std::string_view>& shapers) {
    return text == "none" || text == "infinity" || is_number(text) ||
           std::find(shapers.begin(), shapers.end(), text) != shapers.end();
}

void add_shaper_section(std::string_view verdict, const ConfigValue& conditions, const Mark& mark,
                        const std::vector<std::string_view>& shapers, AccessSections& sections,
                        ConfigProblems& problems) {
    if (is_shaper_verdict(verdict, shapers)) {
        sections.push_back(make_section(verdict, conditions, problems));
        return;
    }
    const auto near = nearest(verdict, shapers);
    problems.error(mark,
                   "'" + std::string(verdict) + "' is neither a number nor one of the names under 'shaper'" +
                       (near ? "; did you mean '" + std::string(*near) + "'?" : "; add it there or write a number"));
}

void add_shaper_sections(const ConfigValue& value, const std::vector<std::string_view>& shapers,
                         AccessSections& sections, ConfigProblems& problems) {
    if (value.is_scalar()) add_shaper_section(value.text, ConfigValue(), value.mark, shapers, sections, problems);
    for (const ConfigValue& item : value.items) add_shaper_sections(item, shapers, sections, problems);
    for (const ConfigValue::Entry& entry : value.entries)
        add_shaper_section(entry.key, entry.value, entry.mark, shapers, sections, problems);
}

struct RateOptions {
    ByteSize rate;
    ByteSize burst_size;
};

std::optional<ShaperRate> read_shaper(const std::string& name, const ConfigValue& value, ConfigProblems& problems) {
    if (value.is_scalar() && value.text == "none") return ShaperRate{};
    RateOptions read;
    if (value.is_scalar()) {
        const Result<std::int64_t> rate = read_size(name, value, IntegerRange{1, 1LL << 40, true});
        if (!rate) problems.errors.push_back(rate.error().message);
        if (!rate || *rate == unlimited) return rate ? std::optional(ShaperRate{}) : std::nullopt;
        read.rate.bytes = *rate;
    } else {
        OptionTable<RateOptions> table;
        table.option("rate", &RateOptions::rate, "Bytes per second", at_least(1), required())
            .option("burst_size", &RateOptions::burst_size, "Bytes taken at once after a silence", at_least(1));
        const auto parsed = table.parse(value, problems);
        if (!parsed) return std::nullopt;
        read = *parsed;
    }
    return ShaperRate{static_cast<std::size_t>(read.rate.bytes), static_cast<std::size_t>(read.burst_size.bytes)};
}

void expect_map(std::string_view name, const ConfigValue& value, std::string_view example, ConfigProblems& problems) {
    if (value.is_map() || value.is_null()) return;
    problems.errors.push_back(config_mismatch(name, value, "a map of names to rules", example).message);
}

std::vector<std::string_view> names_of(const auto& map) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : map) names.emplace_back(name);
    return names;
}

// Names of ejabberd's example files, which rules use whether or not anybody is meant by them.
constexpr std::string_view customary_acls[] = {"all",      "none",    "admin",           "local",
                                               "loopback", "blocked", "trusted_network", "banned"};

std::vector<std::string_view> known_acls(const auto& defined) {
    std::vector<std::string_view> names = names_of(defined);
    names.insert(names.end(), std::begin(customary_acls), std::end(customary_acls));
    return names;
}

// A name that nothing defines matches nobody, see access.h: mostly a slip. `tell`: as a warning, or as an error.
using Tell = void (ConfigProblems::*)(const Mark&, std::string_view);

void tell_slips(const ConfigValue& value, const std::vector<std::string_view>& acls, ConfigProblems& problems,
                Tell tell) {
    if (value.is_scalar() && !is_verdict(value.text) && std::find(acls.begin(), acls.end(), value.text) == acls.end()) {
        const auto near = nearest(value.text, acls);
        (problems.*tell)(value.mark, "no acl is named '" + value.text + "', so it matches nobody; " +
                                         (near ? "did you mean '" + std::string(*near) + "'?" : "add it under acl"));
    }
    for (const ConfigValue& item : value.items) tell_slips(item, acls, problems, tell);
    for (const ConfigValue::Entry& entry : value.entries)
        if (!is_condition(entry.key) || entry.key == "acl") tell_slips(entry.value, acls, problems, tell);
}

void warn_of_slips(const ConfigValue& value, const std::vector<std::string_view>& acls, ConfigProblems& problems) {
    tell_slips(value, acls, problems, &ConfigProblems::warning);
}

// In a shaper rule a text alone is a shaper or a number.
void warn_of_shaper_slips(const ConfigValue& value, const std::vector<std::string_view>& acls, ConfigProblems& problems) {
    for (const ConfigValue& item : value.items) warn_of_shaper_slips(item, acls, problems);
    for (const ConfigValue::Entry& entry : value.entries) warn_of_slips(entry.value, acls, problems);
}

bool built_in(std::string_view rule) { return rule == "all" || rule == "none"; }

}  // namespace

Result<AccessRule> OptionType<AccessRule>::read(std::string_view name, const ConfigValue& value) {
    if (value.is_scalar())
        return AccessRule(value.text == "allow" ? "all" : value.text == "deny" ? "none" : value.text);
    if (value.is_null()) return config_mismatch(name, value, "the name of an access rule", "all");
    ConfigProblems problems;
    auto sections = std::make_shared<AccessSections>();
    add_access_sections(value, *sections, problems);
    if (!problems.ok()) return Error(ErrorCode::invalid, problems.errors.front());
    AccessRule rule("");
    rule.sections_ = std::move(sections);
    return rule;
}

AccessRules AccessRules::parse(const Source& source, ConfigProblems& problems) {
    AccessRules rules;
    rules.hosts_ = source.hosts;
    expect_map("acl", source.acl, "{admin: {user: bob@example.org}}", problems);
    expect_map("access_rules", source.access_rules, "{c2s: {deny: blocked, allow: all}}", problems);
    expect_map("shaper", source.shaper, "{normal: 50 KB}", problems);
    expect_map("shaper_rules", source.shaper_rules, "{c2s_shaper: {none: admin, normal: all}}", problems);
    for (const ConfigValue::Entry& entry : source.acl.entries) {
        if (built_in(entry.key))
            problems.error(entry.mark, "the acl '" + entry.key + "' is built in; choose another name");
        add_conditions(entry.value, rules.acls_[entry.key], problems);
    }
    const std::vector<std::string_view> acls = known_acls(rules.acls_);
    for (const ConfigValue::Entry& entry : source.acl.entries) warn_of_slips(entry.value, acls, problems);
    for (const ConfigValue::Entry& entry : source.access_rules.entries) {
        add_access_sections(entry.value, rules.access_[entry.key], problems);
        warn_of_slips(entry.value, acls, problems);
    }
    for (const ConfigValue::Entry& entry : source.shaper.entries)
        if (const auto rate = read_shaper(entry.key, entry.value, problems)) rules.shapers_[entry.key] = *rate;
    const std::vector<std::string_view> shapers = names_of(rules.shapers_);
    for (const ConfigValue::Entry& entry : source.shaper_rules.entries) {
        add_shaper_sections(entry.value, shapers, rules.shaper_rules_[entry.key], problems);
        warn_of_shaper_slips(entry.value, acls, problems);
    }
    return rules;
}

// --- asking -------------------------------------------------------------------------------------------------------

bool AccessRules::is_local(std::string_view domain) const {
    return std::find(hosts_.begin(), hosts_.end(), domain) != hosts_.end();
}

bool AccessRules::holds(const detail::AccessCondition& condition, const Asked& asked, int depth) const {
    return std::any_of(condition.alternatives.begin(), condition.alternatives.end(), [&](const Alternative& one) {
        if (one.network && !(asked.ip && one.network->contains(*asked.ip))) return false;
        if (one.domain.kind == TextPattern::Kind::served_host && !is_local(asked.who.domain())) return false;
        if (!one.acl.empty() && !any_of_acl(one.acl, asked, depth + 1)) return false;
        return one.domain.matches(asked.who.domain()) && one.local.matches(asked.who.local()) &&
               one.resource.matches(asked.who.resource());
    });
}

bool AccessRules::any_of_acl(std::string_view acl, const Asked& asked, int depth) const {
    if (acl == "all") return true;
    const auto found = acls_.find(acl);
    if (found == acls_.end() || depth > max_acl_depth) return false;
    const Conditions& conditions = found->second;
    return std::any_of(conditions.begin(), conditions.end(),
                       [&](const auto& each) { return holds(*each, asked, depth); });
}

const std::string* AccessRules::first_verdict(const detail::AccessSections& sections, const Asked& asked) const {
    for (const detail::AccessSection& section : sections) {
        const Conditions& conditions = section.conditions;
        if (std::all_of(conditions.begin(), conditions.end(), [&](const auto& each) { return holds(*each, asked, 0); }))
            return &section.verdict;
    }
    return nullptr;
}

bool AccessRules::allows(std::string_view rule, const Jid& who, std::string_view ip) const {
    if (built_in(rule)) return rule == "all";
    const auto found = access_.find(rule);
    if (found == access_.end()) return false;
    const std::string* verdict = first_verdict(found->second, Asked{who, parse_address(ip)});
    return verdict && *verdict == "allow";
}

bool AccessRules::allows(const AccessRule& rule, const Jid& who, std::string_view ip) const {
    if (!rule.sections_) return allows(rule.name_, who, ip);
    const std::string* verdict = first_verdict(*rule.sections_, Asked{who, parse_address(ip)});
    return verdict && *verdict == "allow";
}

bool AccessRules::matches_acl(std::string_view acl, const Jid& who, std::string_view ip) const {
    return any_of_acl(acl, Asked{who, parse_address(ip)}, 0);
}

std::optional<std::int64_t> AccessRules::number(std::string_view rule, const Jid& who, std::string_view ip) const {
    const auto found = shaper_rules_.find(rule);
    const std::string* verdict =
        found == shaper_rules_.end() ? nullptr : first_verdict(found->second, Asked{who, parse_address(ip)});
    if (!verdict || (!is_number(*verdict) && *verdict != "infinity")) return std::nullopt;
    if (*verdict == "infinity") return unlimited;
    return parse_number<std::int64_t>(*verdict);
}

ShaperRate AccessRules::shaper(std::string_view rule, const Jid& who, std::string_view ip) const {
    const auto rule_found = shaper_rules_.find(rule);
    std::string_view name = rule;
    if (rule_found != shaper_rules_.end()) {
        const std::string* verdict = first_verdict(rule_found->second, Asked{who, parse_address(ip)});
        if (!verdict) return {};
        name = *verdict;
    }
    const auto shaper_found = shapers_.find(name);
    return shaper_found == shapers_.end() ? ShaperRate{} : shaper_found->second;
}

void AccessRules::check_in_place(const ConfigValue& rule, ConfigProblems& problems) const {
    tell_slips(rule, known_acls(acls_), problems, &ConfigProblems::unknown);
}

bool AccessRules::has_access_rule(std::string_view name) const { return built_in(name) || access_.contains(name); }

bool AccessRules::has_shaper(std::string_view name) const {
    return name == "none" || shaper_rules_.contains(name) || shapers_.contains(name);
}

std::vector<std::string_view> AccessRules::access_rule_names() const { return names_of(access_); }

std::vector<std::string_view> AccessRules::shaper_names() const {
    std::vector<std::string_view> names = names_of(shaper_rules_), rates = names_of(shapers_);
    names.insert(names.end(), rates.begin(), rates.end());
    return names;
}

}  // namespace rookery
