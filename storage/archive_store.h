// ArchiveStore: the archived rows of the log (log_store.h), as XEP-0313 with #extended, XEP-0059 and XEP-0431 ask for
// them. Owners, ids and errors as there. Reads are one Database call, but for a search that finds much to index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/log_store.h"
#include "storage/sql/statement.h"

namespace rookery {

// Which messages. Everything that is set must be true of a message.
struct ArchiveFilter {
    std::optional<Jid> with;        // bare: its resources too; full: only that one
    std::optional<WallTime> start;  // to the millisecond, both included
    std::optional<WallTime> end;
    std::uint64_t after_id = 0;  // 0: not set. Messages that must exist: else not_found
    std::uint64_t before_id = 0;
    std::string text;  // all of its words, whole; whatever their case and accents

    ArchiveFilter() = default;
};

// Which of them: a page (XEP-0059) of the first ones after `after`, or, backward, of the last ones before `before`.
struct PageRequest {
    std::size_t max = 0;      // at most ArchiveStore::max_page count; 0: no messages, which asks for the total
    std::uint64_t after = 0;  // 0: not set. Messages that must exist: else not_found
    std::uint64_t before = 0;
    bool backward = false;
    bool total = false;  // wanted

    explicit PageRequest(std::size_t size) : max(size) {}
};

struct ArchivedMessage {
    std::uint64_t id = 0;
    bool outgoing = false;
    std::string stanza_xml;

    ArchivedMessage(std::uint64_t number, bool sent, std::string xml)
        : id(number), outgoing(sent), stanza_xml(std::move(xml)) {}
};

struct ArchivePage {
    std::vector<ArchivedMessage> messages;     // oldest first, also when asked backward
    bool complete = false;                     // there is nothing beyond, in the direction asked for
    std::optional<std::uint64_t> total;        // of the filter; not set: not asked, or more than max_counted
    std::optional<std::uint64_t> first_index;  // of the first message among them, where that is known without counting
    bool searched_all = true;  // false: the search index has still to grow; the newest messages come last. Ask again

    ArchivePage() = default;
};

struct ArchiveBounds {  // XEP-0313 metadata; 0 and 0: it is empty
    std::uint64_t oldest = 0;
    std::uint64_t newest = 0;

    ArchiveBounds(std::uint64_t first, std::uint64_t last) : oldest(first), newest(last) {}
};

struct ArchiveSize {
    std::uint64_t account = 0;  // the `after` of the next call
    Jid owner;
    std::uint64_t messages = 0;

    ArchiveSize(std::uint64_t number, Jid jid, std::uint64_t count)
        : account(number), owner(std::move(jid)), messages(count) {}
};

class ArchiveStore {
public:
    explicit ArchiveStore(Database& database) : database_(database) {}

    // Empty also when the owner does not exist. At most max_page messages and max_page_bytes, but at least one if there
    // is any; its cost is the number of the owner's messages passed over by `with`, at 0.1 us each, and a page.
    // invalid: a text without words, or with more than max_words; unavailable: the search took too long.
    Task<Result<ArchivePage>> query(Jid owner, ArchiveFilter filter, PageRequest page);
    // Those with these ids, oldest first; not_found: one of them does not exist; invalid: more than max_ids.
    Task<Result<std::vector<ArchivedMessage>>> load(Jid owner, std::vector<std::uint64_t> ids);
    Task<Result<ArchiveBounds>> load_bounds(Jid owner);
    Task<Result<std::uint64_t>> count(Jid owner);  // costs 0.05 us a message

    // One slice: at most LogStore::max_slice messages, the oldest first, after `after` (0 at first). What still waits,
    // and what the duplicate window needs, is only hidden. filter.text is not looked at, nor whether after_id and
    // before_id exist. A look, which keeps nobody waiting, and a write.
    Task<Result<RemovedSlice>> remove(Jid owner, ArchiveFilter filter, std::uint64_t after);
    // The same for all accounts.
    Task<Result<RemovedSlice>> remove_older(WallTime before, std::uint64_t after);

    // To bound archives by count: how many the accounts after `after_account` (0: from the first; in order of
    // creation) have, at most max_accounts; and before which id an archive has to end to keep `keep`: 0 if it fits.
    Task<Result<std::vector<ArchiveSize>>> load_sizes(std::uint64_t after_account, std::size_t max_accounts);
    Task<Result<std::uint64_t>> find_excess(Jid owner, std::uint64_t keep);

    static constexpr std::size_t max_page = 500;
    static constexpr std::size_t max_page_bytes = 4u << 20;
    static constexpr std::size_t max_counted = 10'000;
    static constexpr std::size_t max_ids = 500;
    static constexpr std::size_t max_words = 16;
    static constexpr Milliseconds search_limit{500};  // for the page and for the total, each
    static constexpr std::size_t max_accounts = 100;
    static constexpr std::size_t index_slice = 200;  // messages; a search indexes at most index_slices of them first
    static constexpr std::size_t index_slices = 20;
    static constexpr std::size_t max_indexed_bytes = 16u << 10;  // of a message's text

private:
    Task<Result<bool>> make_searchable(Jid owner);
    Task<Result<bool>> index_one_slice(Jid owner);
    Task<Result<RemovedSlice>> remove_slice(std::vector<Statement> work, std::uint64_t rows, std::uint64_t last);

    Database& database_;
};

}  // namespace rookery
