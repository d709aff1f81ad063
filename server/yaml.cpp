#include "server/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <sstream>
#include <unordered_map>

#include "base/bytes.h"

namespace rookery {
namespace {

// How the builder leaves yaml-cpp's parser; never leaves this file.
struct Refused {
    Mark mark;
    std::string why;
};

bool is_null_word(std::string_view text) { return text == "~" || text == "null" || text == "Null" || text == "NULL"; }

// "?" plain, "!" quoted, "" none, or a core type: everything a configuration needs.
bool is_core_tag(std::string_view tag) {
    return tag.empty() || tag == "?" || tag == "!" || tag.starts_with("tag:yaml.org,2002:");
}

bool is_merge_key(const ConfigValue& key) { return key.text == "<<" && !key.quoted; }

std::size_t count_nodes(const ConfigValue& value) {
    std::size_t count = 1;
    for (const ConfigValue& item : value.items) count += count_nodes(item);
    for (const ConfigValue::Entry& entry : value.entries) count += count_nodes(entry.value);
    return count;
}

// Receives the parser's events and builds the tree; the parser is not asked for a tree of its own, since that would
// resolve aliases and depth without a bound.
class Builder final : public YAML::EventHandler {
public:
    explicit Builder(std::string file) : file_(std::move(file)) {}

    ConfigValue take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        ConfigValue null;
        null.mark = place(mark);
        add(std::move(null), anchor, mark);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        check_tag(tag, mark);
        const bool quoted = tag == "!";
        if (!quoted && is_null_word(text)) return OnNull(mark, anchor);
        add(ConfigValue::scalar(text, place(mark), quoted), anchor, mark);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) throw Refused{place(mark), "this alias stands inside its own anchor"};
        spend(count_nodes(found->second), mark);
        deepen(found->second, mark);
        attach(found->second);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(ConfigValue::list({}, place(mark)), tag, mark, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(ConfigValue::map({}, place(mark)), tag, mark, anchor);
    }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        ConfigValue value;
        YAML::anchor_t anchor;
        std::optional<ConfigValue> key;  // of a map: read, and waiting for its value
        std::optional<std::size_t> merge_at;  // before this entry stood '<<' ...
        std::vector<ConfigValue> merged;      // ... and these were the maps behind it
    };

    Mark place(const YAML::Mark& mark) const { return Mark(file_, mark.line + 1, mark.column + 1); }

    void check_tag(const std::string& tag, const YAML::Mark& mark) const {
        if (!is_core_tag(tag)) throw Refused{place(mark), "the tag '" + tag + "' is not known here; remove it"};
    }

    void spend(std::size_t nodes, const YAML::Mark& mark) {
        nodes_ += nodes;
        if (nodes_ > max_config_nodes)
            throw Refused{place(mark), "the file holds more than " + std::to_string(max_config_nodes) +
                                           " values (aliases count as what they stand for)"};
    }

    void deepen(const ConfigValue& value, const YAML::Mark& mark, std::size_t below = 1) const {
        if (stack_.size() + below > max_config_depth)
            throw Refused{place(mark), "nested deeper than " + std::to_string(max_config_depth) + " levels"};
        for (const ConfigValue& item : value.items) deepen(item, mark, below + 1);
        for (const ConfigValue::Entry& entry : value.entries) deepen(entry.value, mark, below + 1);
    }

    void open(ConfigValue value, const std::string& tag, const YAML::Mark& mark, YAML::anchor_t anchor) {
        check_tag(tag, mark);
        spend(1, mark);
        deepen(value, mark);
        stack_.push_back(Open{std::move(value), anchor, std::nullopt, std::nullopt, {}});
    }

    void close() {
        Open done = std::move(stack_.back());
        stack_.pop_back();
        if (done.merge_at) take_over(done);
        if (done.anchor != 0) anchors_.insert_or_assign(done.anchor, done.value);
        attach(std::move(done.value));
    }

    void add(ConfigValue value, YAML::anchor_t anchor, const YAML::Mark& mark) {
        spend(1, mark);
        if (anchor != 0) anchors_.insert_or_assign(anchor, value);
        attach(std::move(value));
    }

