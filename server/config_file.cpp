#include "server/config_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/version.h"
#include "server/yaml.h"

namespace rookery {
namespace {

constexpr std::string_view include_key = "include_config_file";
constexpr std::string_view macro_key = "define_macro";
constexpr std::string_view keyword_key = "define_keyword";
constexpr std::size_t max_macro_name_bytes = 64;
constexpr std::size_t max_expanded_bytes = 8 * max_config_bytes;

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Maps of named things: several files may add to them.
bool adds_up(std::string_view option) {
    constexpr std::array<std::string_view, 9> names{"acl",          "access_rules", "shaper",
                                                    "shaper_rules", "modules",      macro_key,
                                                    keyword_key,    "host_config",  "append_host_config"};
    return among(names, option);
}

// Below these the same key may come again: `deny: a`, `deny: b`.
bool holds_rules(std::string_view option) {
    constexpr std::array<std::string_view, 4> names{"acl", "access_rules", "shaper_rules", "api_permissions"};
    return among(names, option);
}

bool is_rule_list(const ConfigValue& map) {
    return std::all_of(map.entries.begin(), map.entries.end(),
                       [](const auto& entry) { return entry.key == "allow" || entry.key == "deny"; });
}

void report_repeated(const ConfigValue& map, ConfigProblems& problems) {
    std::map<std::string_view, const Mark*> seen;
    for (const ConfigValue::Entry& entry : map.entries) {
        const auto [first, fresh] = seen.emplace(entry.key, &entry.mark);
        if (!fresh)
            problems.error(entry.mark, "'" + entry.key + "' is given twice; the first is at " + first->second->str());
    }
}

// free_below: how many levels down repeated keys begin to be allowed; negative: nowhere.
void check_repeated(const ConfigValue& value, int free_below, ConfigProblems& problems) {
    if (value.is_map() && free_below != 0 && !is_rule_list(value)) report_repeated(value, problems);
    for (const ConfigValue& item : value.items) check_repeated(item, free_below == 0 ? 0 : -1, problems);
    for (const ConfigValue::Entry& entry : value.entries) {
        const int next = free_below == 0 ? 0 : free_below > 0 ? free_below - 1 : holds_rules(entry.key) ? 1 : -1;
        check_repeated(entry.value, next, problems);
    }
}

// --- included files -----------------------------------------------------------------------------------------------

struct Inclusion {
    std::string path;
    Mark mark;
    std::vector<std::string> allow_only, disallow;
};

class Includer {
public:
    Includer(const ConfigWorld& world, ConfigProblems& problems) : world_(world), problems_(problems) {}

    std::optional<ConfigValue> load(const std::string& path, const Mark& from) {
        if (++files_ > max_config_files) {
            problems_.error(from, "more than " + std::to_string(max_config_files) + " files; does one include itself?");
            return std::nullopt;
        }
        Result<std::string> text = world_.read_file(path);
        if (!text) {
            problems_.error(from, text.error().message);
            return std::nullopt;
        }
        std::optional<ConfigValue> map = parse_yaml(*text, path, problems_);
        if (map && map->is_null()) map = ConfigValue::map({}, Mark(path, 1, 1));
        if (map && !map->is_map()) {
            problems_.error(map->mark,
                            "a configuration is a map of options ('name: value' lines), not " + map->shown());
            return std::nullopt;
        }
        if (map) check_repeated(*map, -1, problems_);
        if (map) include_others(*map, path);
        return map;
    }

private:
    void include_others(ConfigValue& map, const std::string& path) {
        std::vector<Inclusion> wanted;
        for (const ConfigValue::Entry& entry : map.entries)
            if (entry.key == include_key) read_inclusions(entry.value, wanted);
        std::erase_if(map.entries, [](const auto& entry) { return entry.key == include_key; });
        for (const Inclusion& inclusion : wanted) {
            const auto directory = std::filesystem::path(path).parent_path();
            if (auto other = load((directory / inclusion.path).string(), inclusion.mark)) merge(map, *other, inclusion);
        }
    }

    void read_inclusions(const ConfigValue& value, std::vector<Inclusion>& wanted) {
        if (value.is_scalar()) wanted.push_back(Inclusion{value.text, value.mark, {}, {}});
        if (value.is_null()) problems_.error(value.mark, "'include_config_file' names no file");
        for (const ConfigValue& item : value.items) read_inclusions(item, wanted);
        for (const ConfigValue::Entry& entry : value.entries) wanted.push_back(read_limits(entry));
    }

    Inclusion read_limits(const ConfigValue::Entry& entry) {
        Inclusion inclusion{entry.key, entry.mark, {}, {}};
        for (const ConfigValue::Entry& limit : entry.value.entries) {
            const Result<std::vector<std::string>> names = read_strings(limit.key, limit.value);
            if (!names)
                problems_.errors.push_back(names.error().message);
            else if (limit.key == "allow_only")
                inclusion.allow_only = *names;
            else if (limit.key == "disallow")
                inclusion.disallow = *names;
            else
                problems_.error(limit.mark, "'" + limit.key + "' must be allow_only or disallow");
        }
        return inclusion;
    }

