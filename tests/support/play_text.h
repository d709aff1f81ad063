// What stands in braces in the text a client sends, and the real names behind the symbolic ones of a play.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/play.h"
#include "tests/support/xml_match.h"

namespace rookery::test {

// Symbolic addresses (`juliet@localhost`) to those of this run (`juliet-k3x9@example.net`) and back.
class PlayNames {
public:
    PlayNames() = default;
    PlayNames(const Play& play, std::string suffix, std::string domain, std::string second_domain);

    std::string user(std::string_view name) const;
    std::string domain(std::string_view symbolic) const;
    // Replaces every address of the play's accounts, whatever its case, and then the domains.
    std::string to_real(std::string_view text) const;
    // For messages to people: the suffix is left out.
    std::string to_symbolic(std::string text) const;

private:
    std::vector<PlayAccount> accounts_;
    std::string suffix_;
    std::string domain_ = "localhost";
    std::string second_domain_ = "other.localhost";
};

inline constexpr std::string_view play_password = "wherefore";

// Expands {repeat N TEXT}, {bytes ff fe}, {base64 TEXT} (knows \0), {user NAME}, {password}, {id} (captured), {{.
// nullopt with `why` set: something else stands in braces.
std::optional<std::string> expand(std::string_view text, const PlayNames& names, const Captures& captures,
                                  std::string* why);

}  // namespace rookery::test
