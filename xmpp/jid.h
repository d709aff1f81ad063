// Jid: an XMPP address (RFC 7622), always in normal form, so equal addresses are equal bytes.
// One string and two offsets; copying copies the string.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace rookery {

class Jid {
public:
    Jid() = default;  // empty: no address; every part is empty

    // Normalises local part (RFC 8265 UsernameCaseMapped where PRECIS accepts it, else nodeprep, so that addresses of
    // older servers keep working), domain (libidn2, no trailing dot) and resource (OpaqueString, else resourceprep:
    // nicknames with emoji of today). At most 1,023 bytes a part, before and after; a domain's ASCII form at most 253.
    // The result is its own normal form. nullopt: malformed. ASCII addresses take a path without ICU.
    static std::optional<Jid> parse(std::string_view text);
    static std::optional<Jid> make(std::string_view local, std::string_view domain, std::string_view resource = {});

    // Is `local` fit for a new account here: PRECIS and nodeprep accept it and agree?
    static bool may_register(std::string_view local);

    std::string_view local() const { return std::string_view(text_).substr(0, local_size_); }
    std::string_view domain() const;
    std::string_view resource() const;
    const std::string& str() const { return text_; }
    std::string_view bare_str() const { return std::string_view(text_).substr(0, bare_size_); }

    bool empty() const { return text_.empty(); }
    bool is_bare() const { return bare_size_ == text_.size(); }
    bool is_full() const { return !is_bare(); }
    bool is_domain() const { return local_size_ == 0 && is_bare(); }  // just a domain, no local part, no resource

    Jid bare() const;
    Jid domain_jid() const;
    std::optional<Jid> with_resource(std::string_view resource) const;  // nullopt: the resource is malformed

    bool same_bare(const Jid& other) const { return bare_str() == other.bare_str(); }

    bool operator==(const Jid& other) const { return text_ == other.text_; }
    std::strong_ordering operator<=>(const Jid& other) const { return text_.compare(other.text_) <=> 0; }

private:
    std::string text_;
    std::uint16_t local_size_ = 0;  // without '@'
    std::uint16_t bare_size_ = 0;   // up to '/'
};

}  // namespace rookery

template <>
struct std::hash<rookery::Jid> {
    std::size_t operator()(const rookery::Jid& jid) const noexcept { return std::hash<std::string>()(jid.str()); }
};
