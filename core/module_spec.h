// ModuleSpec: all there is to know of a module without constructing it: names, options, commands, how it is made. The
// manual, `rookery check` and a reload work with these. A module's file declares its own at the end, see core/module.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/options.h"
#include "core/command.h"

namespace rookery {

class Host;
class Module;

// A specification a module implements, for the generated manual.
struct Xep {
    int number;
    std::string version;
};

struct ModuleSpec {
    std::string name;                  // the file's name
    std::string summary;               // one line for the manual
    std::vector<std::string> aliases;  // ejabberd's names: mod_ping
    bool default_on = true;            // loaded when the configuration has no `modules`
    std::vector<Xep> xeps;
    std::vector<std::string> needs;    // modules that must be loaded too
    std::vector<OptionInfo> options;
    std::vector<Command> commands;

    // The options type behind a pointer; null after errors, which went to `problems`.
    std::function<std::shared_ptr<const void>(const ConfigValue& map, ConfigProblems& problems)> parse;
    std::function<std::unique_ptr<Module>(Host& host, const std::shared_ptr<const void>& options)> make;
};

// Every module of this program, by name (the table the build makes of modules/*.cpp).
const std::vector<const ModuleSpec*>& all_modules();
// By name or alias; nullptr: none.
const ModuleSpec* find_module(std::string_view name);

struct NoOptions {};

// Builds a ModuleSpec; converts to it at the end of the chain.
template <class ModuleType, class Options>
class Declaration {
public:
    Declaration(const char* name, const char* summary) {
        spec_.name = name;
        spec_.summary = summary;
        spec_.aliases.push_back(std::string("mod_") + name);
    }

    Declaration&& implements(int xep, const char* version) && {
        spec_.xeps.push_back(Xep{xep, version});
        return std::move(*this);
    }
    Declaration&& also_known_as(const char* alias) && {
        spec_.aliases.emplace_back(alias);
        return std::move(*this);
    }
    Declaration&& off_by_default() && {
        spec_.default_on = false;
        return std::move(*this);
    }
    Declaration&& needs(const char* module) && {
        spec_.needs.emplace_back(module);
        return std::move(*this);
    }
    Declaration&& command(Command command) && {
        spec_.commands.push_back(std::move(command));
        return std::move(*this);
    }
    template <class... Args>
    Declaration&& option(Args&&... args) && {
        table_.option(std::forward<Args>(args)...);
        return std::move(*this);
    }

    // An option of ejabberd's that is taken with a warning and does nothing.
    Declaration&& ignored(const char* name, const char* why) && {
        table_.ignored(name, why);
        return std::move(*this);
    }

    operator ModuleSpec() && {
        spec_.options = table_.list();
        spec_.parse = [table = table_](const ConfigValue& map, ConfigProblems& problems) -> std::shared_ptr<const void> {
            std::optional<Options> options = table.parse(map, problems);
            return options ? std::make_shared<const Options>(std::move(*options)) : nullptr;
        };
        spec_.make = [](Host& host, const std::shared_ptr<const void>& options) -> std::unique_ptr<Module> {
            return std::make_unique<ModuleType>(host, *static_cast<const Options*>(options.get()));
        };
        return std::move(spec_);
    }

private:
    ModuleSpec spec_;
    OptionTable<Options> table_;
};

template <class ModuleType, class Options = NoOptions>
Declaration<ModuleType, Options> declare(const char* name, const char* summary) {
    return Declaration<ModuleType, Options>(name, summary);
}

}  // namespace rookery
