#include "base/value.h"

#include <algorithm>
#include <cassert>

namespace rookery {

Value::Value(Object members) : held_(std::move(members)) {}

Value Value::object(std::initializer_list<Member> members) { return Value(Object(members)); }

std::optional<double> Value::as_double() const {
    if (const auto number = as_int()) return static_cast<double>(*number);
    return copy_of<double>();
}

const Value* Value::find(std::string_view name) const {
    const Object* members = as_object();
    if (!members) return nullptr;
    const auto found = std::find_if(members->begin(), members->end(), [&](const Member& m) { return m.name == name; });
    return found == members->end() ? nullptr : &found->value;
}

const Value& Value::operator[](std::string_view name) const {
    static const Value null;
    const Value* found = find(name);
    return found ? *found : null;
}

Value& Value::set(std::string_view name, Value value) {
    if (is_null()) held_ = Object();
    assert(is_object());
    Object& members = std::get<Object>(held_);
    const auto found = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.name == name; });
    if (found != members.end())
        found->value = std::move(value);
    else
        members.emplace_back(name, std::move(value));
    return *this;
}

Value& Value::append(Value value) {
    if (is_null()) held_ = List();
    assert(is_list());
    std::get<List>(held_).push_back(std::move(value));
    return *this;
}

bool Value::operator==(const Value& other) const { return held_ == other.held_; }

}  // namespace rookery
