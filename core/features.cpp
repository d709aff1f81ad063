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
    features_.push_back({std::string(ns), where, object});
    ++changes_;
}

void Features::add_identity(DiscoIdentity identity, At where, void* object) {
    identities_.push_back({std::move(identity), where, object});
    ++changes_;
}

void Features::add_form(DataForm form, At where, void* object) {
    forms_.push_back({std::move(form), where, object});
    ++changes_;
}

void Features::add_item(DiscoItem item, void* object) {
    items_.push_back({std::move(item), At::host, object});
    ++changes_;
}

void Features::add_stream_feature(xml::Element feature, StreamPhase phase, void* object) {
    stream_features_.push_back(StreamFeature{std::move(feature), nullptr, phase, object});
}

void Features::add_stream_feature(StreamFeatureMaker make, StreamPhase phase, void* object) {
    stream_features_.push_back(StreamFeature{std::nullopt, make, phase, object});
}

void Features::write_stream_features(std::string& out, StreamPhase phase) const {
    for (const StreamFeature& feature : stream_features_) {
        if (feature.phase != phase) continue;
        const xml::Element element = feature.element ? *feature.element : feature.make(feature.object);
        element.write(out, "jabber:client");
    }
}

void Features::remove_all(void* object) {
    std::erase_if(stream_features_, [object](const StreamFeature& feature) { return feature.object == object; });
    std::erase_if(answerers_, [object](const auto& entry) { return entry.second.object == object; });
    const auto its = [object](const auto& said) { return said.object == object; };
    std::erase_if(features_, its);
    std::erase_if(identities_, its);
    std::erase_if(forms_, its);
    std::erase_if(items_, its);
    ++changes_;
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
    for (const auto& [ns, at, object] : features_)
        if (at == where) names.push_back(ns);
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

DiscoInfo Features::describe(At where) const {
    DiscoInfo info;
    for (const auto& [identity, at, object] : identities_)
        if (at == where) info.identities.push_back(identity);
    for (const auto& [form, at, object] : forms_)
        if (at == where) info.forms.push_back(form);
    info.features = features(where);
    return info;
}

std::vector<DiscoItem> Features::items() const {
    std::vector<DiscoItem> all;
    for (const auto& said : items_) all.push_back(said.what);
    return all;
}

}  // namespace rookery
