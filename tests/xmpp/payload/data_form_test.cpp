#include "xmpp/payload/data_form.h"

#include <gtest/gtest.h>

#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

std::optional<DataForm> read(std::string_view inner, std::string_view type = "submit") {
    const auto element =
        xml::parse_document("<x xmlns='jabber:x:data' type='" + std::string(type) + "'>" + std::string(inner) + "</x>");
    EXPECT_TRUE(element) << inner;
    return DataForm::parse(*element);
}

TEST(DataForm, what_is_written_is_read) {
    const std::string text =
        "<x xmlns='jabber:x:data' type='form'><title>T</title><instructions>one</instructions>"
        "<instructions>two</instructions>"
        "<field var='FORM_TYPE' type='hidden'><value>urn:x</value></field>"
        "<field type='fixed'><value>Section</value></field>"
        "<field var='name' type='text-single' label='Your "
        "name'><desc>why</desc><required/><value>a&lt;b</value></field>"
        "<field var='lang' type='list-multi'><value>c</value><value>d</value><option "
        "label='C'><value>c</value></option>"
        "<option><value>d</value></option></field></x>";
    const auto form = DataForm::parse(*xml::parse_document(text));
    ASSERT_TRUE(form);
    EXPECT_EQ(form->to_xml().to_string(), text);
    EXPECT_EQ(form->form_type(), "urn:x");
    EXPECT_EQ(form->value("name"), "a<b");
    EXPECT_TRUE(form->field("name")->required);
    EXPECT_EQ(form->field("lang")->values.size(), 2u);
    EXPECT_EQ(form->field("lang")->options[0].label, "C");
    EXPECT_EQ(form->value("missing"), std::nullopt);
}

TEST(DataForm, tables_of_results) {
    const std::string text =
        "<x xmlns='jabber:x:data' type='result'><reported><field var='a' type='jid-single'/></reported>"
        "<item><field var='a'><value>1@b</value></field></item><item><field "
        "var='a'><value>2@b</value></field></item></x>";
    const auto form = DataForm::parse(*xml::parse_document(text));
    ASSERT_TRUE(form);
    EXPECT_EQ(form->items.size(), 2u);
    EXPECT_EQ(form->to_xml().to_string(), text);
}

TEST(DataForm, built_by_hand) {
    DataForm form(FormType::submit, "urn:x");
    form.add(FormField("on", std::nullopt, {"true"})).add(FormField("off", FieldType::boolean, {"0"}));
    form.add(FormField("odd", FieldType::boolean, {"yes"}));
    EXPECT_EQ(form.flag("on"), true);
    EXPECT_EQ(form.flag("off"), false);
    EXPECT_EQ(form.flag("odd"), std::nullopt);
    EXPECT_EQ(form.flag("none"), std::nullopt);
    EXPECT_EQ(form.to_xml().to_string(),
              "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:x</value></field>"
              "<field var='on'><value>true</value></field><field var='off' type='boolean'><value>0</value></field>"
              "<field var='odd' type='boolean'><value>yes</value></field></x>");
}

TEST(DataForm, bad_forms) {
    EXPECT_FALSE(read("", "shout"));
    EXPECT_FALSE(DataForm::parse(*xml::parse_document("<x xmlns='jabber:x:data'/>")));
    EXPECT_FALSE(DataForm::parse(*xml::parse_document("<x xmlns='urn:other' type='form'/>")));
    EXPECT_FALSE(read("<field/>"));
    EXPECT_FALSE(read("<field var='a'/><field var='a'/>"));
    EXPECT_FALSE(read("<item><field/></item>"));
    EXPECT_FALSE(read("<reported><field/></reported>"));
    EXPECT_TRUE(read("<field type='fixed'/><field type='fixed'/>"));
    EXPECT_EQ(read("<field var='a' type='colour'/>")->field("a")->type, FieldType::text_single);
    EXPECT_TRUE(read("", "cancel"));
}

DataForm question() {
    DataForm form(FormType::form, "urn:x");
    FormField name("name", FieldType::text_single);
    name.required = true;
    FormField choice("choice", FieldType::list_single);
    choice.options = {{"a", ""}, {"b", ""}};
    FormField choices("choices", FieldType::list_multi);
    choices.options = choice.options;
    form.add(std::move(name)).add(std::move(choice)).add(std::move(choices));
    form.add(FormField("flag", FieldType::boolean)).add(FormField("who", FieldType::jid_single));
    return form;
}

std::string refusal(std::string_view inner) {
    const auto answer = read("<field var='FORM_TYPE'><value>urn:x</value></field>" + std::string(inner));
    return answer ? question().refuse(*answer).value_or("good") : "malformed";
}

TEST(DataForm, answers_are_checked) {
    const std::string name = "<field var='name'><value>n</value></field>";
    EXPECT_EQ(refusal(name), "good");
    EXPECT_EQ(refusal(name + "<field var='unknown'><value>1</value><value>2</value></field>"), "good");
    EXPECT_EQ(refusal(""), "a required field is missing: name");
    EXPECT_EQ(refusal("<field var='name'/>"), "a required field is missing: name");
    EXPECT_EQ(refusal("<field var='name'><value>1</value><value>2</value></field>"),
              "a field has more than one value: name");
    EXPECT_EQ(refusal(name + "<field var='choice'><value>c</value></field>"),
              "a field has a value of the wrong kind: choice");
    EXPECT_EQ(refusal(name + "<field var='choices'><value>a</value><value>b</value></field>"), "good");
    EXPECT_EQ(refusal(name + "<field var='choices'><value>a</value><value>c</value></field>"),
              "a field has a value of the wrong kind: choices");
    EXPECT_EQ(refusal(name + "<field var='flag'><value>maybe</value></field>"),
              "a field has a value of the wrong kind: flag");
    EXPECT_EQ(refusal(name + "<field var='who'><value>@</value></field>"),
              "a field has a value of the wrong kind: who");
    EXPECT_EQ(question().refuse(DataForm(FormType::submit)), "another FORM_TYPE");
    EXPECT_EQ(question().refuse(DataForm(FormType::cancel)), "not a submitted form");
}

}  // namespace
}  // namespace rookery
