// Private XML storage (XEP-0049): a client keeps settings and old-style bookmarks here. One document for each element
// (name and namespace); only the account itself may read or write.
#include <algorithm>

#include "core/module.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

constexpr const char* private_ns = "jabber:iq:private";
const xml::Name query_name{private_ns, "query"};

struct PrivateOptions {
    ByteSize max_element_size = 64_KB;
    std::size_t max_elements = 16;  // in one request
};

// A local name holds no slash, so the two parts stay apart.
std::string key_of(xml::View element) {
    return "private/" + std::string(element.local()) + "/" + std::string(element.ns());
}

bool has_own_namespace(xml::View element) { return !element.ns().empty() && element.ns() != private_ns; }

struct Entry {
    std::string key;
    std::string body;
};

bool holds(const std::vector<Entry>& entries, const std::string& key) {
    return std::ranges::any_of(entries, [&key](const Entry& entry) { return entry.key == key; });
}

StanzaError storage_error(const Error& error) {
    if (error.code == ErrorCode::limit)
        return StanzaError(Condition::resource_constraint, ErrorType::modify, "too much is stored already");
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

class Private final : public Module {
public:
    Private(Host& host, const PrivateOptions& options) : Module(host), options_(options) {
        iq<&Private::get>(IqType::get, query_name, At::account, Asker::owner);
        iq<&Private::set>(IqType::set, query_name, At::account, Asker::owner);
        feature(private_ns, At::host);
    }

private:
    IqReply get(Iq iq) {
        const xml::View wanted = iq.payload().first_child();
        if (!wanted) return Condition::bad_request;
        if (++iq.payload().children().begin() != iq.payload().children().end()) return Condition::bad_request;
        if (!has_own_namespace(wanted)) return Condition::not_acceptable;
        return load(iq);
    }

    Task<IqReply> load(Iq iq) {
        const xml::View wanted = iq.payload().first_child();
        Result<Document> document = co_await stores().documents.load(iq.account->jid(), key_of(wanted));
        xml::Element query(query_name);
        if (document.ok()) {
            const std::optional<xml::Element> kept = xml::parse_document(document->body);
            query.add(kept ? kept->view() : wanted);
        } else if (document.error().code == ErrorCode::not_found) {
            query.add(wanted);  // nothing stored: the question comes back
        } else {
            co_return storage_error(document.error());
        }
        co_return query;
    }

    IqReply set(Iq iq) {
        std::vector<Entry> entries;
        for (const xml::View element : iq.payload().children()) {
            if (!has_own_namespace(element)) return Condition::not_acceptable;
            if (entries.size() == options_.max_elements) return Condition::not_acceptable;
            Entry entry{key_of(element), xml::Element(element).to_string()};
            if (std::cmp_greater(entry.body.size(), options_.max_element_size.bytes))
                return StanzaError(Condition::not_acceptable, "an element is too large");
            // Of two with one name only one could be kept, and nobody would hear of it.
            if (holds(entries, entry.key)) return Condition::not_acceptable;
            entries.push_back(std::move(entry));
        }
        if (entries.empty()) return Condition::not_acceptable;
        return store(iq.account->jid(), std::move(entries));
    }

    Task<IqReply> store(Jid owner, std::vector<Entry> entries) {
        for (Entry& entry : entries) {
            const DocumentLimits limits = host().options().documents;
            Result<std::uint64_t> stored = co_await stores().documents.put(owner, std::move(entry.key),
                                                                           std::move(entry.body), std::nullopt, limits);
            if (!stored.ok()) co_return storage_error(stored.error());
        }
        co_return IqReply();
    }

    PrivateOptions options_;
};

}  // namespace

extern const ModuleSpec private_module =
    declare<Private, PrivateOptions>("private", "Keeps private XML for clients, like settings and bookmarks")
        .implements(49, "1.2")
        .option("max_element_size", &PrivateOptions::max_element_size, "Largest element that is kept")
        .option("max_elements", &PrivateOptions::max_elements, "How many elements one request may store", at_least(1));

}  // namespace rookery
