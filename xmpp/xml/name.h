// Name: an interned (namespace, local name) pair. Whoever cares for a payload declares its names as constants
// with static storage (`const xml::Name ping{"urn:xmpp:ping", "ping"};`); they are registered before main and
// the table is fixed from then on: nothing a stranger sends ever grows it. Comparing names compares integers.
#pragma once

#include <cstdint>
#include <string_view>

namespace rookery::xml {

// What stands between namespace and local name in expat's joined form: a character that no XML document can hold,
// not even by reference, so no namespace can imitate the split.
inline constexpr char name_separator = '\x01';

class Name {
public:
    // Static initialisation only: before the first find() (asserted). Equal pairs share one id. Both strings must live for ever.
    Name(const char* ns, const char* local);

    std::string_view ns() const;
    std::string_view local() const;
    std::uint16_t id() const { return id_; }  // never 0: that is "not interned"

    // The id of a pair, or 0. `joined` is expat's form: namespace, name_separator, local name; no namespace: local
    // name only. Neither allocates. Any thread.
    static std::uint16_t find(std::string_view joined);
    static std::uint16_t find(std::string_view ns, std::string_view local);
    static Name from_id(std::uint16_t id);  // REQUIRES: an id that find or id() gave

    bool operator==(const Name&) const = default;

private:
    explicit Name(std::uint16_t id) : id_(id) {}
    std::uint16_t id_;
};

struct SplitName {
    std::string_view ns;
    std::string_view local;
};
SplitName split_joined(std::string_view joined);

}  // namespace rookery::xml
