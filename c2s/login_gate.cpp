#include "c2s/login_gate.h"

namespace rookery {

// Also when the work fails.
class LoginGate::Place {
public:
    explicit Place(LoginGate& gate) : gate_(gate) { ++gate_.working_; }
    ~Place() { gate_.leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

private:
    LoginGate& gate_;
};

void LoginGate::run(Step step, Task<void> work) {
    ++met_;
    if (working_ < max_working_ && waiting() == 0) return begin(step, std::move(work));
    ++waited_;
    waiting_[static_cast<std::size_t>(step)].push_back(std::move(work));
}

void LoginGate::begin(Step step, Task<void> work) {
    const Loop::As as(step == Step::resume ? Rank::in : Rank::newcomer);
    spawn(attend(std::move(work)));
}

Task<void> LoginGate::attend(Task<void> work) {
    const Place place(*this);
    co_await work;
}

std::size_t LoginGate::waiting() const {
    std::size_t all = 0;
    for (const std::deque<Task<void>>& line : waiting_) all += line.size();
    return all;
}

// Who leaves may be deep inside his own work: the next one begins in a fresh turn.
void LoginGate::leave() {
    --working_;
    if (letting_in_ || waiting() == 0) return;
    letting_in_ = true;
    loop_.post_as(waiting_.front().empty() ? Rank::newcomer : Rank::in, [this] {
        letting_in_ = false;
        let_in();
    });
}

void LoginGate::let_in() {
    for (std::size_t step = 0; step < waiting_.size(); ++step) {
        while (working_ < max_working_ && !waiting_[step].empty()) {
            Task<void> work = std::move(waiting_[step].front());
            waiting_[step].pop_front();
            begin(static_cast<Step>(step), std::move(work));
        }
    }
}

}  // namespace rookery
