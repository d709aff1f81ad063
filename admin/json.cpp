#include "admin/json.h"

#include <nlohmann/json.hpp>

namespace rookery {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_depth = 32;

Json to_tree(const Value& value) {
    if (value.is_bool()) return *value.as_bool();
    if (value.is_int()) return *value.as_int();
    if (value.is_double()) return *value.as_double();
    if (value.is_string()) return *value.as_string();
    if (const Value::List* list = value.as_list()) {
        Json tree = Json::array();
        for (const Value& item : *list) tree.push_back(to_tree(item));
        return tree;
    }
    if (const Value::Object* object = value.as_object()) {
        Json tree = Json::object();
        for (const Value::Member& member : *object) tree[member.name] = to_tree(member.value);
        return tree;
    }
    return nullptr;
}

// Builds a Value while parsing, so that depth and duplicate keys are refused before anything is built of them.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
public:
    Value result;
    std::string fault = "not JSON";

    bool null() override { return put(Value()); }
    bool boolean(bool flag) override { return put(Value(flag)); }
    bool number_integer(number_integer_t number) override { return put(Value(number)); }
    bool number_unsigned(number_unsigned_t number) override {
        if (number > static_cast<number_unsigned_t>(INT64_MAX)) return refuse("a number is too large");
        return put(Value(static_cast<std::int64_t>(number)));
    }
    bool number_float(number_float_t number, const string_t&) override { return put(Value(number)); }
    bool string(string_t& text) override { return put(Value(std::move(text))); }
    bool binary(binary_t&) override { return refuse("not JSON"); }
    bool start_object(std::size_t) override { return open(Value::object()); }
    bool key(string_t& name) override {
        if (open_.back().value.find(name)) return refuse("key '" + name + "' stands twice");
        open_.back().key = std::move(name);
        return true;
    }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(Value::list()); }
    bool end_array() override { return close(); }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

private:
    struct Open {
        Value value;
        std::string key;
    };

    bool refuse(std::string why) {
        fault = std::move(why);
        return false;
    }
    bool open(Value value) {
        if (open_.size() >= max_depth) return refuse("nested too deeply");
        open_.push_back(Open{std::move(value), {}});
        return true;
    }
    bool close() {
        Value done = std::move(open_.back().value);
        open_.pop_back();
        return put(std::move(done));
    }
    bool put(Value value) {
        if (open_.empty())
            result = std::move(value);
        else if (open_.back().value.is_list())
            open_.back().value.append(std::move(value));
        else
            open_.back().value.set(open_.back().key, std::move(value));
        return true;
    }

    std::vector<Open> open_;
};

}  // namespace

std::string to_json(const Value& value, int indent) {
    return to_tree(value).dump(indent, ' ', false, Json::error_handler_t::replace);
}

Result<Value> parse_json(std::string_view text) {
    Builder builder;
    if (!nlohmann::json::sax_parse(text, &builder)) return Error(ErrorCode::invalid, builder.fault);
    return std::move(builder.result);
}

}  // namespace rookery
