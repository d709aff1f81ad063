// Configuration files of arbitrary text: YAML, macros, includes of itself, option tables, access rules. Nothing may
// crash or take long, a refusal has a message, and what was accepted can be asked.
#include "server/config.h"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace rookery {
namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

ConfigWorld world_of(const std::string& text) {
    ConfigWorld world;
    // The second file is what follows the first NUL: included files differ from the main one.
    const std::size_t cut = std::min(text.find('\0'), text.size());
    world.read_file = [main = text.substr(0, cut), rest = text.substr(cut == text.size() ? cut : cut + 1)](
                          const std::string& path) -> Result<std::string> { return path == "main.yml" ? main : rest; };
    world.environment = [](const std::string&) { return std::nullopt; };
    world.hostname = "box";
    world.version = "1.0";
    return world;
}

void ask(const Config& config) {
    require(!config.hosts.empty() && config.hosts.size() == config.global.hosts.size());
    const Jid who = *Jid::parse("bob@example.org/phone");
    for (const std::string_view rule : config.access().access_rule_names())
        config.access().allows(rule, who, "10.0.0.1");
    for (const std::string_view rule : config.access().shaper_names()) {
        config.access().shaper(rule, who, "::1");
        config.access().number(rule, who);
    }
    for (const ListenerConfig& listener : config.global.listen) {
        require(listener.port != 0);
        config.access().allows(listener.access, who, "nonsense");
    }
    require(config_changes(config, config).empty());
}

}  // namespace
}  // namespace rookery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace rookery;
    const std::string text(reinterpret_cast<const char*>(data), size);
    ConfigProblems problems;
    const auto config = load_config("main.yml", all_modules(), world_of(text), problems);
    require(config.has_value() == problems.ok());
    if (config) ask(*config);
    return 0;
}
