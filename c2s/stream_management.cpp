#include "c2s/stream_management.h"

#include <algorithm>
#include <utility>

namespace rookery {

std::optional<std::vector<SentStanza>> StreamManagement::acknowledge(std::uint32_t h) {
    const std::uint32_t count = h - acknowledged_;  // both wrap (XEP-0198 section 4)
    if (count > waiting_.size()) return std::nullopt;
    const auto end = waiting_.begin() + count;
    std::vector<SentStanza> done(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    if (waiting_.empty()) std::vector<SentStanza>().swap(waiting_);
    for (const SentStanza& one : done) forget(one);
    acknowledged_ = h;
    asked_ = false;
    return done;
}

void StreamManagement::push(SentStanza sent) {
    waiting_bytes_ += sent.bytes;
    messages_ += sent.stanza->is_message();
    refusals_ += sent.refuses.has_value();
    waiting_.push_back(std::move(sent));
    news_ = true;
}

template <class Wanted>
std::vector<SentStanza> StreamManagement::take_unsaved_if(Wanted wanted) {
    std::vector<SentStanza> taken;
    for (SentStanza& sent : waiting_) {
        if (!is_unsaved(sent) || !wanted(sent)) continue;
        sent.saving = true;
        taken.push_back(sent);
    }
    return taken;
}

std::vector<SentStanza> StreamManagement::take_unsaved() {
    return take_unsaved_if([](const SentStanza&) { return true; });
}

std::vector<SentStanza> StreamManagement::take_overdue() {
    return take_unsaved_if([](SentStanza& sent) { return std::exchange(sent.looked_at, true); });
}

bool StreamManagement::note_saved(const StanzaPtr& stanza, std::uint64_t log_id) {
    const auto at = std::ranges::find(waiting_, stanza, &SentStanza::stanza);
    if (at == waiting_.end()) return false;
    at->saving = false;
    at->log_id = log_id;
    if (log_id != 0) at->ticket.reset();
    return !at->received_elsewhere;
}

std::uint64_t StreamManagement::note_received_elsewhere(const StanzaPtr& stanza) {
    const auto at = std::ranges::find(waiting_, stanza, &SentStanza::stanza);
    if (at == waiting_.end()) return 0;
    at->received_elsewhere = true;
    at->ticket.reset();
    return at->log_id;
}

// Also under an id that another session saved it as.
bool StreamManagement::has(std::uint64_t log_id) const {
    return std::ranges::any_of(waiting_, [log_id](const SentStanza& sent) {
        return sent.log_id == log_id || (sent.ticket && sent.ticket->saved_as() == log_id);
    });
}

std::uint32_t StreamManagement::handled(std::uint32_t settled) const {
    std::uint32_t h = count(settled);
    if (refusals_ == 0) return h;
    for (const SentStanza& sent : waiting_) {
        if (!sent.refuses) continue;
        const std::uint32_t before = count(*sent.refuses) - 1;
        if (static_cast<std::int32_t>(before - h) < 0) h = before;
    }
    return h;
}

void StreamManagement::go_on_from(std::uint32_t h, std::uint32_t issued) {
    std::erase_if(waiting_, [&](const SentStanza& sent) {
        const bool superseded = sent.refuses && static_cast<std::int32_t>(count(*sent.refuses) - h) > 0;
        if (superseded) forget(sent);
        return superseded;
    });
    received_before_ = issued - h;
}

void StreamManagement::forget(const SentStanza& sent) {
    waiting_bytes_ -= sent.bytes;
    messages_ -= sent.stanza->is_message();
    refusals_ -= sent.refuses.has_value();
}

bool StreamManagement::take_question(bool of_little) {
    const bool much = messages_ > 0 || waiting_.size() >= unasked_stanzas || waiting_bytes_ >= unasked_bytes;
    if (asked_ || !news_ || waiting_.empty() || !(much || of_little)) return false;
    asked_ = true;
    news_ = false;
    return true;
}

}  // namespace rookery
