// OptionTable<Struct>: one declaration from which the parsing of a YAML map into a struct, the messages, the manual and
// the commented example come.
//
//   struct PingOptions { bool send_pings = false; Seconds idle_after{60}; Action on_silence = Action::none; };
//   OptionTable<PingOptions> table;
//   table.option("send_pings", &PingOptions::send_pings, "Ping clients that fell silent")
//        .option("idle_after", &PingOptions::idle_after, "How long silence may last", at_least(Seconds{1}), alias("ping_interval"))
//        .option("on_silence", &PingOptions::on_silence, "What then", one_of<Action>({{"none", Action::none}, {"kill", Action::kill}}))
//        .ignored("timeout_margin", "the timer wheel needs none");
//
// The default of an option is what a default-constructed struct holds. Member types: bool, whole numbers (from 0 unless
// at_least says less), double, any std::chrono duration, ByteSize, std::string, vector<string> (a scalar is a list
// of one), enums and strings with one_of, ConfigValue (taken as it is), std::optional of these (not set), structs and vectors of structs with
// nested(table), and anything with read_with or a specialisation of OptionType.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/config_value.h"

namespace rookery {

// A number of bytes, written `64 KB` in the file.
struct ByteSize {
    std::int64_t bytes = 0;
    bool operator==(const ByteSize&) const = default;
};
inline constexpr ByteSize operator""_B(unsigned long long count) { return {static_cast<std::int64_t>(count)}; }
inline constexpr ByteSize operator""_KB(unsigned long long count) { return {static_cast<std::int64_t>(count << 10)}; }
inline constexpr ByteSize operator""_MB(unsigned long long count) { return {static_cast<std::int64_t>(count << 20)}; }

// What `infinity` became in a duration member, whatever its unit.
template <class Rep, class Period>
constexpr bool is_forever(std::chrono::duration<Rep, Period> duration) {
    using D = std::chrono::duration<Rep, Period>;
    if constexpr (std::ratio_less_equal_v<Period, std::milli>)
        return duration == D::max();
    else
        return duration >= std::chrono::duration_cast<D>(forever);
}

// One line of the manual.
struct OptionInfo {
    std::string name;
    std::string type;                  // "true or false", "time", "size", "whole number", ...
    std::string default_text;          // as one would write it; "" for "not set"
    std::string range;                 // "at least 1 second", "none, kill"; "" when any
    std::string doc;
    std::vector<std::string> aliases;  // ejabberd's name where it differs
    bool required = false;
    bool restart = false;              // a reload does not apply it
    std::string example;               // of a value, for messages; "": what the reader thinks of
    std::vector<OptionInfo> nested;    // of a struct or a list of structs
};

// Specialise for own types (Jid): static constexpr std::string_view type; static Result<T> read(name, value);
// static std::string show(const T&).
template <class T>
struct OptionType;

template <class Struct>
class OptionTable;

namespace detail {

template <class T>
struct OptionalInner { using Type = T; static constexpr bool optional = false; };
template <class T>
struct OptionalInner<std::optional<T>> { using Type = T; static constexpr bool optional = true; };

template <class T>
struct IsDuration : std::false_type {};
template <class R, class P>
struct IsDuration<std::chrono::duration<R, P>> : std::true_type {};

template <class T>
concept WholeNumber = std::integral<T> && !std::same_as<T, bool>;

// What the modifiers of one option say. T: the member's type, without std::optional.
template <class T>
struct OptionRules {
    std::optional<std::int64_t> least, most;  // milliseconds for durations, bytes for sizes
    std::optional<double> least_real, most_real;
    bool or_infinity = false;
    bool required = false;
    bool restart = false;
    std::vector<std::pair<std::string, T>> choices;
    std::vector<std::string> aliases;
    std::function<std::optional<std::string>(const T&)> check;
    std::function<std::optional<T>(std::string_view, const ConfigValue&, ConfigProblems&)> reader;
    std::string type;
    std::string example;
    std::vector<OptionInfo> nested;
};

template <class V>
std::int64_t whole_bound(const V& value) {
    if constexpr (IsDuration<V>::value)
        return std::chrono::duration_cast<Milliseconds>(value).count();
    else if constexpr (std::same_as<V, ByteSize>)
        return value.bytes;
    else
        return static_cast<std::int64_t>(value);
}
template <class V>
double real_bound(const V& value) {
    if constexpr (std::is_arithmetic_v<V>)
        return static_cast<double>(value);
    else
        return 0;
}

template <class V>
struct AtLeast {
    V bound;
    template <class T>
    void apply(OptionRules<T>& rules) const {
        rules.least = whole_bound(bound);
        rules.least_real = real_bound(bound);
    }
};
template <class V>
struct AtMost {
    V bound;
    template <class T>
    void apply(OptionRules<T>& rules) const {
        rules.most = whole_bound(bound);
        rules.most_real = real_bound(bound);
    }
};
template <class V>
struct Between {
    V low, high;
    template <class T>
    void apply(OptionRules<T>& rules) const {
        AtLeast<V>{low}.apply(rules);
        AtMost<V>{high}.apply(rules);
    }
};
struct OrInfinity {
    template <class T>
    void apply(OptionRules<T>& rules) const { rules.or_infinity = true; }
};
struct Required {
    template <class T>
    void apply(OptionRules<T>& rules) const { rules.required = true; }
};
struct NeedsRestart {
    template <class T>
    void apply(OptionRules<T>& rules) const { rules.restart = true; }
};
struct Example {
    std::string text;
    template <class T>
    void apply(OptionRules<T>& rules) const { rules.example = text; }
};
struct Alias {
    std::string name;
    template <class T>
    void apply(OptionRules<T>& rules) const { rules.aliases.push_back(name); }
};
template <class V>
struct OneOf {
    std::vector<std::pair<std::string, V>> choices;
    void apply(OptionRules<V>& rules) const { rules.choices = choices; }
};
template <class F>
struct Checked {
    F check;
    template <class T>
    void apply(OptionRules<T>& rules) const { rules.check = check; }
};
template <class F>
struct ReadWith {
    std::string type;
    F read;
    template <class T>
    void apply(OptionRules<T>& rules) const {
        rules.type = type;
        rules.reader = read;
    }
};

// Keeps the reading of lists and the choice of words out of the templates (base/options.cpp).
std::string quoted_if_needed(std::string_view text);
std::string list_text(const std::vector<std::string>& texts);
std::string number_text(double number);
std::string whole_range(const std::optional<std::int64_t>& least, const std::optional<std::int64_t>& most,
                        std::string (*show)(std::int64_t), bool or_infinity);
std::string show_integer(std::int64_t number);
std::string show_milliseconds(std::int64_t count);
std::string show_size(std::int64_t bytes);

template <class T>
IntegerRange integer_range(const OptionRules<T>& rules, std::int64_t most) {
    IntegerRange range;
    range.least = rules.least.value_or(0);
    range.most = std::min(rules.most.value_or(most), most);
    range.or_infinity = rules.or_infinity;
    return range;
}

template <WholeNumber T>
constexpr std::int64_t most_of() {
    constexpr auto most = std::numeric_limits<T>::max();
    return std::cmp_greater(most, unlimited) ? unlimited : static_cast<std::int64_t>(most);
}

template <class D>
D duration_from(Milliseconds read) {
    if (read != forever) return std::chrono::duration_cast<D>(read);
    if constexpr (std::ratio_less_equal_v<typename D::period, std::milli>)
        return D::max();
    else
        return std::chrono::duration_cast<D>(forever);
}
template <class D>
Milliseconds duration_to(D value) {
    return is_forever(value) ? forever : std::chrono::duration_cast<Milliseconds>(value);
}

template <class T>
Result<T> read_one(std::string_view name, const ConfigValue& value, const OptionRules<T>& rules) {
    if (!rules.choices.empty()) {
        std::vector<std::string_view> names;
        for (const auto& choice : rules.choices) names.push_back(choice.first);
        auto index = read_choice(name, value, names, rules.example);
        if (!index) return index.error();
        return rules.choices[*index].second;
    }
    if constexpr (std::same_as<T, bool>) {
        return read_bool(name, value, rules.example);
    } else if constexpr (WholeNumber<T>) {
        auto number = read_integer(name, value, integer_range(rules, most_of<T>()), rules.example);
        if (!number) return number.error();
        return *number == unlimited ? std::numeric_limits<T>::max() : static_cast<T>(*number);
    } else if constexpr (std::floating_point<T>) {
        auto number = read_number(name, value, rules.least_real.value_or(-1e300), rules.most_real.value_or(1e300), rules.example);
        if (!number) return number.error();
        return static_cast<T>(*number);
    } else if constexpr (IsDuration<T>::value) {
        DurationRange range;
        if (rules.least) range.least = Milliseconds(*rules.least);
        if (rules.most) range.most = Milliseconds(*rules.most);
        range.or_infinity = rules.or_infinity;
        auto read = read_duration(name, value, range, rules.example);
        if (!read) return read.error();
        return duration_from<T>(*read);
    } else if constexpr (std::same_as<T, ByteSize>) {
        auto size = read_size(name, value, integer_range(rules, unlimited), rules.example);
        if (!size) return size.error();
        return ByteSize{*size};
    } else if constexpr (std::same_as<T, std::string>) {
        return read_string(name, value, rules.example);
    } else if constexpr (std::same_as<T, std::vector<std::string>>) {
        return read_strings(name, value, rules.example);
    } else if constexpr (std::same_as<T, ConfigValue>) {
        return value;
    } else if constexpr (requires { OptionType<T>::type; }) {
        return OptionType<T>::read(name, value);
    } else {
        return config_mismatch(name, value, "something else", "");  // with read_with or nested only: never reached
    }
}

template <class T>
std::string show_one(const T& value, const OptionRules<T>& rules) {
    if constexpr (std::is_scalar_v<T> || std::same_as<T, std::string>)
        for (const auto& [name, choice] : rules.choices)
            if (choice == value) return name;
    if constexpr (std::same_as<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (WholeNumber<T>) {
        const bool endless = rules.or_infinity && value == std::numeric_limits<T>::max();
        return endless ? "infinity" : std::to_string(value);
    } else if constexpr (std::floating_point<T>) {
        return number_text(value);
    } else if constexpr (IsDuration<T>::value) {
        return duration_text(duration_to(value));
    } else if constexpr (std::same_as<T, ByteSize>) {
        return size_text(value.bytes);
    } else if constexpr (std::same_as<T, std::string>) {
        return quoted_if_needed(value);
    } else if constexpr (std::same_as<T, std::vector<std::string>>) {
        return list_text(value);
    } else if constexpr (requires { OptionType<T>::type; }) {
        return OptionType<T>::show(value);
    } else {
        return "";
    }
}

template <class T>
std::string type_words(const OptionRules<T>& rules) {
    if (!rules.type.empty()) return rules.type;
    if (!rules.choices.empty()) return "one of";
    if constexpr (std::same_as<T, bool>) return "true or false";
    else if constexpr (WholeNumber<T>) return "whole number";
    else if constexpr (std::floating_point<T>) return "number";
    else if constexpr (IsDuration<T>::value) return "time";
    else if constexpr (std::same_as<T, ByteSize>) return "size";
    else if constexpr (std::same_as<T, std::string>) return "text";
    else if constexpr (std::same_as<T, std::vector<std::string>>) return "list of texts";
    else if constexpr (requires { OptionType<T>::type; }) return std::string(OptionType<T>::type);
    else return "map";
}

template <class T>
std::string range_text(const OptionRules<T>& rules) {
    std::string names;
    for (const auto& choice : rules.choices) names += (names.empty() ? "" : ", ") + choice.first;
    if (!names.empty()) return names;
    if constexpr (IsDuration<T>::value) return whole_range(rules.least, rules.most, show_milliseconds, rules.or_infinity);
    if constexpr (std::same_as<T, ByteSize>) return whole_range(rules.least, rules.most, show_size, rules.or_infinity);
    return whole_range(rules.least, rules.most, show_integer, rules.or_infinity);
}

struct IgnoredOption {
    std::string name, why;
};

// The default of an option is the best example, unless it is nothing.
std::string example_of(const OptionInfo& info);
std::string cure(std::string_view name, std::string_view example);  // "; write for example 'name: example'", or nothing

// The part of parse() that knows nothing of the struct: which entry is which option (base/options.cpp). Reports what
// is unknown, given twice, missing or ignored. index: into `infos`, or npos.
struct MatchedEntry {
    std::size_t option;
    const ConfigValue::Entry* entry;
};
std::vector<MatchedEntry> match_entries(const ConfigValue& map, const std::vector<OptionInfo>& infos,
                                        const std::vector<IgnoredOption>& ignored, ConfigProblems& problems);

}  // namespace detail

template <class V>
detail::AtLeast<V> at_least(V bound) { return {bound}; }
template <class V>
detail::AtMost<V> at_most(V bound) { return {bound}; }
template <class V>
detail::Between<V> between(V low, std::type_identity_t<V> high) { return {low, high}; }  // both included
// `infinity` is taken too: numeric_limits::max() of a number, is_forever() of a duration.
inline detail::OrInfinity or_infinity() { return {}; }
inline detail::Required required() { return {}; }
inline detail::NeedsRestart needs_restart() { return {}; }
// For an option without a default: what messages show as a good value.
inline detail::Example example(std::string text) { return {std::move(text)}; }
inline detail::Alias alias(std::string name) { return {std::move(name)}; }
template <class Enum>
detail::OneOf<Enum> one_of(std::vector<std::pair<std::string, Enum>> choices) { return {std::move(choices)}; }
inline detail::OneOf<std::string> one_of(std::initializer_list<const char*> names) {
    detail::OneOf<std::string> allowed;
    for (const char* name : names) allowed.choices.emplace_back(name, name);
    return allowed;
}
// check(value) -> what is wrong ("must not end in a slash"), or nullopt.
template <class F>
detail::Checked<F> checked(F check) { return {std::move(check)}; }
// read(name, ConfigValue, ConfigProblems&) -> optional<T>; reports its errors itself. `type` is for the manual.
template <class F>
detail::ReadWith<F> read_with(std::string type, F read) { return {std::move(type), std::move(read)}; }

template <class Struct>
class OptionTable {
public:
    template <class T, class... Modifiers>
    OptionTable& option(std::string name, T Struct::*member, std::string doc, const Modifiers&... modifiers) {
        using Inner = typename detail::OptionalInner<T>::Type;
        detail::OptionRules<Inner> rules;
        (modifiers.apply(rules), ...);
        describe(name, member, std::move(doc), rules);
        rules.example = detail::example_of(infos_.back());
        readers_.push_back([name = std::move(name), member, rules = std::move(rules)](
                               Struct& into, const ConfigValue& value, ConfigProblems& problems) {
            if (auto read = read_checked<Inner>(name, value, rules, problems)) into.*member = std::move(*read);
        });
        return *this;
    }

