// Outcome: what a hook handler answers. IqReply: what an IQ handler answers.
// Both may be "later": a task that gives the answer once storage has answered. The common case builds no coroutine.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/task.h"
#include "xmpp/stanza_error.h"
#include "xmpp/xml/element.h"

namespace rookery {

class [[nodiscard]] Outcome {
public:
    enum class Kind { pass, stop, refuse, later };

    static Outcome pass() { return Outcome(Kind::pass); }  // the next handler's turn
    static Outcome stop() { return Outcome(Kind::stop); }  // handled: nobody else sees it, no error
    static Outcome refuse(StanzaError error) {
        Outcome outcome(Kind::refuse);
        outcome.error_ = std::make_unique<StanzaError>(std::move(error));
        return outcome;
    }
    Outcome(Task<Outcome> later) : kind_(Kind::later), later_(std::move(later)) {}

    Kind kind() const { return kind_; }
    bool passed() const { return kind_ == Kind::pass; }
    bool pending() const { return kind_ == Kind::later; }
    StanzaError take_error() { return std::move(*error_); }     // REQUIRES: kind() == refuse
    Task<Outcome> take_later() { return std::move(later_); }    // REQUIRES: pending()

private:
    explicit Outcome(Kind kind) : kind_(kind) {}

    Kind kind_;
    std::unique_ptr<StanzaError> error_;
    Task<Outcome> later_;
};

class [[nodiscard]] IqReply {
public:
    IqReply() = default;  // an empty result
    IqReply(xml::Element result) : answer_(std::move(result)) {}
    IqReply(StanzaError error) : answer_(std::move(error)) {}
    IqReply(Condition condition) : answer_(StanzaError(condition)) {}
    IqReply(Task<IqReply> later) : answer_(std::move(later)) {}

    bool pending() const { return std::holds_alternative<Task<IqReply>>(answer_); }
    Task<IqReply> take_later() { return std::move(std::get<Task<IqReply>>(answer_)); }
    const StanzaError* error() const { return std::get_if<StanzaError>(&answer_); }
    const xml::Element* result() const { return std::get_if<xml::Element>(&answer_); }  // null: empty result

private:
    std::variant<std::monostate, xml::Element, StanzaError, Task<IqReply>> answer_;
};

}  // namespace rookery
