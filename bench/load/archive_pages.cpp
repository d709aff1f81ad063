#include "bench/load/archive_pages.h"

#include "bench/load/xml_scan.h"

namespace rookery::bench {

void ArchivePages::blame(const std::string& what) {
    if (fault_.empty()) fault_ = what + " on page " + std::to_string(pages_ + 1);
}

void ArchivePages::on_result(std::string_view id) {
    if (!ids_.emplace(id).second) blame("the id " + std::string(id) + " came again");
    if (on_page_++ == 0) first_on_page_ = id;
    last_on_page_ = id;
}

void ArchivePages::on_end(std::string_view fin) {
    const std::string_view complete = attribute(find_element(fin, "fin"), "complete");
    complete_ = complete == "true" || complete == "1";
    if (on_page_ > 0 && text_of(fin, "first") != first_on_page_) blame("<first/> is not the first result");
    if (on_page_ > 0 && text_of(fin, "last") != last_on_page_) blame("<last/> is not the last result");
    if (on_page_ > page_size_) blame("too many results");
    if (on_page_ < page_size_ && !complete_) blame("too few results, though it is not the end,");
    if (on_page_ == 0) complete_ = true;
    if (on_page_ > 0) last_ = last_on_page_;
    on_page_ = 0;
    ++pages_;
}

}  // namespace rookery::bench
