// Ad-hoc commands (XEP-0050) as modules declare them; modules/adhoc.cpp speaks the protocol.
//
// A command is a function of what was answered so far: it is given the forms the user has sent in, in order, and either
// asks for the next one or is done. So it keeps no state between its steps, and `prev` is the same call with one
// answer less.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"
#include "core/access.h"
#include "core/features.h"
#include "xmpp/payload/data_form.h"

namespace rookery {

struct AdHocRequest {
    Iq iq;                          // the latest one; its sender may run the command
    std::vector<DataForm> answers;  // each fits the form it answers (DataForm::refuse)

    // Of the latest answer; "" and empty when it is not there.
    std::string text(std::string_view var) const;
    std::vector<std::string> lines(std::string_view var) const;
};

class AdHocStep {
public:
    enum class Kind { ask, done, refused };

    // `last`: the answer to it completes the command.
    static AdHocStep ask(DataForm form, bool last = true) { return AdHocStep(Kind::ask, std::move(form), last); }
    static AdHocStep done(std::string note = {}) { return AdHocStep(Kind::done, std::move(note)); }
    static AdHocStep done(xml::Element result) { return AdHocStep(std::move(result)); }
    // It was tried and did not work.
    static AdHocStep failed(std::string why);
    AdHocStep(StanzaError why) : kind(Kind::refused), error(std::move(why)) {}

    Kind kind;
    bool last = true;
    bool success = true;
    std::optional<DataForm> form;
    std::optional<xml::Element> result;
    std::string note;  // for the user
    std::optional<StanzaError> error;

private:
    AdHocStep(Kind step, DataForm question, bool is_last) : kind(step), last(is_last), form(std::move(question)) {}
    AdHocStep(Kind step, std::string text) : kind(step), note(std::move(text)) {}
    explicit AdHocStep(xml::Element payload) : kind(Kind::done), result(std::move(payload)) {}
};

struct AdHocCommand {
    std::string node;
    std::string name;   // for people
    AccessRule access;  // who may run it, and see it
    void* object;
    Task<AdHocStep> (*run)(void* object, AdHocRequest request);
};

// Those of one host on one shard.
class AdHocCommands {
public:
    void add(AdHocCommand command);  // throws std::logic_error on a second of that node
    void remove_all(void* object);
    const AdHocCommand* find(std::string_view node) const;
    const std::vector<AdHocCommand>& all() const { return commands_; }  // in the order they were declared

private:
    std::vector<AdHocCommand> commands_;
};

}  // namespace rookery