    // A name of ejabberd's that is accepted with a warning and does nothing.
    OptionTable& ignored(std::string name, std::string why) {
        ignored_.push_back({std::move(name), std::move(why)});
        return *this;
    }

    // A rule over the whole struct, asked when every option was fine: what is wrong, or nullopt.
    OptionTable& together(std::function<std::optional<std::string>(const Struct&)> check) {
        together_.push_back(std::move(check));
        return *this;
    }

    // nullopt: there were errors, and `problems` names them all. Null reads as an empty map.
    std::optional<Struct> parse(const ConfigValue& map, ConfigProblems& problems) const {
        const std::size_t errors_before = problems.errors.size();
        Struct parsed{};
        for (const auto& [option, entry] : detail::match_entries(map, infos_, ignored_, problems))
            readers_[option](parsed, entry->value, problems);
        if (problems.errors.size() != errors_before) return std::nullopt;
        for (const auto& check : together_)
            if (auto wrong = check(parsed)) problems.error(map.mark, *wrong);
        if (problems.errors.size() != errors_before) return std::nullopt;
        return parsed;
    }

    const std::vector<OptionInfo>& list() const& { return infos_; }
    std::vector<OptionInfo> list() && { return std::move(infos_); }

private:
    template <class T, class Inner>
    void describe(const std::string& name, T Struct::*member, std::string doc, const detail::OptionRules<Inner>& rules) {
        OptionInfo info;
        info.name = name;
        info.type = detail::type_words(rules);
        info.range = detail::range_text(rules);
        info.doc = std::move(doc);
        info.aliases = rules.aliases;
        info.required = rules.required;
        info.restart = rules.restart;
        info.example = rules.example;
        info.nested = rules.nested;
        const Struct defaults{};
        if constexpr (detail::OptionalInner<T>::optional) {
            if (defaults.*member) info.default_text = detail::show_one(*(defaults.*member), rules);
        } else {
            info.default_text = detail::show_one(defaults.*member, rules);
        }
        infos_.push_back(std::move(info));
    }

