// Small XML documents by owner and key: vCard, private XML, block list, message of the day.
// Owner: a bare JID with an account (else not_found), or a domain: the server's own documents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "xmpp/jid.h"

namespace rookery {

class Database;

struct Document {
    std::string body;
    std::uint64_t version = 0;

    Document(std::string text, std::uint64_t number) : body(std::move(text)), version(number) {}
};

struct DocumentInfo {
    std::string key;
    std::uint64_t version = 0;
    std::size_t bytes = 0;

    DocumentInfo(std::string name, std::uint64_t number, std::size_t size)
        : key(std::move(name)), version(number), bytes(size) {}
};

struct DocumentLimits {  // for each owner; bytes counts bodies and keys
    std::size_t documents;
    std::size_t bytes;

    DocumentLimits(std::size_t max_documents, std::size_t max_bytes) : documents(max_documents), bytes(max_bytes) {}
};

class DocumentStore {
public:
    explicit DocumentStore(Database& database) : database_(database) {}

    Task<Result<Document>> load(Jid owner, std::string key);  // not_found

    // Gives the new version; an owner's versions only grow, also over removals. `expected`: replace only that version
    // (0: only if there is none), else conflict. limit: it would leave the owner with more than `limits`.
    Task<Result<std::uint64_t>> put(Jid owner, std::string key, std::string body, std::optional<std::uint64_t> expected,
                                    DocumentLimits limits);
    Task<Result<void>> remove(Jid owner, std::string key);  // not_found

    // Keys that begin with `prefix` ("" for all), in byte order; empty also when the owner does not exist.
    Task<Result<std::vector<DocumentInfo>>> list(Jid owner, std::string prefix);

    // The accounts of a domain that have a document of this key, in byte order of their names, behind the one named
    // `after_local` ("": from the first); at most `max` and max_owners. Looks at every account of the domain: for the
    // start, and for administrators.
    Task<Result<std::vector<Jid>>> find_owners(std::string domain, std::string key, std::string after_local, std::size_t max);

    static constexpr std::size_t max_owners = 500;

private:
    Database& database_;
};

}  // namespace rookery
