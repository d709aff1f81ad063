#include "core/services/push_notice.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/services/push_registration.h"
#include "xmpp/payload/data_form.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery::push {
namespace {

constexpr const char* pubsub_ns = "http://jabber.org/protocol/pubsub";
constexpr const char* summary_form = "urn:xmpp:push:summary";
constexpr Seconds service_answers_within{60};
constexpr Seconds pause_between{1};  // between two notifications to one registration
constexpr std::array<Seconds, 4> pauses_after_failure = {Seconds(10), Seconds(60), Seconds(300), Seconds(1'800)};

xml::Element summary_of(const Notice& notice, const Told& told) {
    DataForm form(FormType::submit, summary_form);
    form.add(FormField("message-count", std::nullopt, {std::to_string(notice.count)}));
    if (told.sender && !notice.last.sender.empty())
        form.add(FormField("last-message-sender", std::nullopt, {notice.last.sender}));
    const std::string& body = told.body.instead.empty() ? notice.last.body : told.body.instead;
    if (told.body.yes && !notice.last.body.empty()) form.add(FormField("last-message-body", std::nullopt, {body}));
    return form.to_xml();
}

}  // namespace

std::string key_of(const Jid& account, const Jid& service, std::string_view node) {
    return account.to_string() + "\n" + service.to_string() + "\n" + std::string(node);
}

void Notice::sent(std::string id, SteadyTime now) {
    iq_id = std::move(id);
    step = Step::answer;
    due = now + service_answers_within;
    news = false;
}

void Notice::told(SteadyTime now) {
    failures = 0;
    step = Step::rest;
    due = now + pause_between;
}

bool Notice::try_again(SteadyTime now) {
    if (failures == pauses_after_failure.size()) return false;
    step = Step::send;
    news = true;
    due = now + pauses_after_failure[failures++];
    return true;
}

Stanza publication(const Notice& notice, const Told& told) {
    xml::Element publish(pubsub_ns, "publish");
    if (!notice.node.empty()) publish.set("node", notice.node);
    publish.add(xml::Element(pubsub_ns, "item").add(xml::Element(ns, "notification").add(summary_of(notice, told))));
    xml::Element pubsub(pubsub_ns, "pubsub");
    pubsub.add(publish);
    const std::optional<xml::Element> form =
        notice.options.empty() ? std::nullopt : xml::parse_document(notice.options);
    if (form) pubsub.add(xml::Element(pubsub_ns, "publish-options").add(form->view()));
    Stanza iq = Stanza::iq(IqType::set, notice.iq_id, notice.service);
    iq.from = notice.account;
    iq.element().add(pubsub);
    return iq;
}

bool is_transient(xml::View error) {
    static constexpr std::array<std::string_view, 4> transient = {"remote-server-not-found", "remote-server-timeout",
                                                                  "internal-server-error", "resource-constraint"};
    if (error.attr_or("type", "") == "wait") return true;
    for (const xml::View child : error.children())
        if (std::ranges::find(transient, child.local()) != transient.end()) return true;
    return false;
}

}  // namespace rookery::push
