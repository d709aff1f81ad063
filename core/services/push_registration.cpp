#include "core/services/push_registration.h"

#include <optional>
#include <utility>

#include "xmpp/payload/data_form.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::push {
namespace {

constexpr const char* options_form = "http://jabber.org/protocol/pubsub#publish-options";
constexpr std::size_t max_node_bytes = 1'023;
constexpr std::size_t max_form_bytes = 8'192;

std::variant<std::string, StanzaError> read_options(xml::View form) {
    if (!form) return std::string();
    const std::optional<DataForm> read = DataForm::parse(form);
    if (!read || read->form_type() != options_form) return StanzaError(Condition::bad_request, "no publish-options");
    std::string options = xml::Element(form).to_string();
    if (options.size() > max_form_bytes) return StanzaError(Condition::not_acceptable, "the form is too large");
    return options;
}

}  // namespace

std::variant<Registration, StanzaError> read_enable(xml::View request, std::string_view resource) {
    std::optional<Jid> service = Jid::parse(request.attr_or("jid", ""));
    if (!request.attr("jid")) return StanzaError(Condition::bad_request, "no jid");
    if (!service) return StanzaError(Condition::jid_malformed);
    Registration one;
    one.service = std::move(*service);
    one.node = request.attr_or("node", "");
    one.resource = resource;
    if (one.node.size() > max_node_bytes) return StanzaError(Condition::not_acceptable, "the node is too long");
    std::variant<std::string, StanzaError> options = read_options(request.child(DataForm::name));
    if (const auto* error = std::get_if<StanzaError>(&options)) return *error;
    one.options = std::get<std::string>(std::move(options));
    return one;
}

std::string write_document(const std::vector<Registration>& all) {
    xml::Element root(ns, "registrations");
    for (const Registration& one : all) {
        xml::Element entry(ns, "registration");
        entry.set("jid", one.service.str()).set("node", one.node).set("resource", one.resource);
        if (!one.options.empty())
            if (const std::optional<xml::Element> form = xml::parse_document(one.options)) entry.add(form->view());
        root.add(entry);
    }
    return root.to_string();
}

std::vector<Registration> read_document(const std::string& body) {
    std::vector<Registration> all;
    const std::optional<xml::Element> root = xml::parse_document(body);
    if (!root) return all;
    for (const xml::View entry : root->view().children()) {
        std::optional<Jid> service = Jid::parse(entry.attr_or("jid", ""));
        if (!service) continue;
        Registration one;
        one.service = std::move(*service);
        one.node = entry.attr_or("node", "");
        one.resource = entry.attr_or("resource", "");
        if (const xml::View form = entry.child(DataForm::name)) one.options = xml::Element(form).to_string();
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace rookery::push
