#include "core/command.h"

#include <algorithm>
#include <stdexcept>

#include "base/bytes.h"
#include "base/config_value.h"

namespace rookery {

Task<Result<Value>> ServerControl::upgrade(std::string) {
    co_return Error(ErrorCode::unavailable, "this server cannot be upgraded while it runs");
}
namespace {

const char* type_name(ArgType type) {
    switch (type) {
        case ArgType::text: return "text";
        case ArgType::integer: return "a whole number";
        case ArgType::boolean: return "true or false";
    }
    return "";
}

bool fits(const Value& value, ArgType type) {
    switch (type) {
        case ArgType::text: return value.is_string();
        case ArgType::integer: return value.is_int();
        case ArgType::boolean: return value.is_bool();
    }
    return false;
}

std::string fault(const Command& command, const Value& args) {
    for (const CommandArg& arg : command.args) {
        const Value* value = args.find(arg.name);
        if (!value || value->is_null()) {
            if (!arg.optional) return std::string("'") + arg.name + "' is missing: " + arg.doc;
        } else if (!fits(*value, arg.type)) {
            return std::string("'") + arg.name + "' must be " + type_name(arg.type);
        } else if (arg.type == ArgType::text && !is_xml_text(*value->as_string())) {
            return std::string("'") + arg.name + "' has characters that no stanza can hold";
        }
    }
    if (const Value::Object* members = args.as_object())
        for (const Value::Member& member : *members)
            if (std::ranges::none_of(command.args, [&](const CommandArg& arg) { return member.name == arg.name; }))
                return std::string(command.name) + " takes no '" + member.name + "'";
    return {};
}

}  // namespace

const std::string& Arguments::text(std::string_view name) const {
    static const std::string none;
    const Value* value = values_.find(name);
    return value && value->as_string() ? *value->as_string() : none;
}

std::int64_t Arguments::integer(std::string_view name, std::int64_t otherwise) const {
    return values_[name].as_int().value_or(otherwise);
}

bool Arguments::boolean(std::string_view name, bool otherwise) const {
    return values_[name].as_bool().value_or(otherwise);
}

bool Arguments::has(std::string_view name) const {
    const Value* value = values_.find(name);
    return value && !value->is_null();
}

void CommandTable::add(Command command) {
    const auto at = std::ranges::lower_bound(commands_, std::string_view(command.name), {},
                                             [](const Command& known) { return std::string_view(known.name); });
    if (at != commands_.end() && std::string_view(at->name) == command.name)
        throw std::logic_error(std::string("two commands named ") + command.name);
    commands_.insert(at, std::move(command));
}

const Command* CommandTable::find(std::string_view name) const {
    const auto at = std::ranges::find(commands_, name, [](const Command& known) { return std::string_view(known.name); });
    return at == commands_.end() ? nullptr : &*at;
}

std::string CommandTable::unknown(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const Command& command : commands_) names.emplace_back(command.name);
    const std::optional<std::string_view> near = nearest(name, names);
    return "no command '" + std::string(name) + "'" + (near ? "; did you mean '" + std::string(*near) + "'?" : "");
}

Task<Result<Value>> CommandTable::run(CommandContext context, std::string name, Value args) const {
    const Command* command = find(name);
    if (!command) co_return Error(ErrorCode::not_found, unknown(name));
    std::string wrong = fault(*command, args);
    if (!wrong.empty()) co_return Error(ErrorCode::invalid, std::move(wrong));
    Arguments arguments(std::move(args));
    Task<Result<Value>> work = command->run(context, std::move(arguments));
    Result<Value> result = co_await work;
    co_return result;
}

}  // namespace rookery
