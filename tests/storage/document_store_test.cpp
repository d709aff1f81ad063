#include "storage/document_store.h"

#include "tests/storage/contract.h"

namespace rookery {
namespace {

class DocumentStoreTest : public Contract {
protected:
    const DocumentLimits wide{100, 10'000'000};

    Result<std::uint64_t> put(Jid owner, std::string key, std::string body,
                              std::optional<std::uint64_t> expected = std::nullopt) {
        return wait(documents().put(std::move(owner), std::move(key), std::move(body), expected, wide));
    }
};
INSTANTIATE_TEST_SUITE_P(engines, DocumentStoreTest, testing::ValuesIn(engines), engine_name);

TEST_P(DocumentStoreTest, GivesBackWhatWasPut) {
    const std::uint64_t version = put(alice, "vcard", "<vCard/>").value();
    const Document document = wait(documents().load(alice, "vcard")).value();
    EXPECT_EQ(document.body, "<vCard/>");
    EXPECT_EQ(document.version, version);
    EXPECT_EQ(error_of(documents().load(bob, "vcard")), ErrorCode::not_found);
    EXPECT_EQ(error_of(documents().load(alice, "vcar")), ErrorCode::not_found);
}

TEST_P(DocumentStoreTest, KeepsHostileTextAsText) {
    const std::string keys[] = {"' OR 1=1--",
                                "\"; DROP TABLE document;",
                                "?1",
                                "%_",
                                "\xe2\x80\xae"
                                "evil",
                                ""};
    for (const std::string& key : keys) put(alice, key, key + key).value();
    for (const std::string& key : keys) EXPECT_EQ(wait(documents().load(alice, key)).value().body, key + key);
    EXPECT_EQ(wait(documents().list(alice, "' OR")).value().size(), 1u);
    EXPECT_EQ(wait(documents().list(alice, "%")).value().size(), 1u);
    EXPECT_TRUE(wait(documents().list(bob, "' OR 1=1--")).value().empty());
}

TEST_P(DocumentStoreTest, RefusesNulEverywhere) {
    const std::string nul("a\0b", 3);
    EXPECT_EQ(error_of(documents().put(alice, nul, "<x/>", std::nullopt, wide)), ErrorCode::invalid);
    EXPECT_EQ(error_of(documents().put(alice, "x", nul, std::nullopt, wide)), ErrorCode::invalid);
    EXPECT_EQ(error_of(documents().load(alice, nul)), ErrorCode::invalid);
    EXPECT_EQ(error_of(documents().list(alice, nul)), ErrorCode::invalid);
}

TEST_P(DocumentStoreTest, KeepsAMegabyte) {
    const std::string large(1'000'000, 'x');
    put(alice, "large", large).value();
    EXPECT_EQ(wait(documents().load(alice, "large")).value().body, large);
}

TEST_P(DocumentStoreTest, ReplacesOnlyTheExpectedVersion) {
    const std::uint64_t first = put(alice, "blocklist", "<a/>", 0).value();
    EXPECT_EQ(put(alice, "blocklist", "<b/>", 0).error().code, ErrorCode::conflict);
    EXPECT_EQ(put(alice, "blocklist", "<b/>", first + 1).error().code, ErrorCode::conflict);
    EXPECT_EQ(wait(documents().load(alice, "blocklist")).value().body, "<a/>");
    const std::uint64_t second = put(alice, "blocklist", "<b/>", first).value();
    EXPECT_GT(second, first);
    EXPECT_EQ(put(alice, "blocklist", "<c/>", first).error().code, ErrorCode::conflict);
    EXPECT_EQ(put(alice, "other", "<c/>", second).error().code, ErrorCode::conflict);
}

TEST_P(DocumentStoreTest, AVersionDoesNotComeBackAfterARemoval) {
    const std::uint64_t first = put(alice, "x", "<a/>").value();
    wait(documents().remove(alice, "x")).value();
    EXPECT_EQ(error_of(documents().remove(alice, "x")), ErrorCode::not_found);
    EXPECT_GT(put(alice, "x", "<a/>", 0).value(), first);
    EXPECT_EQ(put(alice, "x", "<b/>", first).error().code, ErrorCode::conflict);
}

TEST_P(DocumentStoreTest, HoldsItsLimitsExactly) {
    const DocumentLimits limits(2, 20);
    wait(documents().put(alice, "a", "123456789", std::nullopt, limits)).value();  // 10 bytes with its key
    wait(documents().put(alice, "b", "123456789", std::nullopt, limits)).value();
    EXPECT_EQ(error_of(documents().put(alice, "c", "", std::nullopt, limits)), ErrorCode::limit);
    EXPECT_EQ(error_of(documents().put(alice, "a", "1234567890", std::nullopt, limits)), ErrorCode::limit);
    EXPECT_EQ(wait(documents().load(alice, "a")).value().body, "123456789");
    wait(documents().put(alice, "a", "1", std::nullopt, limits)).value();
    wait(documents().put(alice, "b", "12345678901234567", std::nullopt, limits)).value();
    wait(documents().put(bob, "a", "123456789", std::nullopt, limits)).value();
}

TEST_P(DocumentStoreTest, CountsBytesNotCharacters) {
    const DocumentLimits limits(2, 5);
    EXPECT_EQ(error_of(documents().put(alice, "k", "\xc3\xa4\xc3\xb6\xc3\xbc", std::nullopt, limits)),
              ErrorCode::limit);
    wait(documents().put(alice, "k", "\xc3\xa4\xc3\xb6", std::nullopt, limits)).value();
    EXPECT_EQ(wait(documents().list(alice, "")).value()[0].bytes, 5u);
}

TEST_P(DocumentStoreTest, ListsKeysByPrefix) {
    for (const char* key : {"private:b", "private:a", "vcard", "privat"}) put(alice, key, "<x/>").value();
    const std::vector<DocumentInfo> found = wait(documents().list(alice, "private:")).value();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].key, "private:a");
    EXPECT_EQ(found[1].key, "private:b");
    EXPECT_GT(found[0].version, found[1].version);
    EXPECT_EQ(wait(documents().list(alice, "")).value().size(), 4u);
    EXPECT_TRUE(wait(documents().list(nobody, "")).value().empty());
}

