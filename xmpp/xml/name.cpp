#include "xmpp/xml/name.h"

#include <atomic>
#include <cassert>
#include <cstring>
#include <limits>
#include <vector>

namespace rookery::xml {
namespace {

template <class Word>
Word word_at(const char* text) {
    Word word;
    std::memcpy(&word, text, sizeof word);
    return word;
}

// The last eight bytes, in which names differ.
std::uint64_t tail_of(std::string_view text) {
    const std::size_t size = text.size();
    const char* const end = text.data() + size;
    if (size >= 8) return word_at<std::uint64_t>(end - 8) + size;
    if (size >= 4) return (std::uint64_t{word_at<std::uint32_t>(text.data())} << 32 | word_at<std::uint32_t>(end - 4)) + size;
    std::uint64_t tail = 0;
    for (const char c : text) tail = tail << 8 | static_cast<unsigned char>(c);
    return tail + size;
}

// The table is fixed and sparse, so nobody gains by making names that collide.
std::size_t hash_of(std::string_view ns, std::string_view local) {
    constexpr std::uint64_t odd = 0x9E3779B97F4A7C15u;
    const std::uint64_t mixed = (tail_of(ns) * odd ^ tail_of(local)) * odd;
    return static_cast<std::size_t>(mixed >> 40);
}

// Open addressing over the registered pairs. It grows during static initialisation, which is one thread, and only
// reads from the first find() on.
class Table {
public:
    std::uint16_t add(std::string_view ns, std::string_view local) {
        assert(!frozen_.load() && "names are declared with static storage, before anything is parsed");
        if (const auto known = find(ns, local)) return known;
        assert(entries_.size() < std::numeric_limits<std::uint16_t>::max());
        entries_.push_back({ns, local});
        if (entries_.size() * 2 > slots_.size()) {
            rehash(slots_.size() * 2);
        } else {
            place(static_cast<std::uint16_t>(entries_.size()));
        }
        return static_cast<std::uint16_t>(entries_.size());
    }

    std::uint16_t find(std::string_view ns, std::string_view local) const {
        const auto mask = slots_.size() - 1;
        for (auto at = hash_of(ns, local) & mask; slots_[at] != 0; at = (at + 1) & mask) {
            const auto& entry = entry_of(slots_[at]);
            if (entry.local == local && entry.ns == ns) return slots_[at];
        }
        return 0;
    }

    const SplitName& entry_of(std::uint16_t id) const { return entries_[id - 1u]; }

    void freeze() {
        if (!frozen_.load(std::memory_order_relaxed)) frozen_.store(true);
    }

private:
    void rehash(std::size_t size) {
        slots_.assign(size, 0);
        for (std::size_t id = 1; id <= entries_.size(); ++id) place(static_cast<std::uint16_t>(id));
    }

    void place(std::uint16_t id) {
        const auto mask = slots_.size() - 1;
        auto at = hash_of(entry_of(id).ns, entry_of(id).local) & mask;
        while (slots_[at] != 0) at = (at + 1) & mask;
        slots_[at] = id;
    }

    std::vector<SplitName> entries_;
    std::vector<std::uint16_t> slots_ = std::vector<std::uint16_t>(1024, 0);  // ids; at most half are in use
    std::atomic<bool> frozen_ = false;
};

// Never destroyed: names are compared until the last thread ends.
Table& table() {
    static Table& instance = *new Table;
    return instance;
}

}  // namespace

Name::Name(const char* ns, const char* local) : id_(table().add(ns, local)) {}

std::string_view Name::ns() const { return table().entry_of(id_).ns; }
std::string_view Name::local() const { return table().entry_of(id_).local; }

std::uint16_t Name::find(std::string_view joined) {
    const auto name = split_joined(joined);
    return find(name.ns, name.local);
}

std::uint16_t Name::find(std::string_view ns, std::string_view local) {
    auto& names = table();
    names.freeze();
    return names.find(ns, local);
}

Name Name::from_id(std::uint16_t id) {
    assert(id != 0);
    return Name(id);
}

SplitName split_joined(std::string_view joined) {
    const auto at = joined.rfind(name_separator);
    if (at == std::string_view::npos) return {{}, joined};
    return {joined.substr(0, at), joined.substr(at + 1)};
}

}  // namespace rookery::xml
