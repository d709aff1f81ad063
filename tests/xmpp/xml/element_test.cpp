#include "xmpp/xml/element.h"

#include <gtest/gtest.h>

namespace rookery::xml {
namespace {

const Name query{"urn:test", "query"};
const Name item{"urn:test", "item"};
const Name message{"jabber:client", "message"};
const Name body{"jabber:client", "body"};

TEST(Name, equal_pairs_share_an_id_and_are_found_by_both_forms) {
    static const auto id = Name::find("urn:test\x01query");
    EXPECT_EQ(id, query.id());
    EXPECT_EQ(Name::find("urn:test", "query"), query.id());
    EXPECT_EQ(Name::from_id(query.id()), query);
    EXPECT_EQ(query.ns(), "urn:test");
    EXPECT_EQ(query.local(), "query");
    EXPECT_NE(query, item);
}

TEST(Name, strangers_are_not_found) {
    EXPECT_EQ(Name::find("urn:test", "que"), 0);
    EXPECT_EQ(Name::find("", "query"), 0);
    EXPECT_EQ(Name::find("query"), 0);
    EXPECT_EQ(Name::find(""), 0);
    EXPECT_EQ(Name::find("urn:test\nquery"), 0);
}

TEST(NameDeathTest, registering_after_the_first_find_is_a_bug) {
    Name::find("urn:test", "query");
    EXPECT_DEATH(Name("urn:test", "too-late"), "static storage");
}

TEST(Element, an_element_made_of_strings_has_the_interned_name) {
    EXPECT_TRUE(Element("urn:test", "query").is(query));
    EXPECT_FALSE(Element("urn:other", "query").is(query));
    EXPECT_TRUE(Element("urn:other", "query").view().is("urn:other", "query"));
    EXPECT_TRUE(Element(query).view().is("urn:test", "query"));
}

TEST(Element, attributes_are_set_replaced_and_removed) {
    Element element(query);
    element.add_text_child(item, "x").set("a", "1").set("b", "22").set("a", "longer than before");
    EXPECT_EQ(element.attr("a"), "longer than before");
    EXPECT_EQ(element.set("a", "s").attr("a"), "s");
    EXPECT_EQ(element.attr("b"), "22");
    EXPECT_EQ(element.unset("a").attr("a"), std::nullopt);
    EXPECT_EQ(element.unset("a").to_string(), "<query xmlns='urn:test' b='22'><item>x</item></query>");
    EXPECT_EQ(element.view().attr_or("c", "none"), "none");
}

TEST(Element, editing_from_itself_is_safe) {
    Element element(query);
    element.set("a", "value").add(Element(item).add_text("deep"));
    for (int i = 0; i < 4; ++i) element.add(element);
    element.set("b", *element.attr("a")).add_text(*element.attr("b"));
    EXPECT_EQ(element.attr("b"), "value");
    EXPECT_EQ(element.view().text(), "value");
    EXPECT_EQ(std::distance(element.children().begin(), element.children().end()), 5);
}

TEST(Element, children_and_text_are_found_in_order) {
    Element element(query);
    element.add_text("a").add(Element("urn:other", "x").add_text("hidden")).add_text("b");
    element.add(Element(item).set("n", "1")).add(Element(item).set("n", "2"));
    EXPECT_EQ(element.text(), "ab");
    EXPECT_TRUE(element.view().has_text());
    EXPECT_EQ(element.child(item).attr("n"), "1");
    EXPECT_EQ(element.view().first_child().local(), "x");
    std::string locals;
    for (const View child : element.children()) locals += child.local();
    EXPECT_EQ(locals, "xitemitem");
}

TEST(Element, white_space_is_not_text) {
    EXPECT_FALSE(Element(query).add_text(" \n\t ").view().has_text());
    EXPECT_FALSE(Element(query).add(Element(item).add_text("x")).view().has_text());
}

TEST(View, an_empty_view_finds_nothing) {
    const View none;
    EXPECT_FALSE(none);
    EXPECT_FALSE(none.is(query));
    EXPECT_FALSE(none.is("", ""));
    EXPECT_EQ(none.ns(), "");
    EXPECT_EQ(none.attr("a"), std::nullopt);
    EXPECT_TRUE(none.attributes().empty());
    EXPECT_EQ(none.text(), "");
    EXPECT_TRUE(none.children().empty());
    EXPECT_FALSE(none.first_child());
    EXPECT_FALSE(none.child(query));
    EXPECT_FALSE(Element(query).child(item).child(item));
    std::string out;
    write(out, none, {});
    EXPECT_EQ(out, "");
}

TEST(Element, a_subtree_can_be_copied_out) {
    Element element(query);
    element.add(Element("urn:a", "x").set("k", "v").add(Element("urn:a", "y").add_text("t")));
    element.add(Element(item));
    const Element copy(element.view().first_child());
    EXPECT_EQ(copy.to_string(), "<x xmlns='urn:a' k='v'><y>t</y></x>");
    EXPECT_TRUE(copy.view().equals(element.view().first_child()));
    EXPECT_FALSE(copy.view().equals(element.child(item)));
}

TEST(Element, children_are_removed_with_all_below_them) {
    Element element(query);
    for (int i = 0; i < 5; ++i) {
        element.add(Element(i % 2 ? item : body).set("n", std::to_string(i)).add_text_child(item, "deep"));
        element.add_text(",");
    }
    EXPECT_EQ(element.remove_children([](View child) { return child.is(item); }), 2u);
    EXPECT_EQ(element.remove_children([](View child) { return child.is(item); }), 0u);
    EXPECT_EQ(element.text(), ",,,,,");
    std::string seen;
    for (const View child : element.children()) seen += *child.attr("n") == "" ? "?" : *child.attr("n");
    EXPECT_EQ(seen, "024");
    EXPECT_EQ(element.view().first_child().child(item).text(), "deep");
    element.add(Element(item));
    EXPECT_EQ(element.remove_children([](View) { return true; }), 4u);
    EXPECT_EQ(element.to_string(), "<query xmlns='urn:test'>,,,,,</query>");
}

TEST(View, equals_looks_at_the_content_not_at_how_it_is_kept) {
    const auto one = [] {
        return Element(query).set("a", "1").add_text("xy").add(Element(item).add_text("z")).moved();
    };
    EXPECT_TRUE(one().view().equals(
        Element("urn:test", "query").set("a", "1").add_text("x").add_text("y").add(Element(item).add_text("z"))));
    EXPECT_TRUE(one().child(item).equals(Element(item).add_text("z")));
    EXPECT_TRUE(View().equals(View()));
    EXPECT_FALSE(one().view().equals(View()));
    EXPECT_FALSE(one().view().equals(one().set("a", "2")));
    EXPECT_FALSE(one().view().equals(one().set("b", "1")));
    EXPECT_FALSE(one().view().equals(one().add_text("more")));
    EXPECT_FALSE(one().view().equals(Element(query).set("a", "1").add_text("xyz").add(Element(item))));
    // The same nodes, nested otherwise.
    EXPECT_FALSE(Element(query)
                     .add(Element(item))
                     .add(Element(item))
                     .view()
                     .equals(Element(query).add(Element(item).add(Element(item)))));
    // Text on either side of an end tag is not in a row.
    EXPECT_FALSE(Element(query)
                     .add(Element(item).add_text("a"))
                     .add_text("b")
                     .view()
                     .equals(Element(query).add(Element(item).add_text("ab"))));
}

TEST(Writer, namespaces_are_declared_where_they_change) {
    Element element(message);
    element.add_text_child(body, "hi").add(Element(query).add(Element(item)).add(Element("", "none")));
    std::string out;
    element.write(out, "jabber:client");
    EXPECT_EQ(out, "<message><body>hi</body><query xmlns='urn:test'><item/><none xmlns=''/></query></message>");
    EXPECT_EQ(Element(message).to_string(), "<message xmlns='jabber:client'/>");
    EXPECT_EQ(Element("", "none").to_string(), "<none/>");
}

TEST(Writer, attributes_and_content_are_escaped) {
    const auto element = Element("", "x").set("a", "&<>\"'\t\n\r\x01").add_text("&<>\"'\t\n\r\x01").moved();
    EXPECT_EQ(element.to_string(),
              "<x a='&amp;&lt;&gt;&quot;&apos;&#x9;&#xA;&#xD;\xEF\xBF\xBD'>&amp;&lt;&gt;\"'\t\n&#xD;\xEF\xBF\xBD</x>");
}

TEST(Writer, a_namespace_is_escaped_like_any_value) {
    EXPECT_EQ(Element("a'b\n&", "x").to_string(), "<x xmlns='a&apos;b&#xA;&amp;'/>");
}

TEST(Writer, prefixed_attributes_get_a_prefix_of_their_own) {
    ElementBuilder builder;
    builder.open(0, "urn:a", "x");
    builder.attribute("urn:b", "k", "1");
    builder.attribute("urn:c", "k", "2");
    builder.attribute("http://www.w3.org/XML/1998/namespace", "lang", "de");
    builder.attribute("http://www.w3.org/XML/1998/namespace", "space", "preserve");
    builder.close();
    const auto element = builder.take();
    EXPECT_EQ(element.attr("xml:lang"), "de");
    EXPECT_EQ(element.attr("k"), std::nullopt);
    EXPECT_EQ(element.to_string(),
              "<x xmlns='urn:a' xmlns:ns1='urn:b' ns1:k='1' xmlns:ns2='urn:c' ns2:k='2' xml:lang='de' "
              "xml:space='preserve'/>");
}

TEST(Writer, an_element_of_the_xml_namespace_keeps_its_prefix) {
    const auto element = Element("http://www.w3.org/XML/1998/namespace", "x").add(Element("urn:a", "y")).moved();
    std::string out;
    element.write(out, "urn:a");
    EXPECT_EQ(out, "<xml:x><y/></xml:x>");
}

TEST(Writer, root_attributes_can_be_written_in_place_of_the_old_ones) {
    Element element(message);
    element.set("to", "old").set("kept", "1").set("id", "gone").add(Element(item).set("to", "inner"));
    const RootAttribute instead[] = {{"to", "new'"}, {"id", ""}};
    std::string out;
    write(out, element, "jabber:client", instead);
    EXPECT_EQ(out, "<message to='new&apos;' kept='1'><item xmlns='urn:test' to='inner'/></message>");
}

TEST(Writer, depth_costs_no_stack) {
    ElementBuilder builder;
    std::string expected;
    constexpr int depth = 100'000;
    for (int i = 0; i < depth; ++i) builder.open(0, "", "a");
    for (int i = 0; i < depth; ++i) builder.close();
    const auto element = builder.take();
    for (int i = 1; i < depth; ++i) expected += "<a>";
    expected += "<a/>";
    for (int i = 1; i < depth; ++i) expected += "</a>";
    EXPECT_EQ(element.to_string(), expected);
}

TEST(ElementBuilder, text_in_a_row_is_one_run) {
    ElementBuilder builder;
    builder.open(query.id(), {}, {});
    builder.text("a");
    builder.text("");
    builder.text("b");
    builder.open(item.id(), {}, {});
    builder.text("inner");
    builder.close();
    builder.text("c");
    builder.close();
    const auto element = builder.take();
    EXPECT_EQ(element.to_string(), "<query xmlns='urn:test'>ab<item>inner</item>c</query>");
    EXPECT_EQ(builder.depth(), 0u);
}

TEST(ElementBuilder, one_unknown_namespace_is_stored_once) {
    ElementBuilder builder;
    const std::string ns(1'000, 'n');
    builder.open(0, ns, "root");
    for (int i = 0; i < 100; ++i) {
        builder.open(0, ns, "x");
        builder.close();
    }
    builder.close();
    const auto element = builder.take();
    EXPECT_LT(element.memory_bytes(), 8'000u);
    const Element copy(element.view().first_child());
    EXPECT_LT(Element("urn:x", "y").add(element).memory_bytes(), 12'000u);
}

TEST(ElementBuilder, a_usual_element_is_two_exact_allocations) {
    ElementBuilder builder;
    builder.open(message.id(), {}, {});
    builder.attribute({}, "to", "juliet@capulet.example");
    builder.open(body.id(), {}, {});
    builder.text("Art thou not Romeo?");
    builder.close();
    builder.close();
    const auto element = builder.take();
    EXPECT_EQ(element.memory_bytes(), 4 * sizeof(detail::Node) + 2 + 22 + 19);
}

}  // namespace
}  // namespace rookery::xml
