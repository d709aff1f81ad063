#include "core/adhoc.h"

#include <algorithm>
#include <stdexcept>

namespace rookery {

std::string AdHocRequest::text(std::string_view var) const {
    if (answers.empty()) return {};
    return std::string(answers.back().value(var).value_or(""));
}

std::vector<std::string> AdHocRequest::lines(std::string_view var) const {
    const FormField* field = answers.empty() ? nullptr : answers.back().field(var);
    return field ? field->values : std::vector<std::string>();
}

AdHocStep AdHocStep::failed(std::string why) {
    AdHocStep step(Kind::done, std::move(why));
    step.success = false;
    return step;
}

void AdHocCommands::add(AdHocCommand command) {
    if (find(command.node)) throw std::logic_error("two commands at node " + command.node);
    commands_.push_back(std::move(command));
}

void AdHocCommands::remove_all(void* object) {
    std::erase_if(commands_, [object](const AdHocCommand& command) { return command.object == object; });
}

const AdHocCommand* AdHocCommands::find(std::string_view node) const {
    const auto at = std::ranges::find(commands_, node, &AdHocCommand::node);
    return at == commands_.end() ? nullptr : &*at;
}

}  // namespace rookery
