#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kNone = std::string_view::npos;

// The position behind the tag that starts at `start`, or kNone while its end has not come.
std::size_t end_of_tag(std::string_view text, std::size_t start) {
    char quote = 0;
    for (std::size_t i = start; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '>') {
            return i + 1;
        }
    }
    return kNone;
}

bool is_stream_tag(std::string_view tag) { return tag.starts_with("<stream:stream"); }

// The length of the element that starts at 0, or kNone.
std::size_t length_of_element(std::string_view text) {
    std::size_t depth = 0;
    std::size_t position = 0;
    do {
        const std::size_t start = text.find('<', position);
        if (start == kNone) return kNone;
        const std::size_t end = end_of_tag(text, start);
        if (end == kNone) return kNone;
        if (text[start + 1] == '/') {
            --depth;
        } else if (text[end - 2] != '/') {
            ++depth;
        }
        position = end;
    } while (depth > 0);
    return position;
}

std::string_view start_tag_of(std::string_view element) {
    const std::size_t end = end_of_tag(element, 0);
    return element.substr(0, end);
}

// The position of "<name" as a whole name, or kNone.
std::size_t find_start_tag(std::string_view element, std::string_view name) {
    for (std::size_t at = element.find(name); at != kNone; at = element.find(name, at + 1)) {
        const std::size_t behind = at + name.size();
        if (at > 0 && element[at - 1] == '<' && behind < element.size() &&
            (kSpace.find(element[behind]) != kNone || element[behind] == '/' || element[behind] == '>')) {
            return at - 1;
        }
    }
    return kNone;
}

}  // namespace

void XmlScanner::feed(std::string_view bytes) {
    if (kept_.empty()) {
        input_ = bytes;
    } else {
        kept_.append(bytes);
        input_ = kept_;
    }
}

std::optional<XmlUnit> XmlScanner::next() {
    const std::size_t start = input_.find_first_not_of(kSpace);
    input_.remove_prefix(start == kNone ? input_.size() : start);
    if (input_.empty() || broken_) return keep_rest();
    if (input_.front() != '<') {
        broken_ = true;
        return std::nullopt;
    }
    const std::size_t tag_end = end_of_tag(input_, 0);
    if (tag_end == kNone) return keep_rest();
    const std::string_view tag = input_.substr(0, tag_end);
    if (tag.starts_with("<?")) {
        input_.remove_prefix(tag_end);
        return next();
    }
    const bool starts = is_stream_tag(tag);
    const bool ends = tag.starts_with("</");
    const std::size_t length = starts || ends ? tag_end : length_of_element(input_);
    if (length == kNone) return keep_rest();
    const std::string_view text = input_.substr(0, length);
    input_.remove_prefix(length);
    if (starts) return XmlUnit{XmlUnit::Kind::stream_start, text};
    return XmlUnit{ends ? XmlUnit::Kind::stream_end : XmlUnit::Kind::stanza, text};
}

std::optional<XmlUnit> XmlScanner::keep_rest() {
    if (input_.size() > kUnitLimitBytes) broken_ = true;
    std::string rest(input_);  // input_ may point into kept_
    kept_ = std::move(rest);
    input_ = {};
    return std::nullopt;
}

std::string_view attribute(std::string_view element, std::string_view name) {
    const std::string_view tag = start_tag_of(element);
    for (std::size_t at = tag.find(name); at != kNone; at = tag.find(name, at + 1)) {
        const std::size_t behind = at + name.size();
        if (kSpace.find(tag[at - 1]) == kNone || behind + 1 >= tag.size() || tag[behind] != '=') continue;
        const std::size_t end = tag.find(tag[behind + 1], behind + 2);
        return tag.substr(behind + 2, end - behind - 2);
    }
    return {};
}

std::string_view element_name(std::string_view element) {
    const std::size_t end = element.find_first_of(" \t\r\n/>", 1);
    return element.substr(1, end - 1);
}

bool has_element(std::string_view element, std::string_view name) { return find_start_tag(element, name) != kNone; }

std::string_view find_element(std::string_view element, std::string_view name) {
    const std::size_t start = find_start_tag(element, name);
    return start == kNone ? std::string_view() : element.substr(start);
}

std::size_t count_elements(std::string_view element, std::string_view name) {
    std::size_t count = 0;
    for (auto rest = find_element(element, name); !rest.empty(); rest = find_element(rest.substr(1), name)) ++count;
    return count;
}

std::string_view text_of(std::string_view element, std::string_view name) {
    const std::size_t start = find_start_tag(element, name);
    if (start == kNone) return {};
    const std::size_t text = end_of_tag(element, start);
    return element.substr(text, element.find('<', text) - text);
}

}  // namespace rookery::bench
