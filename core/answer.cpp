#include "core/answer.h"

#include <cassert>
#include <exception>

#include "base/log.h"

namespace rookery {
namespace {

IqReply contain(std::string_view module, std::exception_ptr failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& error) {
        log_error("handler_failed", {{"hook", "iq"}, {"module", module}, {"error", error.what()}});
    } catch (...) {
        log_error("handler_failed", {{"hook", "iq"}, {"module", module}});
    }
    return Condition::internal_server_error;
}

Task<IqReply> contained(Task<IqReply> waiting, std::string module) {
    std::exception_ptr failure;
    try {
        IqReply reply = co_await waiting;
        while (reply.pending()) {
            Task<IqReply> more = reply.take_later();
            reply = co_await more;
        }
        co_return reply;
    } catch (...) {
        failure = std::current_exception();
    }
    co_return contain(module, failure);
}

}  // namespace

IqReply ask(const Features::Answerer& answerer, Iq iq) {
    try {
        IqReply reply = answerer.handler(answerer.object, std::move(iq));
        if (reply.pending()) return contained(reply.take_later(), answerer.module);
        return reply;
    } catch (...) {
        return contain(answerer.module, std::current_exception());
    }
}

Stanza to_stanza(const Stanza& request, const IqReply& reply) {
    assert(!reply.pending());
    if (const StanzaError* error = reply.error()) return request.make_error(*error);
    Stanza result = request.make_result();
    if (const xml::Element* payload = reply.result()) result.element().add(*payload);
    return result;
}

}  // namespace rookery
