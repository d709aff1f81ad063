// Just enough XML to follow a server's stream: cuts it into the stream header and whole stanzas and finds attributes
// and text in them. The load generator trusts the server to be well-formed; it is no parser.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rookery::bench {

struct XmlUnit {
    enum class Kind { stream_start, stanza, stream_end };
    Kind kind;
    std::string_view text;  // valid until the next feed
};

class XmlScanner {
public:
    // Past this many bytes of one unfinished unit the stream is broken.
    static constexpr std::size_t kUnitLimitBytes = std::size_t{1} << 20;

    // Call next() until it answers nothing, then feed again; `bytes` must stay until then.
    void feed(std::string_view bytes);
    std::optional<XmlUnit> next();
    bool is_broken() const { return broken_; }

private:
    std::optional<XmlUnit> keep_rest();

    std::string kept_;        // an unfinished unit; empty while at a boundary
    std::string_view input_;  // what is still to be cut: of the feed, or of kept_
    bool broken_ = false;
};

// Of the outermost element's start tag. Without unescaping: ids and addresses of the load have nothing to escape.
std::string_view attribute(std::string_view element, std::string_view name);
std::string_view element_name(std::string_view element);
// Is there a start tag `name` anywhere inside?
bool has_element(std::string_view element, std::string_view name);
std::size_t count_elements(std::string_view element, std::string_view name);
// What begins with the first start tag `name`, so that attribute() and this can go on from there; empty: there is none.
std::string_view find_element(std::string_view element, std::string_view name);
// The text right behind the first start tag `name`, up to the next tag.
std::string_view text_of(std::string_view element, std::string_view name);

}  // namespace rookery::bench
