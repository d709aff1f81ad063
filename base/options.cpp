#include "base/options.h"

#include <algorithm>

namespace rookery::detail {
namespace {

constexpr std::size_t few = 12;  // so many names a message lists when none is near

bool is_named(const OptionInfo& info, std::string_view key) {
    return info.name == key || std::find(info.aliases.begin(), info.aliases.end(), key) != info.aliases.end();
}

std::string unknown_option(std::string_view key, const std::vector<OptionInfo>& infos) {
    std::vector<std::string_view> names;
    for (const OptionInfo& info : infos) {
        names.push_back(info.name);
        names.insert(names.end(), info.aliases.begin(), info.aliases.end());
    }
    std::string message = "unknown option '" + std::string(key.substr(0, 60)) + "'";
    if (const auto near = nearest(key, names)) return message + "; did you mean '" + std::string(*near) + "'?";
    if (names.empty()) return message + "; there are no options here";
    if (names.size() > few) return message + "; remove it, or look the name up in the manual";
    message += "; known here: ";
    for (std::size_t i = 0; i < names.size(); ++i) message += (i == 0 ? "" : ", ") + std::string(names[i]);
    return message;
}

void report_missing(const ConfigValue& map, const std::vector<OptionInfo>& infos, const std::vector<bool>& given,
                    ConfigProblems& problems) {
    for (std::size_t i = 0; i < infos.size(); ++i)
        if (infos[i].required && !given[i])
            problems.error(map.mark, "'" + infos[i].name + "' is missing: " + infos[i].doc +
                                         cure(infos[i].name, infos[i].example));
}

}  // namespace

std::string example_of(const OptionInfo& info) {
    const bool nothing = info.required || info.default_text == "\"\"" || info.default_text == "[]";
    return info.example.empty() && !nothing ? info.default_text : info.example;
}

std::string cure(std::string_view name, std::string_view example) {
    return example.empty() ? "" : "; write for example '" + std::string(name) + ": " + std::string(example) + "'";
}

std::string quoted_if_needed(std::string_view text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    return out + "\"";
}

std::string list_text(const std::vector<std::string>& texts) {
    std::string out = "[";
    for (std::size_t i = 0; i < texts.size(); ++i) out += (i == 0 ? "" : ", ") + quoted_if_needed(texts[i]);
    return out + "]";
}

std::string number_text(double number) {
    std::string out = std::to_string(number);
    out.erase(out.find_last_not_of('0') + 1);
    return out.back() == '.' ? out + '0' : out;
}

std::string show_integer(std::int64_t number) { return std::to_string(number); }
std::string show_milliseconds(std::int64_t count) { return duration_text(Milliseconds(count)); }
std::string show_size(std::int64_t bytes) { return size_text(bytes); }

std::string whole_range(const std::optional<std::int64_t>& least, const std::optional<std::int64_t>& most,
                        std::string (*show)(std::int64_t), bool or_infinity) {
    std::string range;
    if (least && most)
        range = show(*least) + " to " + show(*most);
    else if (least)
        range = "at least " + show(*least);
    else if (most)
        range = "at most " + show(*most);
    if (!or_infinity) return range;
    return range.empty() ? "or infinity" : range + ", or infinity";
}

std::vector<MatchedEntry> match_entries(const ConfigValue& map, const std::vector<OptionInfo>& infos,
                                        const std::vector<IgnoredOption>& ignored, ConfigProblems& problems) {
    std::vector<MatchedEntry> matched;
    if (!map.is_map() && !map.is_null()) {
        problems.error(map.mark, "a map of options ('name: value' lines) belongs here, not " + map.shown());
        return matched;
    }
    std::vector<bool> given(infos.size());
    for (const ConfigValue::Entry& entry : map.entries) {
        const auto found =
            std::find_if(infos.begin(), infos.end(), [&](const auto& i) { return is_named(i, entry.key); });
        const auto skipped =
            std::find_if(ignored.begin(), ignored.end(), [&](const auto& i) { return i.name == entry.key; });
        const auto index = static_cast<std::size_t>(found - infos.begin());
        if (skipped != ignored.end()) {
            problems.warning(entry.mark, "'" + entry.key + "' does nothing here: " + skipped->why);
        } else if (found == infos.end()) {
            problems.unknown(entry.mark, unknown_option(entry.key, infos));
        } else if (given[index]) {
            problems.error(entry.mark,
                           "'" + entry.key + "' is given twice ('" + found->name + "' is its other name); remove one");
        } else {
            given[index] = true;
            matched.push_back({index, &entry});
        }
    }
    report_missing(map, infos, given, problems);
    return matched;
}

}  // namespace rookery::detail
