// Jid: an XMPP address (RFC 7622), always in normal form, so equal addresses are equal bytes.
// Copies share one immutable block, so copying is cheap; any thread may hold one.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace rookery {

class Jid {
public:
    Jid() = default;  // empty: no address; every part is empty
    Jid(const Jid& other) noexcept : block_(other.block_) { hold(); }
    Jid(Jid&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    Jid& operator=(Jid other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~Jid() {
        if (block_ && block_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) discard();
    }

    // Normalises local part (RFC 8265 UsernameCaseMapped where PRECIS accepts it, else nodeprep, so that addresses of
    // older servers keep working), domain (libidn2, no trailing dot) and resource (OpaqueString, else resourceprep:
    // nicknames with emoji of today). At most 1,023 bytes a part, before and after; a domain's ASCII form at most 253.
    // The result is its own normal form. nullopt: malformed. ASCII addresses take a path without ICU.
    static std::optional<Jid> parse(std::string_view text);
    static std::optional<Jid> make(std::string_view local, std::string_view domain, std::string_view resource = {});

    // Is `local` fit for a new account here: PRECIS and nodeprep accept it and agree?
    static bool may_register(std::string_view local);

    std::string_view local() const { return block_ ? str().substr(0, block_->local_size) : std::string_view(); }
    std::string_view domain() const;
    std::string_view resource() const;
    std::string_view str() const { return block_ ? std::string_view(block_->text(), block_->size) : std::string_view(); }
    std::string to_string() const { return std::string(str()); }
    std::string_view bare_str() const { return block_ ? str().substr(0, block_->bare_size) : std::string_view(); }

    bool empty() const { return !block_; }
    bool is_bare() const { return !block_ || block_->bare_size == block_->size; }
    bool is_full() const { return !is_bare(); }
    bool is_domain() const { return !block_ || (block_->local_size == 0 && is_bare()); }  // no local part, no resource

    Jid bare() const;
    Jid domain_jid() const;
    std::optional<Jid> with_resource(std::string_view resource) const;  // nullopt: the resource is malformed

    bool same_bare(const Jid& other) const { return bare_str() == other.bare_str(); }

    bool operator==(const Jid& other) const { return block_ == other.block_ || str() == other.str(); }
    std::strong_ordering operator<=>(const Jid& other) const { return str() <=> other.str(); }

private:
    struct Block {
        std::atomic<std::uint32_t> holders;
        std::uint16_t size;        // of the text, which follows at once
        std::uint16_t local_size;  // without '@'
        std::uint16_t bare_size;   // up to '/'
        char* text() { return reinterpret_cast<char*>(this + 1); }
    };
    Jid(std::string_view text, std::size_t local_size, std::size_t bare_size);
    void hold() noexcept {
        if (block_) block_->holders.fetch_add(1, std::memory_order_relaxed);
    }
    void discard() noexcept;

    Block* block_ = nullptr;
};

}  // namespace rookery

template <>
struct std::hash<rookery::Jid> {
    std::size_t operator()(const rookery::Jid& jid) const noexcept { return std::hash<std::string_view>()(jid.str()); }
};
