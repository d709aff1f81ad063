// Hook<Event>: named places in the path of a stanza where modules join. Handlers run by stage, within a stage in
// the order of their modules' names; the first that does not pass decides. An exception leaving a handler is contained:
// logged with module and hook, and the event is refused with internal-server-error.
// A shard's hooks are touched on that shard only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome.h"

namespace rookery {

// What a stage is for; the order is the order of the words.
enum class Stage : std::uint8_t {
    guard,     // limits, access: may this happen at all
    privacy,   // blocking
    rewrite,   // changes the stanza: strips forgeries, adds ids
    archive,   // says who keeps it
    commit,    // makes it safe (core/message_log.h); ids for what was kept
    copy,      // copies for others (they carry the archive's id)
    deliver,   // acts on it
    fallback,  // when nobody did
};

const char* to_string(Stage stage);

namespace detail {
// Logs what a handler threw; the outcome that takes its place.
Outcome contain(std::string_view hook, std::string_view module, std::exception_ptr failure);
}  // namespace detail

template <class Event>
class Hook {
public:
    using Function = Outcome (*)(void* object, Event& event);

    explicit Hook(const char* name) : name_(name) {}
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

    // `event` must live until the outcome is there: on the heap, owned by whoever awaits a pending outcome.
    Outcome run(Event& event) { return run_from(0, event); }

    void add(Stage stage, std::string_view module, void* object, Function function) {
        auto at = handlers_.begin();
        while (at != handlers_.end() && (at->stage < stage || (at->stage == stage && at->module <= module))) ++at;
        handlers_.insert(at, Handler{stage, std::string(module), object, function});
        ++version_;
    }
    void remove_all(void* object) {
        std::erase_if(handlers_, [object](const Handler& handler) { return handler.object == object; });
        ++version_;
    }

    bool empty() const { return handlers_.empty(); }
    // "message_sent: privacy blocking, rewrite stanza_id": the order, for `rookery explain hooks` and its golden test.
    std::string explain() const;

private:
    struct Handler {
        Stage stage;
        std::string module;
        void* object;
        Function function;
    };

    Outcome call(const Handler& handler, Event& event) {
        try {
            return handler.function(handler.object, event);
        } catch (...) {
            return detail::contain(name_, handler.module, std::current_exception());
        }
    }

    Outcome run_from(std::size_t next, Event& event) {
        for (; next < handlers_.size(); ++next) {
            Outcome outcome = call(handlers_[next], event);
            if (outcome.pending()) return continue_later(outcome.take_later(), place_of(next), event);
            if (!outcome.passed()) return outcome;
        }
        return Outcome::pass();
    }

    struct Place {
        std::size_t index;
        Stage stage;
        std::string module;
        std::uint64_t version;
    };
    Place place_of(std::size_t index) const { return {index, handlers_[index].stage, handlers_[index].module, version_}; }

    // Handlers may have come or gone while one waited, or before its task began (reload): then the rest starts behind
    // the same stage and module.
    Task<Outcome> continue_later(Task<Outcome> waiting, Place place, Event& event) {
        Outcome outcome = co_await contained(std::move(waiting), place.module);
        if (!outcome.passed()) co_return outcome;
        const std::size_t next = place.version == version_ ? place.index + 1 : position_after(place.stage, place.module);
        Outcome rest = run_from(next, event);
        if (!rest.pending()) co_return rest;
        Task<Outcome> more = rest.take_later();
        co_return co_await more;
    }

    Task<Outcome> contained(Task<Outcome> waiting, std::string module) {
        std::exception_ptr failure;
        try {
            Outcome outcome = co_await waiting;
            co_return outcome;
        } catch (...) {
            failure = std::current_exception();
        }
        co_return detail::contain(name_, module, failure);
    }

    std::size_t position_after(Stage stage, std::string_view module) const {
        std::size_t at = 0;
        while (at < handlers_.size() && (handlers_[at].stage < stage ||
                                         (handlers_[at].stage == stage && handlers_[at].module <= module)))
            ++at;
        return at;
    }

    const char* name_;
    std::uint64_t version_ = 0;
    std::vector<Handler> handlers_;
};

template <class Event>
std::string Hook<Event>::explain() const {
    std::string text = std::string(name_) + ":";
    for (const Handler& handler : handlers_)
        text += " " + std::string(to_string(handler.stage)) + " " + handler.module + ",";
    if (!handlers_.empty()) text.pop_back();
    return text;
}

}  // namespace rookery
