#include "xmpp/jid.h"

#include <algorithm>
#include <array>

#include "xmpp/domain.h"
#include "xmpp/precis.h"

namespace rookery {
namespace {

constexpr std::size_t max_part_bytes = precis::max_bytes;
constexpr int max_passes = 4;

constexpr std::string_view local_refused = "\"&'/:<>@";  // RFC 7622 3.3.1

bool is_plain_local(unsigned char c) {
    return c > 0x20 && c < 0x7F && local_refused.find(static_cast<char>(c)) == std::string_view::npos;
}
bool is_plain_resource(unsigned char c) { return c >= 0x20 && c < 0x7F; }
bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool fits(std::string_view part) { return !part.empty() && part.size() <= max_part_bytes; }

bool has_refused_char(std::string_view local) { return local.find_first_of(local_refused) != std::string_view::npos; }

// PRECIS first; what it refuses may still be in use on servers that only know stringprep. A result that would come
// out different another time would make two addresses of one, and is refused.
template <class Precis, class Older>
std::optional<std::string> normalise(std::string_view text, Precis precis, Older older) {
    std::string current(text);
    for (int i = 0; i < max_passes; ++i) {
        auto next = precis(current);
        if (!next) next = older(current, precis::Unassigned::allow);
        if (!next || *next == current) return next;
        current = std::move(*next);
    }
    return std::nullopt;
}

std::optional<std::string> international_local(std::string_view local) {
    auto result = normalise(local, precis::username_case_mapped, precis::nodeprep);
    if (!result || !fits(*result) || has_refused_char(*result)) return std::nullopt;
    return result;
}

std::optional<std::string> international_resource(std::string_view resource) {
    auto result = normalise(resource, precis::opaque_string, precis::resourceprep);
    if (!result || !fits(*result)) return std::nullopt;
    return result;
}

bool append_local(std::string& out, std::string_view local) {
    if (!fits(local)) return false;
    if (std::all_of(local.begin(), local.end(), is_plain_local)) {
        std::transform(local.begin(), local.end(), std::back_inserter(out), lower);
        return true;
    }
    if (is_ascii(local)) return false;
    const auto normal = international_local(local);
    if (normal) out.append(*normal);
    return normal.has_value();
}

// The overwhelmingly common form, already normal: nothing to look up.
bool is_simple_domain(std::string_view domain) {
    const auto simple = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.'; };
    return domain.size() <= 63 && domain.front() != '.' && domain.back() != '.' &&
           std::all_of(domain.begin(), domain.end(), simple) && domain.find("..") == std::string_view::npos;
}

bool append_domain(std::string& out, std::string_view domain) {
    if (!fits(domain)) return false;
    if (is_simple_domain(domain)) {
        out.append(domain);
        return true;
    }
    const auto normal = normal_domain(domain);
    if (normal) out.append(*normal);
    return normal.has_value();
}

bool append_resource(std::string& out, std::string_view resource) {
    if (!fits(resource)) return false;
    if (std::all_of(resource.begin(), resource.end(), is_plain_resource)) {
        out.append(resource);
        return true;
    }
    if (is_ascii(resource)) return false;
    const auto normal = international_resource(resource);
    if (normal) out.append(*normal);
    return normal.has_value();
}

}  // namespace

// RFC 7622 3.1: the first '/' ends the bare address, the first '@' in that ends the local part.
std::optional<Jid> Jid::parse(std::string_view text) {
    const auto slash = text.find('/');
    auto domain = text.substr(0, slash);
    const auto at = domain.find('@');
    const bool has_local = at != std::string_view::npos;
    const auto local = has_local ? domain.substr(0, at) : std::string_view();
    if (has_local) domain.remove_prefix(at + 1);
    if (has_local && local.empty()) return std::nullopt;
    if (slash == std::string_view::npos) return make(local, domain);
    const auto resource = text.substr(slash + 1);
    if (resource.empty()) return std::nullopt;
    return make(local, domain, resource);
}

std::optional<Jid> Jid::make(std::string_view local, std::string_view domain, std::string_view resource) {
    if (local.size() > max_part_bytes || domain.size() > max_part_bytes || resource.size() > max_part_bytes) {
        return std::nullopt;
    }
    Jid jid;
    jid.text_.reserve(local.size() + domain.size() + resource.size() + 2);
    if (!local.empty()) {
        if (!append_local(jid.text_, local)) return std::nullopt;
        jid.local_size_ = static_cast<std::uint16_t>(jid.text_.size());
        jid.text_.push_back('@');
    }
    if (!append_domain(jid.text_, domain)) return std::nullopt;
    jid.bare_size_ = static_cast<std::uint16_t>(jid.text_.size());
    if (!resource.empty()) {
        jid.text_.push_back('/');
        if (!append_resource(jid.text_, resource)) return std::nullopt;
    }
    return jid;
}

bool Jid::may_register(std::string_view local) {
    if (!fits(local)) return false;
    if (is_ascii(local)) return std::all_of(local.begin(), local.end(), is_plain_local);
    const auto modern = precis::username_case_mapped(local);
    const auto older = precis::nodeprep(local, precis::Unassigned::refuse);
    return modern && modern == older && !has_refused_char(*modern) && precis::is_single_script(*modern);
}

std::string_view Jid::domain() const {
    const std::size_t start = local_size_ == 0 ? 0 : local_size_ + 1u;
    return bare_str().substr(start);
}

std::string_view Jid::resource() const {
    return is_bare() ? std::string_view() : std::string_view(text_).substr(bare_size_ + 1u);
}

Jid Jid::bare() const {
    Jid result;
    result.text_ = bare_str();
    result.local_size_ = local_size_;
    result.bare_size_ = bare_size_;
    return result;
}

Jid Jid::domain_jid() const {
    Jid result;
    result.text_ = domain();
    result.bare_size_ = static_cast<std::uint16_t>(result.text_.size());
    return result;
}

std::optional<Jid> Jid::with_resource(std::string_view resource) const {
    Jid result;
    result.text_.reserve(bare_size_ + resource.size() + 1u);
    result.text_.append(bare_str()).push_back('/');
    result.local_size_ = local_size_;
    result.bare_size_ = bare_size_;
    if (!append_resource(result.text_, resource)) return std::nullopt;
    return result;
}

}  // namespace rookery
