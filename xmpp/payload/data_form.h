// XEP-0004: data forms, and the FORM_TYPE convention of XEP-0068.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/xml/element.h"

namespace rookery {

enum class FieldType {
    text_single,
    boolean,
    fixed,
    hidden,
    jid_multi,
    jid_single,
    list_multi,
    list_single,
    text_multi,
    text_private
};

struct FormOption {
    std::string value;
    std::string label;
};

struct FormField {
    std::string var;
    // Submissions may leave it out: then the form's own field knows.
    std::optional<FieldType> type;
    std::string label;
    std::string description;
    bool required = false;
    std::vector<std::string> values;
    std::vector<FormOption> options;

    FormField() = default;
    FormField(std::string name, std::optional<FieldType> field_type, std::vector<std::string> field_values = {},
              std::string field_label = {})
        : var(std::move(name)), type(field_type), label(std::move(field_label)), values(std::move(field_values)) {}
};

enum class FormType { form, submit, cancel, result };

struct DataForm {
    static const xml::Name name;

    FormType type;
    std::string title;
    std::vector<std::string> instructions;
    std::vector<FormField> fields;
    std::vector<FormField> reported;            // of a table of results: the columns
    std::vector<std::vector<FormField>> items;  // and the rows

    explicit DataForm(FormType form_type) : type(form_type) {}
    DataForm(FormType form_type, std::string_view form_type_field);  // with a hidden FORM_TYPE

    // nullopt: another element, no or an unknown type, a field that needs a name and has none, or two of one name.
    // An unknown field type is text-single (XEP-0004 3.3).
    static std::optional<DataForm> parse(xml::View element);
    xml::Element to_xml() const;

    DataForm& add(FormField field);

    const FormField* field(std::string_view var) const;                 // nullptr: not there
    std::optional<std::string_view> value(std::string_view var) const;  // the first value; nullopt: none
    std::optional<bool> flag(std::string_view var) const;               // nullopt: not there, or neither true nor false
    std::string_view form_type() const;                                 // FORM_TYPE, or empty

    // Why `submission` is no good answer to this form; nullopt: it is good. Fields this form does not know are
    // ignored, as XEP-0004 wants.
    std::optional<std::string> refuse(const DataForm& submission) const;
};

std::optional<bool> parse_boolean(std::string_view text);  // "1", "true", "0", "false"

}  // namespace rookery
