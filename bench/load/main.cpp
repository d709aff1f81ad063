// bench_load: loads an XMPP server (any) or bench_relay from one thread and tells what it cost. See bench/README.md.
#include <cstdio>
#include <exception>
#include <string>

#include "bench/load/scenario.h"

namespace rookery::bench {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int print_accounts(const Options& options) {
    for (std::uint32_t i = 0; i < options.users; ++i) {
        std::printf("%s%u %s\n", options.user_prefix.c_str(), options.first_user + i, options.password.c_str());
    }
    return 0;
}

const char* name_of(TlsUse tls) {
    switch (tls) {
        case TlsUse::starttls: return "starttls";
        case TlsUse::direct: return "direct";
        case TlsUse::none: break;
    }
    return "none";
}

int run(const Options& options) {
    Report report;
    report.add("scenario", options.scenario);
    report.add("protocol", options.protocol == Protocol::relay ? "relay" : "xmpp");
    report.add("tls", name_of(options.tls));
    const auto result = options.scenario == "idle" ? run_idle(options, report) : run_chat(options, report);
    report.add_flag("ok", result.ok());
    if (!result) report.add("error", result.error().message);
    std::printf("%s\n", report.json().c_str());
    if (!options.json) std::printf("%s\n", report.line().c_str());
    return result.ok() ? 0 : kFailed;
}

}  // namespace

}  // namespace rookery::bench

int main(int count, char** arguments) {
    using namespace rookery::bench;
    const auto options = parse_options(count, arguments);
    if (!options) {
        std::fprintf(stderr, "bench_load: %s\n\n%s", options.error().message.c_str(), usage().c_str());
        return kUsage;
    }
    try {
        if (options->scenario == "accounts") return print_accounts(*options);
        if (options->scenario == "idle" || options->scenario == "chat") return run(*options);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "bench_load: %s\n", failure.what());
        return kFailed;
    }
    std::fprintf(stderr, "bench_load: no such scenario: %s\n\n%s", options->scenario.c_str(), usage().c_str());
    return kUsage;
}
