// SQL as data: what a store asks and what it gets back, the same for every engine.
//
// The text is one literal that SQLite and PostgreSQL both take, with placeholders ?1 ?2 ... (a PostgreSQL engine
// writes them as $1 $2 ...; no question mark stands anywhere else), or one for each where they have nothing in common
// (full-text search). It cannot be put together at run time: Sql has only consteval constructors, so input can never
// become SQL. Values travel beside it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace rookery {

class Sql {
public:
    consteval Sql(const char* literal) : Sql(literal, literal) {}
    consteval Sql(const char* sqlite, const char* postgres) : sqlite_(sqlite), postgres_(postgres) {}
    const char* sqlite() const { return sqlite_; }  // live as long as the program: caches use them as their key
    const char* postgres() const { return postgres_; }

private:
    const char* sqlite_;
    const char* postgres_;
};

struct Blob {
    std::string bytes;
    explicit Blob(std::string content) : bytes(std::move(content)) {}
};

// A stamped id (base/stamped_id.h) that the engine makes when the statement is executed, larger than every one before:
// ids ascend in the order of commits. Only in writes.
struct NewId {};

// Times are microseconds since 1970 UTC, everywhere in the database, but for those that stamped ids hold.
std::int64_t to_micros(WallTime time);
WallTime from_micros(std::int64_t micros);

// null, 64-bit integer, text (UTF-8, no NUL: a call with one is refused as invalid, on every engine) or bytes.
class SqlValue {
public:
    SqlValue() = default;
    SqlValue(std::integral auto number) : held_(static_cast<std::int64_t>(number)) {}
    SqlValue(std::string text) : held_(std::move(text)) {}
    SqlValue(std::string_view text) : held_(std::string(text)) {}
    SqlValue(const char* text) : held_(std::string(text)) {}
    SqlValue(Blob blob) : held_(std::move(blob)) {}
    SqlValue(WallTime time) : held_(to_micros(time)) {}
    SqlValue(NewId id) : held_(id) {}

    bool is_null() const { return held_.index() == 0; }
    bool is_new_id() const { return std::holds_alternative<NewId>(held_); }
    // Another type than the one held gives zero or empty.
    std::int64_t integer() const;
    const std::string& text() const;
    const std::string& blob() const;
    std::string take_text();
    std::string take_blob();

    const std::int64_t* if_integer() const { return std::get_if<std::int64_t>(&held_); }
    const std::string* if_text() const { return std::get_if<std::string>(&held_); }
    const Blob* if_blob() const { return std::get_if<Blob>(&held_); }
    std::size_t size_bytes() const;

private:
    std::variant<std::monostate, std::int64_t, std::string, Blob, NewId> held_;
};

class Statement {
public:
    template <class... Values>
    explicit Statement(Sql sql, Values&&... values) : sql_(sql) {
        values_.reserve(sizeof...(values));
        (values_.emplace_back(std::forward<Values>(values)), ...);
    }

    // If this statement changes fewer rows (or, when it gives rows back, gives none), the whole call is undone and
    // answers with this error.
    Statement&& must_change(ErrorCode code, const char* why, std::int64_t rows = 1) && {
        otherwise_ = Otherwise{code, why, rows};
        return std::move(*this);
    }

    // In a read: if it takes longer, it ends, and the call answers with unavailable.
    Statement&& within(Milliseconds limit) && {
        limit_ = limit;
        return std::move(*this);
    }

    void add(SqlValue value) { values_.push_back(std::move(value)); }  // one more
    void reserve(std::size_t values) { values_.reserve(values); }

    struct Otherwise {
        ErrorCode code;
        const char* why;
        std::int64_t rows;
    };

    const Sql& sql() const { return sql_; }
    const std::vector<SqlValue>& values() const { return values_; }
    const std::optional<Otherwise>& otherwise() const { return otherwise_; }
    std::optional<Milliseconds> limit() const { return limit_; }
    std::size_t size_bytes() const;  // of its values

private:
    Sql sql_;
    std::vector<SqlValue> values_;
    std::optional<Otherwise> otherwise_;
    std::optional<Milliseconds> limit_;
};

// What several statements of one call are put into. A braced list inside co_await would hit GCC 12 (docs/traps.md).
template <class... Statements>
std::vector<Statement> together(Statements&&... statements) {
    std::vector<Statement> all;
    all.reserve(sizeof...(statements));
    (all.push_back(std::forward<Statements>(statements)), ...);
    return all;
}

class Rows {
public:
    Rows() = default;
    explicit Rows(std::size_t columns) : columns_(columns) {}

    std::size_t columns() const { return columns_; }
    std::size_t size() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
    bool empty() const { return values_.empty(); }
    SqlValue& at(std::size_t row, std::size_t column) { return values_[row * columns_ + column]; }
    const SqlValue& at(std::size_t row, std::size_t column) const { return values_[row * columns_ + column]; }

    void add(SqlValue value) { values_.push_back(std::move(value)); }  // row by row, column by column

private:
    std::size_t columns_ = 0;
    std::vector<SqlValue> values_;
};

// What was put in where a statement has NewId; 0: it has none.
struct NewIds {
    std::uint64_t first = 0;
    std::uint64_t last = 0;

    std::int64_t add(std::uint64_t id) {
        last = id;
        if (first == 0) first = id;
        return static_cast<std::int64_t>(id);
    }
};

struct WriteOutcome {
    std::int64_t changed = 0;  // rows inserted, updated or deleted by the statement itself, without cascades
    Rows rows;                 // of a SELECT or RETURNING
    NewIds new_ids;
};

// The condition of must_change that the outcome of the statement breaks; nullptr: none.
const Statement::Otherwise* unmet(const Statement& statement, const WriteOutcome& outcome);

// Does a text value hold a NUL? PostgreSQL cannot keep one, so no engine may.
bool has_nul(const std::vector<Statement>& statements);

}  // namespace rookery
