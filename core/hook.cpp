#include "core/hook.h"

#include "base/log.h"

namespace rookery {

const char* to_string(Stage stage) {
    switch (stage) {
        case Stage::guard: return "guard";
        case Stage::privacy: return "privacy";
        case Stage::rewrite: return "rewrite";
        case Stage::archive: return "archive";
        case Stage::commit: return "commit";
        case Stage::copy: return "copy";
        case Stage::deliver: return "deliver";
        case Stage::fallback: return "fallback";
    }
    return "";
}

Outcome detail::contain(std::string_view hook, std::string_view module, std::exception_ptr failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log_error("handler_failed", {{"hook", hook}, {"module", module}, {"error", error.what()}});
    } catch (...) {
        log_error("handler_failed", {{"hook", hook}, {"module", module}});
    }
    return Outcome::refuse(StanzaError(Condition::internal_server_error));
}

}  // namespace rookery
