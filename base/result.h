// Result<T>: a value or an Error, for failures that are expected.
// Exceptions are for start-up and for bugs; what storage, parsing or a limit can refuse is a value.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace rookery {

enum class ErrorCode {
    not_found,    // the thing asked for does not exist
    conflict,     // it exists already, or its version is another one
    denied,       // the asker may not
    invalid,      // the request makes no sense
    limit,        // a bound (option) is reached; asking again does not help by itself
    unavailable,  // a service is away or overloaded; trying again later may help
    storage,      // the disk or database failed
};

struct Error {
    ErrorCode code;
    std::string message;  // for the log and the operator, never for strangers

    Error(ErrorCode error_code, std::string text) : code(error_code), message(std::move(text)) {}
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { assert(ok()); return *std::get_if<0>(&state_); }
    const T& value() const& { assert(ok()); return *std::get_if<0>(&state_); }
    T&& value() && { assert(ok()); return std::move(*std::get_if<0>(&state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const& { assert(!ok()); return *std::get_if<1>(&state_); }
    Error&& error() && { assert(!ok()); return std::move(*std::get_if<1>(&state_)); }

private:
    std::variant<T, Error> state_;
};

struct Nothing {};

template <>
class [[nodiscard]] Result<void> : public Result<Nothing> {
public:
    Result() : Result<Nothing>(Nothing{}) {}
    Result(Error error) : Result<Nothing>(std::move(error)) {}
};

}  // namespace rookery
