// Module: one feature, one file in modules/. A module is constructed once per host and shard; its constructor
// registers handlers, the base destructor takes them back, so a reload is: destroy, construct with the new options. State that must
// outlive that sits in slots (Session::slots, Account::slots) or in storage. A module's members need no locks.
//
//   struct PingOptions { bool send_pings = false; };
//   class Ping final : public Module {
//   public:
//       Ping(Host& host, const PingOptions& options) : Module(host) {
//           iq<&Ping::answer>(IqType::get, ping_name, At::host);
//           feature("urn:xmpp:ping", At::host);
//       }
//   private:
//       IqReply answer(Iq) { return {}; }
//   };
//   extern const ModuleSpec ping_module = declare<Ping, PingOptions>("ping", "Answers XMPP pings")
//       .implements(199, "2.0.1").option("send_pings", &PingOptions::send_pings, "Ping clients that fell silent");
//
// The variable is named after the file: the build collects modules/x.cpp as x_module into all_modules().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/account.h"
#include "core/adhoc.h"
#include "core/features.h"
#include "core/host.h"
#include "core/module_spec.h"
#include "core/router.h"
#include "core/shard.h"

namespace rookery {

class Module {
public:
    virtual ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    // For Host: takes all registrations back; then the object lives on until none of its tasks waits.
    void retire();
    bool idle() const { return *tasks_ == 0; }

protected:
    explicit Module(Host& host);

    Host& host() const { return host_; }
    Shard& shard() const { return host_.shard(); }
    Router& router() const { return host_.router(); }
    Stores& stores() const { return host_.stores(); }
    Loop& loop() const { return host_.shard().loop(); }
    WallTime now() const { return loop().clock().wall_now(); }

    // Method: IqReply (Iq).
    template <auto Method>
    void iq(IqType type, xml::Name payload, At where, Asker asker = Asker::anyone) {
        host_.features.add_iq(type, payload, where, asker, name_, this, &call_iq<Method>);
    }
    // Method: Outcome (Event&).
    template <auto Method, class Event>
    void on(Hook<Event>& hook, Stage stage) {
        hook.add(stage, name_, this, &call_hook<Method, Event>);
        undo_.push_back([this, &hook] { hook.remove_all(this); });
    }
    // Sessions with this mark, an empty struct in their slots, keep it in a live upgrade (core/session_saving.h). One a module.
    template <class Mark>
    void carries_mark() {
        host_.hooks.session_saved.add(Stage::deliver, name_, this, &save_mark<Mark>);
        host_.hooks.session_restored.add(Stage::deliver, name_, this, &restore_mark<Mark>);
        undo_.push_back([this] {
            host_.hooks.session_saved.remove_all(this);
            host_.hooks.session_restored.remove_all(this);
        });
    }
    // What disco#info says of the server (At::host) or of its accounts (At::account).
    void feature(std::string_view ns, At where) { host_.features.add_feature(ns, where, this); }

    void identity(DiscoIdentity identity, At where) { host_.features.add_identity(std::move(identity), where, this); }
    void form(DataForm form, At where) { host_.features.add_form(std::move(form), where, this); }
    void item(DiscoItem item) { host_.features.add_item(std::move(item), this); }  // of the server

    void stream_feature(xml::Element element, StreamPhase phase) {
        host_.features.add_stream_feature(std::move(element), phase, this);
    }
    // Method: xml::Element (). Asked for each stream.
    template <auto Method>
    void stream_feature(StreamPhase phase) {
        host_.features.add_stream_feature(&call_maker<Method>, phase, this);
    }

    // Method: Task<AdHocStep> (AdHocRequest).
    template <auto Method>
    void command(std::string node, std::string name, AccessRule access) {
        host_.commands().add({std::move(node), std::move(name), std::move(access), this, &call_command<Method>});
    }

