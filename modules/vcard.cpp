// vcard-temp (XEP-0054): everybody may read an account's vCard, only the account itself writes it. To strangers a user
// without a vCard and one who emptied it look like a user who does not exist (3.3). Contacts get an emptied one as it is.
#include <algorithm>

#include "core/module.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

constexpr const char* vcard_ns = "vcard-temp";
constexpr const char* document_key = "vcard";
const xml::Name vcard_name{vcard_ns, "vCard"};

struct VcardOptions {
    ByteSize max_size = 128_KB;
    ConfigValue vcard;
};

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return text;
}

void add_fields(xml::Element& into, const ConfigValue& map);

// `work: true` is an empty element, `work: false` none, a map nests, a list repeats.
void add_field(xml::Element& into, const std::string& name, const ConfigValue& value) {
    if (value.is_list()) {
        for (const ConfigValue& item : value.items) add_field(into, name, item);
        return;
    }
    const bool flag = value.is_scalar() && !value.quoted;
    if (value.is_null() || (flag && value.text == "false")) return;
    xml::Element field(vcard_ns, name);
    if (value.is_map()) add_fields(field, value);
    if (value.is_scalar() && !(flag && value.text == "true")) field.add_text(value.text);
    into.add(field);
}

void add_fields(xml::Element& into, const ConfigValue& map) {
    for (const ConfigValue::Entry& entry : map.entries) add_field(into, upper(entry.key), entry.value);
}

std::optional<std::string> not_a_vcard(const ConfigValue& value) {
    if (value.is_map() || value.is_null()) return std::nullopt;
    return "must be a map of vCard fields, not " + value.shown();
}

class Vcard final : public Module {
public:
    Vcard(Host& host, const VcardOptions& options) : Module(host), options_(options) {
        iq<&Vcard::get>(IqType::get, vcard_name, At::account);
        iq<&Vcard::set>(IqType::set, vcard_name, At::account, Asker::owner);
        feature(vcard_ns, At::host);
        feature(vcard_ns, At::account);
        if (options_.vcard.is_map()) iq<&Vcard::get_of_server>(IqType::get, vcard_name, At::host);
    }

private:
    IqReply get_of_server(Iq) {
        xml::Element vcard(vcard_name);
        add_fields(vcard, options_.vcard);
        return vcard;
    }

    IqReply get(Iq iq) { return load(std::move(iq)); }

    Task<IqReply> load(Iq iq) {
        Result<Document> document = co_await stores().documents.load(iq.account->jid(), document_key);
        const bool none = !document.ok() && document.error().code == ErrorCode::not_found;
        if (none && iq.own()) co_return Condition::item_not_found;
        std::optional<xml::Element> vcard = document.ok() ? xml::parse_document(document->body) : std::nullopt;
        if (!none && !vcard) co_return StanzaError(Condition::internal_server_error, ErrorType::wait);
        if (vcard && (iq.own() || !vcard->children().empty())) co_return std::move(*vcard);
        const bool is_contact = co_await sees(iq.stanza->from, iq.account);  // asked also where there is none: it takes time
        if (!vcard || !is_contact) co_return Condition::service_unavailable;
        co_return std::move(*vcard);
    }

    Task<bool> sees(Jid asker, AccountPtr account) {
        if (const std::optional<bool> known = account->is_seen_by(asker)) co_return *known;
        const Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
        co_return roster.ok() && account->is_seen_by(asker).value_or(false);
    }

    IqReply set(Iq iq) {
        std::string body = xml::Element(iq.payload()).to_string();
        if (std::cmp_greater(body.size(), options_.max_size.bytes))
            return StanzaError(Condition::not_acceptable, "the vCard is larger than " + size_text(options_.max_size.bytes));
        return store(iq.account->jid(), std::move(body));
    }

    Task<IqReply> store(Jid owner, std::string body) {
        const DocumentLimits limits = host().options().documents;
        Result<std::uint64_t> stored =
            co_await stores().documents.put(std::move(owner), document_key, std::move(body), std::nullopt, limits);
        if (stored.ok()) co_return IqReply();
        if (stored.error().code == ErrorCode::limit)
            co_return StanzaError(Condition::resource_constraint, ErrorType::modify, "too much is stored already");
        co_return StanzaError(Condition::internal_server_error, ErrorType::wait);
    }

    VcardOptions options_;
};

}  // namespace

extern const ModuleSpec vcard_module =
    declare<Vcard, VcardOptions>("vcard", "Keeps the vCards of users")
        .implements(54, "1.3.0")
        .option("max_size", &VcardOptions::max_size, "Largest vCard, with its picture, that is kept")
        .option("vcard", &VcardOptions::vcard, "The server's own vCard, field names in lower case", checked(not_a_vcard),
                example("{fn: Example chat, url: 'https://example.org'}"));

}  // namespace rookery
