#include "core/module.h"

#include "core/shard.h"

namespace rookery {

Module::Module(Host& host) : host_(host), name_(host.loading()) {}

Module::~Module() { retire(); }

void Module::retire() {
    host_.features.remove_all(this);
    host_.commands().remove_all(this);
    for (const std::function<void()>& undo : undo_) undo();
    undo_.clear();
    for (const std::shared_ptr<TimerId>& timer : timers_) loop().cancel(*timer);
    timers_.clear();
}

void Module::repeat(Duration period, std::function<void()> work) {
    auto timer = std::make_shared<TimerId>(0);
    timers_.push_back(timer);
    auto tick = std::make_shared<std::function<void()>>();
    *tick = [this, period, timer, work = std::move(work), again = std::weak_ptr(tick)] {
        work();
        if (auto next = again.lock()) *timer = loop().after(period, [next] { (*next)(); });
    };
    *timer = loop().after(period, [tick] { (*tick)(); });
}

void Module::after(Duration delay, std::function<void()> work) {
    auto timer = std::make_shared<TimerId>(0);
    timers_.push_back(timer);
    *timer = loop().after(delay, [this, timer, work = std::move(work)] {
        std::erase(timers_, timer);
        work();
    });
}

void Module::run(Task<void> task) { spawn(counted(Count(tasks_), std::move(task))); }

}  // namespace rookery
