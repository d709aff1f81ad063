// XEP-0030: service discovery; the verification string of XEP-0115.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "xmpp/jid.h"
#include "xmpp/payload/data_form.h"
#include "xmpp/xml/element.h"

namespace rookery {

struct DiscoIdentity {
    std::string category;
    std::string type;
    std::string name;
    std::string lang;

    DiscoIdentity(std::string kind, std::string subtype, std::string label = {}, std::string language = {})
        : category(std::move(kind)), type(std::move(subtype)), name(std::move(label)), lang(std::move(language)) {}
};

struct DiscoInfo {
    static const xml::Name name;

    std::string node;
    std::vector<DiscoIdentity> identities;
    std::vector<std::string> features;
    std::vector<DataForm> forms;  // XEP-0128

    // nullopt: another element, an identity without category or type, a feature without var, or a bad form.
    static std::optional<DiscoInfo> parse(xml::View element);
    xml::Element to_xml() const;

    bool has_feature(std::string_view feature) const;

    // XEP-0115 5.1: base64 of the hash. nullopt where 5.4 calls the answer ill-formed (something twice), and where a
    // text has a '<' in it: such answers could be made to look like others, so nothing may be kept under their hash.
    std::optional<std::string> verification(HashAlgorithm algorithm = HashAlgorithm::sha1) const;
};

struct DiscoItem {
    Jid jid;
    std::string node;
    std::string name;

    explicit DiscoItem(Jid address, std::string item_node = {}, std::string label = {})
        : jid(std::move(address)), node(std::move(item_node)), name(std::move(label)) {}
};

struct DiscoItems {
    static const xml::Name name;

    std::string node;
    std::vector<DiscoItem> items;

    static std::optional<DiscoItems> parse(xml::View element);  // nullopt: another element, or a malformed jid
    xml::Element to_xml() const;
};

}  // namespace rookery