    template <class T>
    static std::optional<T> read_checked(std::string_view name, const ConfigValue& value,
                                         const detail::OptionRules<T>& rules, ConfigProblems& problems) {
        if (rules.reader) return rules.reader(name, value, problems);
        Result<T> read = detail::read_one<T>(name, value, rules);
        if (!read) {
            problems.errors.push_back(read.error().message);
            return std::nullopt;
        }
        const auto wrong = rules.check ? rules.check(*read) : std::nullopt;
        if (!wrong) return std::move(*read);
        problems.error(value.mark, "'" + std::string(name) + "' " + *wrong + detail::cure(name, rules.example));
        return std::nullopt;
    }

    std::vector<OptionInfo> infos_;
    std::vector<std::function<void(Struct&, const ConfigValue&, ConfigProblems&)>> readers_;  // one for each of infos_
    std::vector<detail::IgnoredOption> ignored_;
    std::vector<std::function<std::optional<std::string>(const Struct&)>> together_;
};

namespace detail {

template <class Inner>
struct Nested {
    OptionTable<Inner> table;

    void apply(OptionRules<Inner>& rules) const {
        rules.nested = table.list();
        rules.type = "map";
        rules.reader = [inner = table](std::string_view, const ConfigValue& value, ConfigProblems& problems) {
            return inner.parse(value, problems);
        };
    }
    void apply(OptionRules<std::vector<Inner>>& rules) const {
        rules.nested = table.list();
        rules.type = "list of maps";
        rules.reader = [inner = table](std::string_view name, const ConfigValue& value, ConfigProblems& problems) {
            return read_list(inner, name, value, problems);
        };
    }

    static std::optional<std::vector<Inner>> read_list(const OptionTable<Inner>& inner, std::string_view name,
                                                       const ConfigValue& value, ConfigProblems& problems) {
        std::vector<Inner> read;
        if (!value.is_list() && !value.is_null())
            problems.errors.push_back(config_mismatch(name, value, "a list of maps", "[]").message);
        for (const ConfigValue& item : value.items)
            if (auto one = inner.parse(item, problems)) read.push_back(std::move(*one));
        return read;
    }
};

}  // namespace detail

// For a member that is a struct (a map in the file) or a vector of structs (a list of maps).
template <class Inner>
detail::Nested<Inner> nested(OptionTable<Inner> table) { return {std::move(table)}; }

}  // namespace rookery