    // What can fill up in this module, for `rookery queues` (base/queue_board.h).
    void queue(QueueSpec spec) {
        undo_.push_back([this, id = shard().queues().add(std::move(spec))] { shard().queues().remove(id); });
    }

    // Method: void (). Runs on this shard again and again, first after one period.
    template <auto Method>
    void every(Duration period) {
        repeat(period, [this] { (static_cast<OwnerOf<Method>*>(this)->*Method)(); });
    }
    // Method: void (). Once, after this delay.
    template <auto Method>
    void once(Duration delay) {
        after(delay, [this] { (static_cast<OwnerOf<Method>*>(this)->*Method)(); });
    }
    // Lets a task run by itself; the module stays until it is through.
    void run(Task<void> task);

private:
    template <class Method>
    struct Owner;
    template <class Class, class Returned, class... Args>
    struct Owner<Returned (Class::*)(Args...)> { using type = Class; };
    template <class Class, class Returned, class... Args>
    struct Owner<Returned (Class::*)(Args...) const> { using type = Class; };
    template <auto Method>
    using OwnerOf = typename Owner<decltype(Method)>::type;

    template <auto Method>
    static IqReply call_iq(void* object, Iq request) {
        Module* module = static_cast<Module*>(object);
        IqReply reply = (static_cast<OwnerOf<Method>*>(module)->*Method)(std::move(request));
        if (reply.pending()) return counted(Count(module->tasks_), reply.take_later());
        return reply;
    }
    template <auto Method, class Event>
    static Outcome call_hook(void* object, Event& event) {
        Module* module = static_cast<Module*>(object);
        Outcome outcome = (static_cast<OwnerOf<Method>*>(module)->*Method)(event);
        if (outcome.pending()) return counted(Count(module->tasks_), outcome.take_later());
        return outcome;
    }

    template <auto Method>
    static Task<AdHocStep> call_command(void* object, AdHocRequest request) {
        Module* module = static_cast<Module*>(object);
        Task<AdHocStep> step = (static_cast<OwnerOf<Method>*>(module)->*Method)(std::move(request));
        return counted(Count(module->tasks_), std::move(step));
    }
    template <auto Method>
    static xml::Element call_maker(void* object) {
        return (static_cast<OwnerOf<Method>*>(static_cast<Module*>(object))->*Method)();
    }

    static constexpr RecordTag mark_tag = 1;
    template <class Mark>
    static Outcome save_mark(void* object, SessionSaving& event) {
        if (event.session.slots().template find<Mark>()) event.of(static_cast<Module*>(object)->name_).number(mark_tag, 1);
        return Outcome::pass();
    }
    template <class Mark>
    static Outcome restore_mark(void* object, SessionRestoring& event) {
        RecordReader* record = event.find(static_cast<Module*>(object)->name_);
        if (record && record->flag(mark_tag)) event.session->slots().template get<Mark>();
        return Outcome::pass();
    }

    using Tasks = std::shared_ptr<std::size_t>;
    struct Count {
        explicit Count(Tasks tasks) : tasks_(std::move(tasks)) { ++*tasks_; }
        Count(Count&& other) noexcept : tasks_(std::move(other.tasks_)) {}
        Count& operator=(const Count&) = delete;
        ~Count() {
            if (tasks_) --*tasks_;
        }
        Tasks tasks_;
    };
    // Counts from the call on, also while the task has not begun yet.
    template <class T>
    static Task<T> counted(Count count, Task<T> task) {
        (void)count;
        if constexpr (std::is_void_v<T>) {
            co_await task;
        } else {
            T value = co_await task;
            co_return value;
        }
    }

    void repeat(Duration period, std::function<void()> work);
    void after(Duration delay, std::function<void()> work);

    Host& host_;
    std::string name_;
    Tasks tasks_ = std::make_shared<std::size_t>(0);
    std::vector<std::function<void()>> undo_;
    std::vector<std::shared_ptr<TimerId>> timers_;
};

}  // namespace rookery
