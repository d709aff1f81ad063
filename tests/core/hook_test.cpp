// A hook whose handler waits, while the list of handlers changes under it (reload).
#include "core/hook.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

struct Asked {
    std::string who;
    Completion<bool> answered;
};

Task<Outcome> pass_later(Asked& asked) {
    co_await asked.answered;
    co_return Outcome::pass();
}

template <char name>
Outcome pass(void*, Asked& asked) {
    asked.who += name;
    return Outcome::pass();
}

Outcome wait(void*, Asked& asked) {
    asked.who += 'w';
    return pass_later(asked);
}

Task<void> finish(Outcome outcome, bool& passed) {
    Task<Outcome> rest = outcome.take_later();
    const Outcome end = co_await rest;
    passed = end.passed();
}

class HookReload : public testing::Test {
protected:
    HookReload() {
        hook.add(Stage::guard, "a", &a, &pass<'a'>);
        hook.add(Stage::privacy, "w", &w, &wait);
        hook.add(Stage::deliver, "z", &z, &pass<'z'>);
    }

    int a = 0, w = 0, z = 0;  // the modules
    Hook<Asked> hook{"test"};
    Asked asked;
    bool passed = false;
};

TEST_F(HookReload, WhileOneWaitsTheRestGoesOnBehindIt) {
    Outcome outcome = hook.run(asked);
    spawn(finish(std::move(outcome), passed));
    hook.remove_all(&a);
    hook.remove_all(&w);
    asked.answered.complete(true);
    EXPECT_TRUE(passed);
    EXPECT_EQ(asked.who, "awz");
}

// As when a session ends while its account is at work: the rest is queued, and nobody has awaited it yet.
TEST_F(HookReload, BeforeTheRestWasBegunItGoesOnBehindIt) {
    Outcome outcome = hook.run(asked);
    hook.remove_all(&a);
    hook.remove_all(&w);
    spawn(finish(std::move(outcome), passed));
    asked.answered.complete(true);
    EXPECT_TRUE(passed);
    EXPECT_EQ(asked.who, "awz");
}

}  // namespace
}  // namespace rookery
