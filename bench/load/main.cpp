// bench_load: loads an XMPP server (any) or bench_relay and tells what it cost. See bench/README.md.
#include <cstdio>
#include <exception>
#include <string>

#include "bench/load/describe.h"
#include "bench/load/processes.h"
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

std::string usage() {
    std::string text = "bench_load SCENARIO [option VALUE]...\n";
    for (const Scenario* scenario : scenarios()) {
        std::string name = scenario->name;
        name.resize(10, ' ');
        text += "  " + name + scenario->meaning + "\n";
    }
    return text + "  accounts  prints \"USER PASSWORD\" lines, for whoever makes the accounts\n" + option_usage();
}

int refuse(const std::string& why) {
    std::fprintf(stderr, "bench_load: %s\n", why.c_str());
    return kUsage;
}

const char* name_of(TlsUse tls) {
    switch (tls) {
        case TlsUse::starttls: return "starttls";
        case TlsUse::direct: return "direct";
        case TlsUse::none: break;
    }
    return "none";
}

// Nothing: all is well.
std::string fault_in(const Figures& figures) {
    if (const std::string error = figures.text("error"); !error.empty()) return error;
    std::string faults;
    for (const char* name : {"lost", "doubled", "reordered", "strays", "unacknowledged"}) {
        if (const std::uint64_t count = figures.counted(name)) faults += " " + std::to_string(count) + " " + name;
    }
    return faults.empty() ? std::string() : "of the messages were" + faults;
}

int run(const Options& options, const Scenario& scenario) {
    const Figures figures = perform(options, scenario);
    Report report;
    report.add("scenario", options.scenario);
    report.add("protocol", options.protocol == Protocol::relay ? "relay" : "xmpp");
    report.add("tls", name_of(options.tls));
    report.add("processes", std::int64_t{options.processes});
    scenario.describe(options, figures, report);
    add_common(report, options, figures);
    const std::string fault = fault_in(figures);
    report.add_flag("ok", fault.empty());
    if (!fault.empty()) report.add("error", fault);
    std::printf("%s\n", report.json().c_str());
    if (!options.json) std::printf("%s\n", report.line().c_str());
    return fault.empty() ? 0 : kFailed;
}

int load(const Options& options) {
    if (options.scenario == "accounts") return print_accounts(options);
    const Scenario* scenario = find_scenario(options.scenario);
    if (scenario == nullptr) return refuse("no such scenario: " + options.scenario + "\n\n" + usage());
    if (options.protocol == Protocol::relay && !scenario->relay) return refuse("the relay cannot do that");
    if (const auto fits = check_shares(options, *scenario); !fits) return refuse(fits.error().message);
    return run(options, *scenario);
}

}  // namespace

}  // namespace rookery::bench

int main(int count, char** arguments) {
    using namespace rookery::bench;
    const auto options = parse_options(count, arguments);
    if (!options) return refuse(options.error().message + "\n\n" + usage());
    try {
        return load(*options);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "bench_load: %s\n", failure.what());
        return kFailed;
    }
}
