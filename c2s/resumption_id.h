// ResumptionId: by what a client names the session it resumes (XEP-0198 section 5): unguessable, and in place, as every
// phone has one.
#pragma once

#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>

namespace rookery {

class ResumptionId {
public:
    static constexpr std::size_t max_bytes = 24;

    ResumptionId() = default;  // none: the session cannot be resumed
    static ResumptionId random();
    // nullopt: too long, or with a zero in it: no session has that one.
    static std::optional<ResumptionId> parse(std::string_view text);

    bool empty() const { return text_[0] == 0; }
    std::string_view text() const { return {text_.data(), ::strnlen(text_.data(), text_.size())}; }
    friend bool operator==(const ResumptionId&, const ResumptionId&) = default;

private:
    std::array<char, max_bytes> text_{};  // zeros behind it
};

}  // namespace rookery

template <>
struct std::hash<rookery::ResumptionId> {
    std::size_t operator()(const rookery::ResumptionId& id) const noexcept { return std::hash<std::string_view>()(id.text()); }
};
