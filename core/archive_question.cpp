#include "core/archive_question.h"

#include <algorithm>
#include <utility>

#include "base/stamped_id.h"
#include "xmpp/payload/data_form.h"
#include "xmpp/payload/date_time.h"
#include "xmpp/payload/rsm.h"

namespace rookery {
namespace {

constexpr const char* fulltext_field = "{urn:xmpp:fulltext:0}fulltext";
const xml::Name query_name{mam_ns, "query"};
const xml::Name flip_page_name{mam_ns, "flip-page"};

using Wrong = std::optional<StanzaError>;

Wrong bad(std::string text) { return StanzaError(Condition::bad_request, std::move(text)); }

// An id that is not even one of ours is of no message (reliability.md M8).
Wrong read_id(std::string_view text, std::uint64_t& into) {
    const std::optional<std::uint64_t> id = parse_stamped_id(text);
    if (!id || *id == 0) return StanzaError(Condition::item_not_found);
    into = *id;
    return std::nullopt;
}

Wrong read_ids(const std::vector<std::string>& texts, std::vector<std::uint64_t>& into) {
    if (texts.size() > max_archive_page) return bad("too many ids");
    for (const std::string& text : texts)
        if (Wrong wrong = read_id(text, into.emplace_back())) return wrong;
    std::ranges::sort(into);
    into.erase(std::unique(into.begin(), into.end()), into.end());
    return std::nullopt;
}

Wrong read_time(std::string_view text, std::optional<WallTime>& into) {
    into = parse_date_time(text);
    return into ? std::nullopt : bad("a time that is none");
}

Wrong read_peer(std::string_view text, std::optional<Jid>& into) {
    into = Jid::parse(text);
    return into ? std::nullopt : bad("an address that is none");
}

Wrong read_words(const std::string& text, std::string& into) {
    if (text.size() > max_search_bytes) return bad("too much to search for");
    into = text;
    return std::nullopt;
}

// XEP-0313 4.1. Groupchat is in no account's archive: whether a client wants it makes no difference.
Wrong read_field(const FormField& field, ArchiveQuestion& into) {
    ArchiveFilter& filter = into.filter;
    const std::string& value = field.values.front();
    if (field.var == "with") return read_peer(value, filter.with);
    if (field.var == "start") return read_time(value, filter.start);
    if (field.var == "end") return read_time(value, filter.end);
    if (field.var == "after-id") return read_id(value, filter.after_id);
    if (field.var == "before-id") return read_id(value, filter.before_id);
    if (field.var == "ids") return read_ids(field.values, into.ids);
    if (field.var == fulltext_field) return read_words(value, filter.text);
    if (field.var == "include-groupchat")
        return parse_boolean(value) ? std::nullopt : bad("include-groupchat must be true or false");
    if (field.var == "FORM_TYPE") return std::nullopt;
    return StanzaError(Condition::feature_not_implemented, "unknown field");
}

Wrong read_form(xml::View element, ArchiveQuestion& into) {
    if (!element) return std::nullopt;
    const std::optional<DataForm> form = DataForm::parse(element);
    if (!form || form->type != FormType::submit || form->form_type() != mam_ns)
        return bad("not a form of this protocol");
    for (const FormField& field : form->fields) {
        if (field.values.empty()) continue;
        if (Wrong wrong = read_field(field, into)) return wrong;
    }
    if (!into.ids.empty() && into.is_filtered()) return bad("ids go alone");
    return std::nullopt;
}

// COMPAT: some clients send an empty <after/> for "from the beginning".
Wrong read_page(xml::View element, PageRequest& into) {
    if (!element) return std::nullopt;
    const std::optional<RsmRequest> set = RsmRequest::parse(element);
    if (!set) return bad("not a result set");
    if (set->index) return StanzaError(Condition::feature_not_implemented, "no pages by index");
    into.max = std::min<std::size_t>(set->max.value_or(usual_archive_page), max_archive_page);
    into.backward = set->before.has_value();
    if (set->after && !set->after->empty())
        if (Wrong wrong = read_id(*set->after, into.after)) return wrong;
    if (set->before && !set->before->empty()) return read_id(*set->before, into.before);
    return std::nullopt;
}

}  // namespace

// Counting is dearer than a page: it is done for the first one only.
std::optional<StanzaError> read_archive_question(xml::View query, ArchiveQuestion& into) {
    into.query_id = query.attr_or("queryid", "");
    if (into.query_id.size() > max_query_id_bytes) return bad("queryid is too long");
    into.flip = static_cast<bool>(query.child(flip_page_name));
    if (Wrong wrong = read_form(query.child(DataForm::name), into)) return wrong;
    if (Wrong wrong = read_page(query.child(RsmRequest::name), into.page)) return wrong;
    into.page.total = into.page.max == 0 || (into.page.after == 0 && into.page.before == 0);
    return std::nullopt;
}

xml::Element archive_query_form() {
    DataForm form(FormType::form, mam_ns);
    form.add(FormField("with", FieldType::jid_single)).add(FormField("start", FieldType::text_single));
    form.add(FormField("end", FieldType::text_single)).add(FormField("before-id", FieldType::text_single));
    form.add(FormField("after-id", FieldType::text_single)).add(FormField("include-groupchat", FieldType::boolean));
    form.add(FormField(fulltext_field, FieldType::text_single));
    xml::Element validate("http://jabber.org/protocol/xdata-validate", "validate");
    validate.set("datatype", "xs:string").add(xml::Element("http://jabber.org/protocol/xdata-validate", "open"));
    xml::Element ids("jabber:x:data", "field");
    ids.set("type", "list-multi").set("var", "ids").add(validate);
    return xml::Element(query_name).add(form.to_xml().add(ids)).moved();
}

}  // namespace rookery
