#include "xmpp/payload/data_form.h"

#include <algorithm>
#include <set>

#include "xmpp/jid.h"

namespace rookery {
namespace {

constexpr const char* data_ns = "jabber:x:data";
const xml::Name title_name{data_ns, "title"};
const xml::Name instructions_name{data_ns, "instructions"};
const xml::Name field_name{data_ns, "field"};
const xml::Name value_name{data_ns, "value"};
const xml::Name option_name{data_ns, "option"};
const xml::Name required_name{data_ns, "required"};
const xml::Name description_name{data_ns, "desc"};
const xml::Name reported_name{data_ns, "reported"};
const xml::Name item_name{data_ns, "item"};

constexpr const char* field_types[] = {"text-single", "boolean",    "fixed",       "hidden",     "jid-multi",
                                       "jid-single",  "list-multi", "list-single", "text-multi", "text-private"};
constexpr const char* form_types[] = {"form", "submit", "cancel", "result"};

template <class Enum, std::size_t size>
std::optional<Enum> find_in(const char* const (&names)[size], std::string_view name) {
    for (std::size_t i = 0; i < size; ++i) {
        if (name == names[i]) return static_cast<Enum>(i);
    }
    return std::nullopt;
}

FormField parse_field(xml::View element) {
    FormField field;
    field.var = element.attr_or("var", "");
    field.label = element.attr_or("label", "");
    if (const auto type = element.attr("type")) {
        field.type = find_in<FieldType>(field_types, *type).value_or(FieldType::text_single);
    }
    for (const auto child : element.children()) {
        if (child.is(value_name)) field.values.push_back(child.text());
        if (child.is(option_name)) {
            field.options.push_back({child.child(value_name).text(), std::string(child.attr_or("label", ""))});
        }
        if (child.is(description_name)) field.description = child.text();
        if (child.is(required_name)) field.required = true;
    }
    return field;
}

bool may_be_nameless(const FormField& field) { return field.type == FieldType::fixed; }

std::optional<std::vector<FormField>> parse_fields(xml::View parent) {
    std::vector<FormField> fields;
    std::set<std::string, std::less<>> seen;
    for (const auto child : parent.children()) {
        if (!child.is(field_name)) continue;
        auto field = parse_field(child);
        if (field.var.empty() ? !may_be_nameless(field) : !seen.insert(field.var).second) return std::nullopt;
        fields.push_back(std::move(field));
    }
    return fields;
}

xml::Element write_field(const FormField& field) {
    xml::Element element(field_name);
    if (!field.var.empty()) element.set("var", field.var);
    if (field.type) element.set("type", field_types[static_cast<std::size_t>(*field.type)]);
    if (!field.label.empty()) element.set("label", field.label);
    if (!field.description.empty()) element.add_text_child(description_name, field.description);
    if (field.required) element.add(xml::Element(required_name));
    for (const auto& value : field.values) element.add_text_child(value_name, value);
    for (const auto& option : field.options) {
        xml::Element child(option_name);
        if (!option.label.empty()) child.set("label", option.label);
        element.add(child.add_text_child(value_name, option.value));
    }
    return element;
}

void write_fields(xml::Element& parent, const std::vector<FormField>& fields) {
    for (const auto& field : fields) parent.add(write_field(field));
}

const FormField* find_field(const std::vector<FormField>& fields, std::string_view var) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const FormField& f) { return f.var == var; });
    return found == fields.end() ? nullptr : &*found;
}

bool takes_many(FieldType type) {
    return type == FieldType::jid_multi || type == FieldType::list_multi || type == FieldType::text_multi;
}

bool is_option(const FormField& asked, const std::string& value) {
    return std::any_of(asked.options.begin(), asked.options.end(), [&](const auto& o) { return o.value == value; });
}

bool fits(const FormField& asked, FieldType type, const std::string& value) {
    switch (type) {
        case FieldType::boolean:
            return parse_boolean(value).has_value();
        case FieldType::jid_single:
        case FieldType::jid_multi:
            return Jid::parse(value).has_value();
        case FieldType::list_single:
        case FieldType::list_multi:
            return is_option(asked, value);
        default:
            return true;
    }
}

const char* refuse_answer(const FormField& asked, const FormField* answer) {
    const auto type = asked.type.value_or(FieldType::text_single);
    const bool answered = answer && !answer->values.empty();
    if (!answered) return asked.required ? "a required field is missing" : nullptr;
    if (!takes_many(type) && answer->values.size() > 1) return "a field has more than one value";
    const bool good = std::all_of(answer->values.begin(), answer->values.end(),
                                  [&](const std::string& value) { return fits(asked, type, value); });
    return good ? nullptr : "a field has a value of the wrong kind";
}

}  // namespace

const xml::Name DataForm::name{data_ns, "x"};

DataForm::DataForm(FormType kind, std::string_view form_type_field) : type(kind) {
    add(FormField("FORM_TYPE", FieldType::hidden, {std::string(form_type_field)}));
}

std::optional<DataForm> DataForm::parse(xml::View element) {
    if (!element.is(name)) return std::nullopt;
    const auto type = find_in<FormType>(form_types, element.attr_or("type", ""));
    auto fields = parse_fields(element);
    auto reported = parse_fields(element.child(reported_name));
    if (!type || !fields || !reported) return std::nullopt;
    DataForm form(*type);
    form.fields = std::move(*fields);
    form.reported = std::move(*reported);
    for (const auto child : element.children()) {
        if (child.is(title_name)) form.title = child.text();
        if (child.is(instructions_name)) form.instructions.push_back(child.text());
        if (!child.is(item_name)) continue;
        auto item = parse_fields(child);
        if (!item) return std::nullopt;
        form.items.push_back(std::move(*item));
    }
    return form;
}

xml::Element DataForm::to_xml() const {
    xml::Element element(name);
    element.set("type", form_types[static_cast<std::size_t>(type)]);
    if (!title.empty()) element.add_text_child(title_name, title);
    for (const auto& line : instructions) element.add_text_child(instructions_name, line);
    write_fields(element, fields);
    if (!reported.empty()) {
        xml::Element columns(reported_name);
        write_fields(columns, reported);
        element.add(columns);
    }
    for (const auto& item : items) {
        xml::Element row(item_name);
        write_fields(row, item);
        element.add(row);
    }
    return element;
}

DataForm& DataForm::add(FormField field) {
    fields.push_back(std::move(field));
    return *this;
}

const FormField* DataForm::field(std::string_view var) const { return find_field(fields, var); }

std::optional<std::string_view> DataForm::value(std::string_view var) const {
    const auto* found = field(var);
    if (!found || found->values.empty()) return std::nullopt;
    return found->values.front();
}

std::optional<bool> DataForm::flag(std::string_view var) const {
    const auto text = value(var);
    return text ? parse_boolean(*text) : std::nullopt;
}

std::string_view DataForm::form_type() const { return value("FORM_TYPE").value_or(""); }

std::optional<std::string> DataForm::refuse(const DataForm& submission) const {
    if (submission.type != FormType::submit) return "not a submitted form";
    if (!form_type().empty() && submission.form_type() != form_type()) return "another FORM_TYPE";
    for (const auto& asked : fields) {
        if (asked.type == FieldType::fixed || asked.type == FieldType::hidden) continue;
        const auto* why = refuse_answer(asked, submission.field(asked.var));
        if (why) return std::string(why) + ": " + asked.var;
    }
    return std::nullopt;
}

std::optional<bool> parse_boolean(std::string_view text) {
    if (text == "1" || text == "true") return true;
    if (text == "0" || text == "false") return false;
    return std::nullopt;
}

}  // namespace rookery
