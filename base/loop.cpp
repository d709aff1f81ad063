#include "base/loop.h"

namespace rookery {
namespace {
thread_local Loop* current_loop = nullptr;
thread_local Rank current_rank = Rank::in;
}

Loop* Loop::current() { return current_loop; }
void Loop::set_current(Loop* loop) { current_loop = loop; }
Rank Loop::rank() { return current_rank; }
void Loop::set_rank(Rank rank) { current_rank = rank; }

Task<void> next_turn(Loop& loop) {
    Completion<bool> turn;
    loop.post([&turn] { turn.complete(true); });
    co_await turn;
}

Task<void> pause(Loop& loop, Duration time) {
    Completion<bool> passed;
    loop.after(time, [&passed] { passed.complete(true); });
    co_await passed;
}

}  // namespace rookery