TEST_P(DocumentStoreTest, FindsTheAccountsThatHaveAKey) {
    put(bob, "push", "<b/>").value();
    put(alice, "push", "<a/>").value();
    put(alice, "vcard", "<a/>").value();
    put(domain, "push", "<d/>").value();
    const auto find = [this](const std::string& after, std::size_t max) {
        return wait(documents().find_owners("example.org", "push", after, max)).value();
    };
    EXPECT_EQ(find("", 10), (std::vector<Jid>{alice, bob}));
    EXPECT_EQ(find("", 1), std::vector<Jid>{alice});
    EXPECT_EQ(find("alice", 10), std::vector<Jid>{bob});
    EXPECT_TRUE(find("bob", 10).empty());
    EXPECT_TRUE(wait(documents().find_owners("example.org", "pus", "", 10)).value().empty());
    EXPECT_TRUE(wait(documents().find_owners("another.domain", "push", "", 10)).value().empty());
}

TEST_P(DocumentStoreTest, BelongsToAccountsAndDomains) {
    EXPECT_EQ(put(nobody, "x", "<x/>").error().code, ErrorCode::not_found);
    EXPECT_EQ(put(jid("alice@example.org/phone"), "x", "<x/>").error().code, ErrorCode::invalid);
    EXPECT_EQ(put(Jid(), "x", "<x/>").error().code, ErrorCode::invalid);
    const std::uint64_t first = put(domain, "motd", "<a/>", 0).value();
    put(domain, "motd", "<b/>", first).value();
    EXPECT_EQ(wait(documents().load(domain, "motd")).value().body, "<b/>");
    EXPECT_EQ(error_of(documents().load(jid("example.com"), "motd")), ErrorCode::not_found);
}

}  // namespace
}  // namespace rookery
