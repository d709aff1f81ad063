#include "storage/sql/statement.h"

#include <algorithm>

namespace rookery {
namespace {
const std::string no_text;

std::string taken(std::string* text) { return text ? std::move(*text) : std::string(); }
}  // namespace

std::int64_t to_micros(WallTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

WallTime from_micros(std::int64_t micros) {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::microseconds(micros)));
}

std::int64_t SqlValue::integer() const {
    const std::int64_t* number = if_integer();
    return number ? *number : 0;
}

const std::string& SqlValue::text() const {
    const std::string* text = if_text();
    return text ? *text : no_text;
}

const std::string& SqlValue::blob() const {
    const Blob* blob = if_blob();
    return blob ? blob->bytes : no_text;
}

std::string SqlValue::take_text() { return taken(std::get_if<std::string>(&held_)); }

std::string SqlValue::take_blob() {
    Blob* blob = std::get_if<Blob>(&held_);
    return taken(blob ? &blob->bytes : nullptr);
}

std::size_t SqlValue::size_bytes() const {
    if (const std::string* text = if_text()) return text->size();
    if (const Blob* blob = if_blob()) return blob->bytes.size();
    return sizeof(std::int64_t);
}

std::size_t Statement::size_bytes() const {
    std::size_t bytes = 0;
    for (const SqlValue& value : values_) bytes += value.size_bytes();
    return bytes;
}

const Statement::Otherwise* unmet(const Statement& statement, const WriteOutcome& outcome) {
    const std::optional<Statement::Otherwise>& otherwise = statement.otherwise();
    if (!otherwise || outcome.changed >= otherwise->rows || !outcome.rows.empty()) return nullptr;
    return &*otherwise;
}

bool has_nul(const std::vector<Statement>& statements) {
    const auto nul = [](const SqlValue& value) {
        const std::string* text = value.if_text();
        return text && text->find('\0') != std::string::npos;
    };
    return std::any_of(statements.begin(), statements.end(), [&](const Statement& statement) {
        return std::any_of(statement.values().begin(), statement.values().end(), nul);
    });
}

}  // namespace rookery
