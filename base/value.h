// Value: a JSON-like value for the arguments and results of commands. Conversion from and to JSON text is elsewhere.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace rookery {

namespace detail {
// A template only so that it is looked into when Value is complete.
template <class V>
struct ValueMember {
    std::string name;
    V value;

    ValueMember(std::string_view member_name, V member_value) : name(member_name), value(std::move(member_value)) {}
    bool operator==(const ValueMember& other) const { return name == other.name && value == other.value; }
};
}  // namespace detail

class Value {
public:
    using Member = detail::ValueMember<Value>;  // name, value
    using List = std::vector<Value>;
    using Object = std::vector<Member>;  // in the order of insertion

    Value() = default;  // null
    Value(std::nullptr_t) {}
    Value(bool flag) : held_(flag) {}
    Value(std::integral auto number) : held_(static_cast<std::int64_t>(number)) {}
    Value(double number) : held_(number) {}
    Value(std::string text) : held_(std::move(text)) {}
    Value(std::string_view text) : held_(std::string(text)) {}
    Value(const char* text) : held_(std::string(text)) {}
    Value(List values) : held_(std::move(values)) {}
    Value(Object members);

    // Value::list({1, "two"}), Value::object({{"name", "bob"}, {"age", 7}})
    static Value list(std::initializer_list<Value> values = {}) { return Value(List(values)); }
    static Value object(std::initializer_list<Member> members = {});

    bool is_null() const { return std::holds_alternative<std::monostate>(held_); }
    bool is_bool() const { return std::holds_alternative<bool>(held_); }
    bool is_int() const { return std::holds_alternative<std::int64_t>(held_); }
    bool is_double() const { return std::holds_alternative<double>(held_); }
    bool is_string() const { return std::holds_alternative<std::string>(held_); }
    bool is_list() const { return std::holds_alternative<List>(held_); }
    bool is_object() const { return std::holds_alternative<Object>(held_); }

    // What it holds, if it is of that type: no conversion but int -> double.
    std::optional<bool> as_bool() const { return copy_of<bool>(); }
    std::optional<std::int64_t> as_int() const { return copy_of<std::int64_t>(); }
    std::optional<double> as_double() const;
    const std::string* as_string() const { return std::get_if<std::string>(&held_); }
    const List* as_list() const { return std::get_if<List>(&held_); }
    const Object* as_object() const { return std::get_if<Object>(&held_); }
    std::string string_or(std::string_view other) const { return as_string() ? *as_string() : std::string(other); }

    // Member of an object; nullptr: not an object, or no such member.
    const Value* find(std::string_view name) const;
    // Member of an object, or null.
    const Value& operator[](std::string_view name) const;

    // Replaces or adds a member; makes an object of null. Only on an object or null.
    Value& set(std::string_view name, Value value);
    // Adds an element; makes a list of null. Only on a list or null.
    Value& append(Value value);

    bool operator==(const Value& other) const;

private:
    template <class T>
    std::optional<T> copy_of() const {
        const T* value = std::get_if<T>(&held_);
        return value ? std::optional<T>(*value) : std::nullopt;
    }

    std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Object> held_;
};

}  // namespace rookery