    void attach(ConfigValue value) {
        if (stack_.empty()) {
            root_ = std::move(value);
            return;
        }
        Open& parent = stack_.back();
        if (parent.value.is_list()) {
            parent.value.items.push_back(std::move(value));
        } else if (!parent.key) {
            if (!value.is_scalar()) throw Refused{value.mark, "a key must be a plain text, not " + value.shown()};
            parent.key = std::move(value);
        } else {
            if (is_merge_key(*parent.key))
                note_merge(parent, std::move(value));
            else
                parent.value.entries.emplace_back(std::move(parent.key->text), std::move(parent.key->mark),
                                                  std::move(value));
            parent.key.reset();
        }
    }

    static void note_merge(Open& map, ConfigValue value) {
        if (map.merge_at) throw Refused{map.key->mark, "'<<' is given twice; write '<<: [*one, *two]'"};
        map.merge_at = map.value.entries.size();
        std::vector<ConfigValue> others = value.is_list() ? std::move(value.items) : std::vector<ConfigValue>{value};
        for (ConfigValue& other : others) {
            if (!other.is_map())
                throw Refused{map.key->mark,
                              "'<<' takes a map or a list of maps, like '<<: *defaults', not " + other.shown()};
            map.merged.push_back(std::move(other));
        }
    }

    // A key that stands several times in one of the maps (rules: `deny: a`, `deny: b`) comes several times.
    static void take_over(Open& map) {
        std::vector<ConfigValue::Entry>& own = map.value.entries;
        std::vector<ConfigValue::Entry> fresh;
        std::set<std::string> taken;
        for (const ConfigValue::Entry& entry : own) taken.insert(entry.key);
        for (ConfigValue& other : map.merged) {
            const std::size_t first = fresh.size();
            for (ConfigValue::Entry& entry : other.entries)
                if (!taken.contains(entry.key)) fresh.push_back(std::move(entry));
            for (std::size_t i = first; i < fresh.size(); ++i) taken.insert(fresh[i].key);
        }
        own.insert(own.begin() + static_cast<std::ptrdiff_t>(*map.merge_at), std::make_move_iterator(fresh.begin()),
                   std::make_move_iterator(fresh.end()));
    }

    const std::string file_;
    ConfigValue root_;
    std::vector<Open> stack_;
    std::unordered_map<YAML::anchor_t, ConfigValue> anchors_;
    std::size_t nodes_ = 0;
};

// yaml-cpp takes some tabs for indentation and stumbles over others far from the place.
std::optional<Mark> find_tab(std::string_view text, const std::string& file) {
    int line = 1;
    for (std::size_t at = 0; at < text.size(); ++line) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view whole = text.substr(at, end - at);
        const std::size_t first = std::min(whole.find_first_not_of(" \t"), whole.size());
        const std::size_t tab = whole.substr(0, first).find('\t');
        const bool blank = first == whole.size() || whole[first] == '#' || whole[first] == '\r';
        if (tab != whole.npos && !blank) return Mark(file, line, static_cast<int>(tab) + 1);
        at = end + 1;
    }
    return std::nullopt;
}

std::optional<Refused> refuse_text(std::string_view text, const std::string& file) {
    const Mark start(file, 1, 1);
    if (text.size() > max_config_bytes) return Refused{start, "the file is larger than " + size_text(max_config_bytes)};
    if (!is_valid_utf8(text) || text.find('\0') != text.npos) return Refused{start, "the file is not UTF-8 text"};
    if (const auto tab = find_tab(text, file)) return Refused{*tab, "a tab in the indentation; use spaces"};
    return std::nullopt;
}

// One document; text behind it is a mistake more often than a wish.
ConfigValue build(std::string_view text, const std::string& file) {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder(file);
    if (!parser.HandleNextDocument(builder)) return {};
    ConfigValue root = builder.take();
    Builder second(file);
    if (parser.HandleNextDocument(second)) throw Refused{second.take().mark, "a second document; keep only one"};
    return root;
}

}  // namespace

std::optional<ConfigValue> parse_yaml(std::string_view text, const std::string& file, ConfigProblems& problems) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (const auto refused = refuse_text(text, file)) {
        problems.error(refused->mark, refused->why);
        return std::nullopt;
    }
    try {
        return build(text, file);
    } catch (const Refused& refused) {
        problems.error(refused.mark, refused.why);
    } catch (const YAML::Exception& error) {
        const Mark mark(file, std::max(error.mark.line, 0) + 1, std::max(error.mark.column, 0) + 1);
        problems.error(mark, "not valid YAML: " + error.msg);
    }
    return std::nullopt;
}

}  // namespace rookery
