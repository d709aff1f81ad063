// Element: an XML element with all below it, as one flat tape of nodes and one buffer of text (two allocations).
// View: a non-owning look at one element on a tape; cheap to copy, valid while the Element lives unchanged.
// No operation recurses, so nesting depth costs no stack.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/xml/name.h"

namespace rookery::xml {

class Element;
class ElementBuilder;

// One attribute as seen from outside. `ns` is empty for plain attributes; xml:lang is ns "" and name "xml:lang".
struct Attribute {
    std::string_view ns;
    std::string_view name;
    std::string_view value;
};

namespace detail {

enum class NodeKind : std::uint8_t { element, attribute, text };

// Nodes in document order. An element's attributes follow it at once, then its content; `end` is the index after
// its last node, so a subtree is a run. Strings are slices of Tape::text; interned names need no text.
struct Node {
    NodeKind kind;
    std::uint16_t name;         // elements: interned id, or 0
    std::uint32_t end;          // index after the last node of this one
    std::uint32_t ns_at;        // elements and attributes without interned name: namespace
    std::uint32_t name_at;      // elements and attributes: local name;   text: the text
    std::uint32_t value_at;     // attributes: the value
    std::uint32_t ns_size;
    std::uint32_t name_size;
    std::uint32_t value_size;
};

// Content of the root that came in one piece and that nobody has changed since: how it was written, and the index after
// its last node. What was added later follows. It means the same inside any root of that namespace: there are no prefixes, and
// no child says its parent's namespace once more (which would be another one where the stream's is not the client's).
struct Written {
    std::uint32_t at = 0;
    std::uint32_t size = 0;  // 0: there is none
    std::uint32_t end = 0;
};

struct Tape {
    std::vector<Node> nodes;
    std::string text;
    Written content;
};

struct Slice {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
};

}  // namespace detail

// A View may be empty (find nothing, get an empty one): it has no name, no attributes, no children, no text.
class View {
public:
    class Children;

    View() = default;
    explicit operator bool() const { return tape_ != nullptr; }

    bool is(Name name) const;
    bool is(std::string_view ns, std::string_view local) const;
    std::uint16_t name_id() const;  // interned id, or 0
    std::string_view ns() const;
    std::string_view local() const;

    std::optional<std::string_view> attr(std::string_view name) const;
    std::string_view attr_or(std::string_view name, std::string_view otherwise) const;
    std::vector<Attribute> attributes() const;

    std::string text() const;  // direct text, runs joined
    bool has_text() const;     // any direct text that is not white space

    Children children() const;      // elements only, in order
    View child(Name name) const;    // the first of that name, or empty
    View first_child() const;       // the first element, or empty

    // The same names, attributes and content in the same order, whatever prefixes were used.
    bool equals(View other) const;

private:
    friend class Element;
    friend class Children;
    friend class Writer;
    friend class Packer;
    View(const detail::Tape* tape, std::uint32_t index) : tape_(tape), index_(index) {}
    const detail::Node& node() const { return tape_->nodes[index_]; }

    const detail::Tape* tape_ = nullptr;
    std::uint32_t index_ = 0;
};

// Range over child elements: `for (View child : view.children())`.
class View::Children {
public:
    class Iterator {
    public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = View;
        using difference_type = std::ptrdiff_t;
        using pointer = const View*;
        using reference = View;

        Iterator() = default;
        View operator*() const { return View(tape_, index_); }
        Iterator& operator++();
        Iterator operator++(int) {
            const auto before = *this;
            ++*this;
            return before;
        }
        bool operator==(const Iterator& other) const { return index_ == other.index_; }

    private:
        friend class Children;
        Iterator(const detail::Tape* tape, std::uint32_t index, std::uint32_t end)
            : tape_(tape), index_(index), end_(end) {}
        const detail::Tape* tape_ = nullptr;
        std::uint32_t index_ = 0;
        std::uint32_t end_ = 0;
    };
    Iterator begin() const;
    Iterator end() const;
    bool empty() const { return begin() == end(); }

private:
    friend class View;
    explicit Children(View parent) : parent_(parent) {}
    View parent_;  // empty: no children
};

// Owning. Built top-down; every editing call invalidates Views on it.
class Element {
public:
    explicit Element(Name name);
    Element(std::string_view ns, std::string_view local);
    explicit Element(View copy_of);

