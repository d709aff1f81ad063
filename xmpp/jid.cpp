#include "xmpp/jid.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <string>

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

// An address in the making, on the stack.
class Text {
public:
    using value_type = char;
    void append(std::string_view more) {
        assert(more.size() <= bytes_.size() - size_);
        std::memcpy(bytes_.data() + size_, more.data(), more.size());
        size_ += more.size();
    }
    void push_back(char c) { append({&c, 1}); }
    std::size_t size() const { return size_; }
    std::string_view view() const { return {bytes_.data(), size_}; }

private:
    std::array<char, 3 * max_part_bytes + 2> bytes_;
    std::size_t size_ = 0;
};

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

bool append_local(Text& out, std::string_view local) {
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

bool append_domain(Text& out, std::string_view domain) {
    if (!fits(domain)) return false;
    if (is_simple_domain(domain)) {
        out.append(domain);
        return true;
    }
    const auto normal = normal_domain(domain);
    if (normal) out.append(*normal);
    return normal.has_value();
}

bool append_resource(Text& out, std::string_view resource) {
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
    Text text;
    std::size_t local_size = 0;
    if (!local.empty()) {
        if (!append_local(text, local)) return std::nullopt;
        local_size = text.size();
        text.push_back('@');
    }
    if (!append_domain(text, domain)) return std::nullopt;
    const std::size_t bare_size = text.size();
    if (!resource.empty()) {
        text.push_back('/');
        if (!append_resource(text, resource)) return std::nullopt;
    }
    return Jid(text.view(), local_size, bare_size);
}

Jid::Jid(std::string_view text, std::size_t local_size, std::size_t bare_size)
    : block_(new (::operator new(sizeof(Block) + text.size())) Block{
          1, static_cast<std::uint16_t>(text.size()), static_cast<std::uint16_t>(local_size), static_cast<std::uint16_t>(bare_size)}) {
    std::memcpy(block_->text(), text.data(), text.size());
}

void Jid::discard() noexcept {
    block_->~Block();
    ::operator delete(block_);
}

bool Jid::may_register(std::string_view local) {
    if (!fits(local)) return false;
    if (is_ascii(local)) return std::all_of(local.begin(), local.end(), is_plain_local);
    const auto modern = precis::username_case_mapped(local);
    const auto older = precis::nodeprep(local, precis::Unassigned::refuse);
    return modern && modern == older && !has_refused_char(*modern) && precis::is_single_script(*modern);
}

std::string_view Jid::domain() const {
    return !block_ || block_->local_size == 0 ? bare_str() : bare_str().substr(block_->local_size + 1u);
}

std::string_view Jid::resource() const { return is_bare() ? std::string_view() : str().substr(block_->bare_size + 1u); }

Jid Jid::bare() const { return is_bare() ? *this : Jid(bare_str(), block_->local_size, block_->bare_size); }

Jid Jid::domain_jid() const { return is_domain() ? *this : Jid(domain(), 0, domain().size()); }

std::optional<Jid> Jid::with_resource(std::string_view resource) const {
    Text text;
    text.append(bare_str());
    text.push_back('/');
    if (!append_resource(text, resource)) return std::nullopt;
    return Jid(text.view(), block_ ? block_->local_size : 0u, bare_str().size());
}

}  // namespace rookery