    static bool permitted(const Inclusion& inclusion, std::string_view option) {
        const auto has = [&](const auto& names) {
            return std::find(names.begin(), names.end(), option) != names.end();
        };
        return !has(inclusion.disallow) && (inclusion.allow_only.empty() || has(inclusion.allow_only));
    }

    void merge(ConfigValue& map, ConfigValue& other, const Inclusion& inclusion) {
        for (ConfigValue::Entry& entry : other.entries) {
            const auto mine = std::find_if(map.entries.begin(), map.entries.end(),
                                           [&](const auto& each) { return each.key == entry.key; });
            if (!permitted(inclusion, entry.key))
                problems_.error(entry.mark,
                                "'" + entry.key + "' is not allowed in this file, see " + inclusion.mark.str());
            else if (mine == map.entries.end())
                map.entries.push_back(std::move(entry));
            else if (adds_up(entry.key) && mine->value.is_map() && entry.value.is_map())
                add_up(mine->value, entry.value);
            else
                problems_.error(entry.mark, "'" + entry.key + "' is given already at " + mine->mark.str());
        }
    }

    void add_up(ConfigValue& mine, ConfigValue& others) {
        for (ConfigValue::Entry& entry : others.entries) {
            const auto first = std::find_if(mine.entries.begin(), mine.entries.end(),
                                            [&](const auto& each) { return each.key == entry.key; });
            if (first == mine.entries.end())
                mine.entries.push_back(std::move(entry));
            else
                problems_.error(entry.mark, "'" + entry.key + "' is given already at " + first->mark.str());
        }
    }

    const ConfigWorld& world_;
    ConfigProblems& problems_;
    std::size_t files_ = 0;
};

// --- macros and keywords ------------------------------------------------------------------------------------------

class Expander {
public:
    Expander(const ConfigWorld& world, ConfigProblems& problems) : world_(world), problems_(problems) {
        add_keyword("HOSTNAME", world.hostname);
        add_keyword("VERSION", world.version);
        add_keyword("SEMVER", world.version);
    }

    // Takes the definitions out of the map and replaces what uses them.
    void run(ConfigValue& map) {
        for (const ConfigValue::Entry& entry : map.entries)
            if (entry.key == macro_key || entry.key == keyword_key) define(entry);
        std::erase_if(map.entries,
                      [](const auto& entry) { return entry.key == macro_key || entry.key == keyword_key; });
        expand(map, 0);
    }

private:
    struct Definition {
        ConfigValue value;
        bool whole;  // a macro: also without the @ signs
    };

    void add_keyword(const std::string& name, const std::string& text) {
        definitions_.insert_or_assign(name, Definition{ConfigValue::scalar(text), false});
    }

    void define(const ConfigValue::Entry& definitions) {
        const bool macro = definitions.key == macro_key;
        if (!definitions.value.is_map() && !definitions.value.is_null())
            problems_.error(definitions.value.mark, "'" + definitions.key + "' must be a map of names to values");
        for (const ConfigValue::Entry& entry : definitions.value.entries) {
            if (!macro && !entry.value.is_scalar())
                problems_.error(entry.value.mark,
                                "the keyword '" + entry.key + "' must be a text; use define_macro for other values");
            definitions_.insert_or_assign(entry.key, Definition{entry.value, macro});
        }
    }

    // The environment goes before the file.
    const Definition* find(std::string_view name) {
        if (name.empty() || name.size() > max_macro_name_bytes) return nullptr;
        const auto found = definitions_.find(name);
        for (const char* prefix : {"ROOKERY_MACRO_", "EJABBERD_MACRO_"}) {
            const auto text = world_.environment(prefix + std::string(name));
            if (!text) continue;
            const Mark mark(prefix + std::string(name), 1, 1);
            Definition definition{ConfigValue::scalar(*text, mark), found == definitions_.end() || found->second.whole};
            return &from_environment_.insert_or_assign(std::string(name), std::move(definition)).first->second;
        }
        return found == definitions_.end() ? nullptr : &found->second;
    }

    // False: too deep or too much; told once.
    bool affordable(const Mark& mark, int depth, std::size_t bytes) {
        if (exhausted_) return false;
        expanded_bytes_ += bytes;
        const bool room = ++expanded_ <= max_config_nodes && expanded_bytes_ <= max_expanded_bytes;
        if (depth <= max_macro_depth && room) return true;
        exhausted_ = true;
        problems_.error(mark, depth > max_macro_depth ? "this macro stands for itself, or is nested too deep"
                                                      : "macros expand to too much");
        return false;
    }