    View view() const { return View(&tape_, 0); }
    operator View() const { return view(); }

    // The View's questions, asked of the root.
    bool is(Name name) const { return view().is(name); }
    std::optional<std::string_view> attr(std::string_view name) const { return view().attr(name); }
    std::string text() const { return view().text(); }
    View child(Name name) const { return view().child(name); }
    View::Children children() const { return view().children(); }

    // Editing the root; each returns *this so that a payload reads as one expression:
    //   Element(query).set("ver", version).add(Element(item).set("jid", jid.str()))
    Element& set(std::string_view attribute, std::string_view value);  // replaces; plain attributes only
    Element& unset(std::string_view attribute);
    Element& add(View child);                                          // appended as the last child (copied)
    Element& add_text(std::string_view text);
    Element& add_text_child(Name name, std::string_view text);         // <name>text</name>
    // <name attributes/>, made in place; no attribute twice.
    Element& add_child(Name name, std::initializer_list<std::pair<std::string_view, std::string_view>> attributes);
    Element&& moved() { return std::move(*this); }                     // ends a chain without a copy

    // Removes child elements of the root for which `predicate(View)` is true; returns how many.
    std::size_t remove_children(const std::function<bool(View)>& predicate);

    // Appends the serialised form. `default_ns`: the default namespace in scope where it will stand.
    void write(std::string& out, std::string_view default_ns) const;
    std::string to_string() const;  // with its own xmlns

    std::size_t memory_bytes() const;  // heap held by the tape

private:
    friend class ElementBuilder;
    Element() = default;
    Element& overwrite(detail::Node& attribute, std::string_view value);
    detail::Tape tape_;
};

// Building in document order, for the parser. Keeps its buffers from one element to the next, up to a bound.
class ElementBuilder {
public:
    ElementBuilder();
    // `interned`: what Name::find says of the pair.
    void open(std::uint16_t interned, std::string_view ns, std::string_view local);
    void attribute(std::string_view ns, std::string_view name, std::string_view value);  // right after open
    void text(std::string_view text);  // joined with text just before it
    void close();

    // From here on what is given is found in `source`, which stays where it is, as far as it is a part of it: nothing is
    // copied before the end. REQUIRES: empty; less than 2 GiB.
    void read_from(std::string_view source);
    // All has been read; the element is the first `size` bytes, and stands as `content` in them between its tags.
    // REQUIRES: read_from(), everything opened is closed, no prefixes of namespaces in the content.
    void end_reading(std::size_t size, std::string_view content);

    std::size_t depth() const { return open_.size(); }
    std::string_view ns() const;  // of the innermost open element; none open: empty
    std::size_t memory_bytes() const;
    Element take();  // REQUIRES: everything opened is closed; the builder is empty again
    void reset();

private:
    detail::Slice keep(std::string_view text);
    detail::Slice keep_ns(std::string_view ns);
    bool is_in_source(std::string_view text) const;
    void move_own(std::uint32_t by);
    bool refers_to_source(const detail::Node& text_node) const;
    void lengthen(detail::Node& text_node, std::string_view by);
    void make_room(std::size_t bytes);

    detail::Tape tape_;
    std::vector<std::uint32_t> open_;
    std::string_view source_;  // slices refer to it, unless they are marked
    bool in_text_ = false;     // the last node is text that may grow
    detail::Slice ns_;         // the last namespace put on the tape; the next element's is often the same
};

// Appends `text` fit for an attribute in either kind of quotes, and for element content: & < > " ' and tab, newline,
// carriage return as references. Control characters, which no XML document can hold, become U+FFFD.
void escape(std::string& out, std::string_view text);
// The same for element content only: quotes, tabs and newlines stay as they are.
void escape_content(std::string& out, std::string_view text);

// Serialises any view. Namespaces are declared where they change; prefixes only appear on attributes.
void write(std::string& out, View view, std::string_view default_ns);

// A plain attribute of the root that is written in place of the one on the tape; empty value: not written at all.
struct RootAttribute {
    std::string_view name;
    std::string_view value;
};
void write(std::string& out, View view, std::string_view default_ns, std::span<const RootAttribute> instead);

}  // namespace rookery::xml
