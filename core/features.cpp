#include "core/features.h"

#include <algorithm>
#include <stdexcept>

#include "core/account.h"

namespace rookery {
namespace {

// Requests are told apart by (name, get or set, where) in one integer.
std::uint32_t key_of(IqType type, std::uint16_t name, At where) {
    return std::uint32_t{name} << 3 | (type == IqType::set ? 4u : 0u) | static_cast<std::uint32_t>(where);
}

std::uint16_t id_of(xml::View payload) {
    return payload ? payload.name_id() : std::uint16_t{0};
}

}  // namespace

bool Iq::own() const { return account && stanza->from.same_bare(account->jid()); }

void Features::add_iq(IqType type, xml::Name payload, At where, Asker asker, std::string_view module, void* object,
                      IqHandler handler) {
    const auto [at, fresh] = answerers_.try_emplace(key_of(type, payload.id(), where),
                                                    Answerer{object, handler, std::string(module), asker});
    if (!fresh)
        throw std::logic_error("both " + at->second.module + " and " + std::string(module) + " answer " +
                               std::string(payload.local()) + " of " + std::string(payload.ns()));
}

void Features::add_feature(std::string_view ns, At where, void* object) {
    features_.push_back(Feature{std::string(ns), where, object});
}

void Features::add_stream_feature(xml::Element feature, StreamPhase phase, void* object) {
    stream_features_.push_back(StreamFeature{std::move(feature), phase, object});
}

void Features::write_stream_features(std::string& out, StreamPhase phase) const {
    for (const StreamFeature& feature : stream_features_)
        if (feature.phase == phase) feature.element.write(out, "jabber:client");
}

void Features::remove_all(void* object) {
    std::erase_if(stream_features_, [object](const StreamFeature& feature) { return feature.object == object; });
    std::erase_if(answerers_, [object](const auto& entry) { return entry.second.object == object; });
    std::erase_if(features_, [object](const Feature& feature) { return feature.object == object; });
}

const Features::Answerer* Features::find(IqType type, xml::View payload, At where) const {
    const std::uint16_t id = id_of(payload);
    if (id == 0) return nullptr;
    const auto at = answerers_.find(key_of(type, id, where));
    return at == answerers_.end() ? nullptr : &at->second;
}

bool Features::knows(xml::View payload, At where) const {
    return find(IqType::get, payload, where) || find(IqType::set, payload, where);
}

std::vector<std::string> Features::features(At where) const {
    std::vector<std::string> names;
    for (const Feature& feature : features_)
        if (feature.where == where) names.push_back(feature.ns);
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace rookery
