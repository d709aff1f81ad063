// One way through an archive, page by page (XEP-0313 with XEP-0059): does each page continue where the one before
// ended?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

namespace rookery::bench {

class ArchivePages {
public:
    explicit ArchivePages(std::uint32_t page_size) : page_size_(page_size) {}

    void on_result(std::string_view id);
    // The end of a page: the <iq> with <fin>.
    void on_end(std::string_view fin);

    bool is_complete() const { return complete_; }
    const std::string& last() const { return last_; }  // what the next page comes after; empty: from the beginning
    std::uint64_t pages() const { return pages_; }
    std::uint64_t results() const { return ids_.size(); }
    const std::string& fault() const { return fault_; }  // the first one; empty: all is well

private:
    void blame(const std::string& what);

    std::uint32_t page_size_;
    std::unordered_set<std::string> ids_;
    std::string first_on_page_;
    std::string last_on_page_;
    std::uint32_t on_page_ = 0;
    std::string last_;
    std::uint64_t pages_ = 0;
    bool complete_ = false;
    std::string fault_;
};

}  // namespace rookery::bench