    void expand(ConfigValue& value, int depth) {
        if (!affordable(value.mark, depth, value.text.size())) return;
        if (value.is_scalar()) return expand_scalar(value, depth);
        for (ConfigValue& item : value.items) expand(item, depth);
        for (ConfigValue::Entry& entry : value.entries) {
            expand_key(entry, depth);
            expand(entry.value, depth);
        }
    }

    // A value that is nothing but a macro becomes what the macro stands for.
    void expand_scalar(ConfigValue& value, int depth) {
        const bool at_signs = value.text.size() > 2 && value.text.front() == '@' && value.text.back() == '@';
        const std::string name = at_signs ? value.text.substr(1, value.text.size() - 2) : value.text;
        const Definition* whole = find(name);
        if (whole && (at_signs || whole->whole)) {
            value = whole->value;
            expand(value, depth + 1);
            return;
        }
        value.text = expand_text(value.text, value.mark, depth);
    }

    void expand_key(ConfigValue::Entry& entry, int depth) {
        ConfigValue key = ConfigValue::scalar(entry.key, entry.mark);
        expand_scalar(key, depth);
        if (key.is_scalar())
            entry.key = key.text;
        else
            problems_.error(entry.mark, "'" + entry.key + "' stands for " + key.shown() + " and cannot be a name");
    }

    std::string expand_text(std::string_view text, const Mark& mark, int depth) {
        std::string out;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t open = std::min(text.find('@', at), text.size());
            const std::size_t close = open < text.size() ? text.find('@', open + 1) : text.npos;
            out += text.substr(at, open - at);
            if (close == text.npos) return out + std::string(text.substr(open));
            const Definition* found = find(text.substr(open + 1, close - open - 1));
            const bool usable =
                found && found->value.is_scalar() && affordable(mark, depth + 1, found->value.text.size());
            if (usable) out += expand_text(std::string(found->value.text), mark, depth + 1);
            if (!usable) out += text.substr(open, close - open);  // the closing sign may open the next one
            at = usable ? close + 1 : close;
        }
        return out;
    }

    const ConfigWorld& world_;
    ConfigProblems& problems_;
    std::map<std::string, Definition, std::less<>> definitions_;
    std::map<std::string, Definition, std::less<>> from_environment_;
    std::size_t expanded_ = 0;
    std::size_t expanded_bytes_ = 0;
    bool exhausted_ = false;
};

Result<std::string> read_whole_file(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
        return Error(ErrorCode::invalid, path + " is a directory, not a file");
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return Error(ErrorCode::not_found, "cannot read " + path + ": " + std::generic_category().message(errno));
    std::string text(max_config_bytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > max_config_bytes)
        return Error(ErrorCode::limit, path + " is larger than " + size_text(max_config_bytes));
    return text;
}

std::string local_hostname() {
    std::array<char, 256> name{};
    return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace

ConfigWorld ConfigWorld::real() {
    ConfigWorld world;
    world.read_file = read_whole_file;
    world.environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
    world.hostname = local_hostname();
    world.version = rookery::version();
    return world;
}

std::optional<ConfigValue> load_config_file(const std::string& path, const ConfigWorld& world,
                                            ConfigProblems& problems) {
    const std::size_t errors_before = problems.errors.size();
    std::optional<ConfigValue> map = Includer(world, problems).load(path, Mark());
    if (map) Expander(world, problems).run(*map);
    if (problems.errors.size() != errors_before) return std::nullopt;
    return map;
}

void replace_host(ConfigValue& value, std::string_view host) {
    constexpr std::string_view sign = "@HOST@";
    for (std::size_t at = value.text.find(sign); at != value.text.npos; at = value.text.find(sign, at + host.size()))
        value.text.replace(at, sign.size(), host);
    for (ConfigValue& item : value.items) replace_host(item, host);
    for (ConfigValue::Entry& entry : value.entries) {
        ConfigValue key = ConfigValue::scalar(entry.key);
        replace_host(key, host);
        entry.key = std::move(key.text);
        replace_host(entry.value, host);
    }
}

std::string config_fingerprint(const ConfigValue& value) {
    const auto counted = [](std::string_view text) { return std::to_string(text.size()) + ":" + std::string(text); };
    std::string out;
    switch (value.kind) {
        case ConfigValue::Kind::null:
            return "~";
        case ConfigValue::Kind::scalar:
            return counted(value.text);
        case ConfigValue::Kind::list:
            for (const ConfigValue& item : value.items) out += config_fingerprint(item) + ",";
            return "[" + out + "]";
        case ConfigValue::Kind::map:
            for (const ConfigValue::Entry& entry : value.entries)
                out += counted(entry.key) + "=" + config_fingerprint(entry.value) + ",";
            return "{" + out + "}";
    }
    return out;
}

}  // namespace rookery
