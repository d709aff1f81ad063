// Acts a play out on a Driver. The same for every way to run one (docs/plays.md).
#pragma once

#include <string>

#include "tests/support/play.h"
#include "tests/support/play_client.h"
#include "tests/support/play_driver.h"

namespace rookery::test {

struct PlayResult {
    enum class Verdict { passed, failed, skipped };
    Verdict verdict;
    std::string reason;  // failed: "file:line: what was expected and what came"; skipped: what is missing
};

// `driver` is fresh: nothing was done with it, and the play's config is in force.
PlayResult run_play(const Play& play, Driver& driver, PlayPace pace = {});

}  // namespace rookery::test
