#include "xmpp/payload/disco.h"

#include <algorithm>

#include "base/bytes.h"

namespace rookery {
namespace {

constexpr const char* info_ns = "http://jabber.org/protocol/disco#info";
constexpr const char* items_ns = "http://jabber.org/protocol/disco#items";
const xml::Name identity_name{info_ns, "identity"};
const xml::Name feature_name{info_ns, "feature"};
const xml::Name item_name{items_ns, "item"};

// The string to be hashed: texts, each ended by '<'. A part that occurs twice, or a text that could pass for two,
// makes it worthless.
class Verification {
public:
    void add_identities(const std::vector<DiscoIdentity>& identities) {
        std::vector<std::string> lines;
        for (const auto& each : identities) {
            lines.push_back(each.category + "/" + each.type + "/" + each.lang + "/" + each.name);
        }
        add_set(std::move(lines));
    }

    void add_set(std::vector<std::string> texts) {
        std::sort(texts.begin(), texts.end());
        if (std::adjacent_find(texts.begin(), texts.end()) != texts.end()) good_ = false;
        for (const auto& text : texts) add(text);
    }

    void add_forms(const std::vector<DataForm>& forms) {
        std::vector<const DataForm*> sorted;
        for (const auto& form : forms) {
            if (has_hidden_type(form)) sorted.push_back(&form);
        }
        const auto by_type = [](const auto* a, const auto* b) { return a->form_type() < b->form_type(); };
        const auto same_type = [](const auto* a, const auto* b) { return a->form_type() == b->form_type(); };
        std::sort(sorted.begin(), sorted.end(), by_type);
        if (std::adjacent_find(sorted.begin(), sorted.end(), same_type) != sorted.end()) good_ = false;
        for (const auto* form : sorted) add_form(*form);
    }

    std::optional<std::string> text() && { return good_ ? std::optional(std::move(text_)) : std::nullopt; }

private:
    static bool has_hidden_type(const DataForm& form) {
        const auto* field = form.field("FORM_TYPE");
        return field && field->type == FieldType::hidden && !field->values.empty();
    }

    void add_form(const DataForm& form) {
        const auto& types = form.field("FORM_TYPE")->values;
        if (std::any_of(types.begin(), types.end(), [&](const auto& type) { return type != types.front(); })) {
            good_ = false;
        }
        add(types.front());
        std::vector<const FormField*> fields;
        for (const auto& field : form.fields) {
            if (field.var != "FORM_TYPE") fields.push_back(&field);
        }
        std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->var < b->var; });
        for (const auto* field : fields) add_field(*field);
    }

    void add_field(const FormField& field) {
        add(field.var);
        auto values = field.values;
        std::sort(values.begin(), values.end());
        for (const auto& value : values) add(value);
    }

    void add(const std::string& text) {
        if (text.find('<') != std::string::npos) good_ = false;
        text_.append(text).push_back('<');
    }

    std::string text_;
    bool good_ = true;
};

std::optional<DiscoIdentity> parse_identity(xml::View element) {
    const auto category = element.attr_or("category", "");
    const auto type = element.attr_or("type", "");
    if (category.empty() || type.empty()) return std::nullopt;
    return DiscoIdentity(std::string(category), std::string(type), std::string(element.attr_or("name", "")),
                         std::string(element.attr_or("xml:lang", "")));
}

xml::Element write_identity(const DiscoIdentity& identity) {
    xml::Element element(identity_name);
    element.set("category", identity.category).set("type", identity.type);
    if (!identity.name.empty()) element.set("name", identity.name);
    if (!identity.lang.empty()) element.set("xml:lang", identity.lang);
    return element;
}

}  // namespace

const xml::Name DiscoInfo::name{info_ns, "query"};
const xml::Name DiscoItems::name{items_ns, "query"};

std::optional<DiscoInfo> DiscoInfo::parse(xml::View element) {
    if (!element.is(name)) return std::nullopt;
    DiscoInfo info;
    info.node = element.attr_or("node", "");
    for (const auto child : element.children()) {
        if (child.is(identity_name)) {
            auto identity = parse_identity(child);
            if (!identity) return std::nullopt;
            info.identities.push_back(std::move(*identity));
        } else if (child.is(feature_name)) {
            const auto var = child.attr_or("var", "");
            if (var.empty()) return std::nullopt;
            info.features.emplace_back(var);
        } else if (child.is(DataForm::name)) {
            auto form = DataForm::parse(child);
            if (!form) return std::nullopt;
            info.forms.push_back(std::move(*form));
        }
    }
    return info;
}

xml::Element DiscoInfo::to_xml() const {
    xml::Element element(name);
    if (!node.empty()) element.set("node", node);
    for (const auto& identity : identities) element.add(write_identity(identity));
    for (const auto& feature : features) element.add(xml::Element(feature_name).set("var", feature));
    for (const auto& form : forms) element.add(form.to_xml());
    return element;
}

bool DiscoInfo::has_feature(std::string_view feature) const {
    return std::find(features.begin(), features.end(), feature) != features.end();
}

std::optional<std::string> DiscoInfo::verification(HashAlgorithm algorithm) const {
    Verification verification;
    verification.add_identities(identities);
    verification.add_set(features);
    verification.add_forms(forms);
    const auto text = std::move(verification).text();
    if (!text) return std::nullopt;
    return base64_encode(hash(algorithm, *text));
}

std::optional<DiscoItems> DiscoItems::parse(xml::View element) {
    if (!element.is(name)) return std::nullopt;
    DiscoItems items;
    items.node = element.attr_or("node", "");
    for (const auto child : element.children()) {
        if (!child.is(item_name)) continue;
        auto jid = Jid::parse(child.attr_or("jid", ""));
        if (!jid) return std::nullopt;
        items.items.emplace_back(std::move(*jid), std::string(child.attr_or("node", "")),
                                 std::string(child.attr_or("name", "")));
    }
    return items;
}

xml::Element DiscoItems::to_xml() const {
    xml::Element element(name);
    if (!node.empty()) element.set("node", node);
    for (const auto& item : items) {
        xml::Element child(item_name);
        child.set("jid", item.jid.str());
        if (!item.node.empty()) child.set("node", item.node);
        if (!item.name.empty()) child.set("name", item.name);
        element.add(child);
    }
    return element;
}

}  // namespace rookery
