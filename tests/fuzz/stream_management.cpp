// StreamManagement against a naive model: bytes are operations (what is sent, acknowledged, saved, refused, and a
// return on another connection), in any order. Oracles: what waits is what was pushed and not acknowledged, in order;
// its bytes add up; h never goes back but by go_on_from, and never counts a stanza whose refusal the client has not
// acknowledged; nobody is asked twice of the same.
//   byte 0: how near to 2^32 the count of the client's stanzas begins, so that it wraps; then pairs: operation,
//   argument
#include "c2s/stream_management.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <utility>

namespace rookery {
namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct Kept {
    StanzaPtr stanza;
    std::size_t bytes;
    std::uint64_t log_id;
    bool owed;  // a sender waits
    bool saving;
    bool looked_at;
    bool elsewhere;  // another session's client has it
    std::optional<std::uint64_t> refuses;  // the client's stanza of that number, which never wraps
};

// The client's stanzas are numbered from `received_before` on; here they are counted in 64 bits.
class Play {
public:
    explicit Play(std::uint8_t before_wrap)
        : begin_(std::uint32_t{0} - before_wrap),
          issued_(begin_),
          settled_(begin_),
          counts_(static_cast<std::uint32_t>(begin_)) {}

    void act(std::uint8_t operation, std::uint8_t argument) {
        switch (operation % 11) {
            case 0:
                push(argument);
                break;
            case 1:
                acknowledge(argument);
                break;
            case 2:
                acknowledge_nonsense(argument);
                break;
            case 3:
                take_unsaved();
                break;
            case 4:
                note_saved(argument);
                break;
            case 5:
                issued_ += argument % 4;
                break;
            case 6:
                settled_ += std::min<std::uint64_t>(argument, issued_ - settled_);
                break;
            case 7:
                ask(argument % 2 == 1);
                break;
            case 8:
                come_back();
                break;
            case 9:
                take_overdue();
                break;
            case 10:
                receive_elsewhere(argument);
                break;
        }
        check();
    }

private:
    // bit 0: a message; 2: owed; 3: in the log; 4: refuses the client's stanza that is settled next
    void push(std::uint8_t argument) {
        SentStanza sent;
        sent.stanza = std::make_shared<const Stanza>(argument % 2 ? Stanza::message(MessageType::chat)
                                                                  : Stanza::presence(PresenceType::available));
        sent.bytes = argument;
        sent.log_id = argument & 8 ? argument : 0;
        if (argument & 4) sent.ticket = std::shared_ptr<const Ticket>(std::shared_ptr<int>(), ticket_place());
        std::optional<std::uint64_t> refuses;
        if (argument & 16 && settled_ < issued_) refuses = settled_ + 1;
        if (refuses) sent.refuses = static_cast<std::uint32_t>(*refuses);
        model_.push_back({sent.stanza, sent.bytes, sent.log_id, bool(argument & 4), false, false, false, refuses});
        counts_.push(std::move(sent));
        news_ = true;
    }

    // Nobody looks into it: only whether there is one counts.
    static const Ticket* ticket_place() {
        alignas(Ticket) static const unsigned char place[sizeof(Ticket)] = {};
        return reinterpret_cast<const Ticket*>(place);
    }

    void acknowledge(std::uint8_t argument) {
        const std::size_t count = model_.empty() ? 0 : argument % (model_.size() + 1);
        const auto done = counts_.acknowledge(static_cast<std::uint32_t>(acknowledged_ + count));
        require(done && done->size() == count);
        for (const SentStanza& one : *done) {
            require(one.stanza == model_.front().stanza);
            model_.pop_front();
        }
        acknowledged_ += count;
        asked_ = false;
    }

    // More than was sent, or less than before: nothing happens.
    void acknowledge_nonsense(std::uint8_t argument) {
        const auto too_many = static_cast<std::uint32_t>(acknowledged_ + model_.size() + 1 + argument);
        require(!counts_.acknowledge(too_many));
        if (acknowledged_ > 0) require(!counts_.acknowledge(static_cast<std::uint32_t>(acknowledged_ - 1)));
    }

    void take_unsaved() {
        const std::vector<SentStanza> taken = counts_.take_unsaved();
        std::size_t next = 0;
        for (Kept& kept : model_) {
            if (!kept.owed || kept.saving) continue;
            require(next < taken.size() && taken[next].stanza == kept.stanza);
            ++next;
            kept.saving = true;
        }
        require(next == taken.size());
    }

    void take_overdue() {
        const std::vector<SentStanza> taken = counts_.take_overdue();
        std::size_t next = 0;
        for (Kept& kept : model_) {
            if (!kept.owed || kept.saving || !std::exchange(kept.looked_at, true)) continue;
            require(next < taken.size() && taken[next].stanza == kept.stanza);
            ++next;
            kept.saving = true;
        }
        require(next == taken.size());
    }

    void note_saved(std::uint8_t argument) {
        require(!counts_.note_saved(std::make_shared<const Stanza>(Stanza::message(MessageType::chat)), 1));
        if (model_.empty()) return;
        Kept& kept = model_[argument / 2 % model_.size()];
        const std::uint64_t log_id = argument % 2 ? argument : 0;
        require(counts_.note_saved(kept.stanza, log_id) == !kept.elsewhere);
        kept.saving = false;
        kept.log_id = log_id;
        kept.owed = kept.owed && log_id == 0;
    }

    void receive_elsewhere(std::uint8_t argument) {
        require(counts_.note_received_elsewhere(std::make_shared<const Stanza>(Stanza::message(MessageType::chat))) == 0);
        if (model_.empty()) return;
        Kept& kept = model_[argument % model_.size()];
        require(counts_.has(kept.stanza));
        require(counts_.note_received_elsewhere(kept.stanza) == kept.log_id);
        kept.elsewhere = true;
        kept.owed = false;
    }

    void ask(bool of_little) {
        const auto messages = std::ranges::count_if(model_, [](const Kept& kept) { return kept.stanza->is_message(); });
        const bool much = messages > 0 || model_.size() >= StreamManagement::unasked_stanzas ||
                          counts_.waiting_bytes() >= StreamManagement::unasked_bytes;
        const bool asks = !asked_ && news_ && !model_.empty() && (much || of_little);
        require(counts_.take_question(of_little) == asks);
        if (asks) asked_ = true, news_ = false;
    }

    // The client is told h and sends again what comes behind it.
    void come_back() {
        counts_.forget_question();
        asked_ = false;
        news_ = true;
        const std::uint64_t h = expected();
        const std::uint32_t said = counts_.handled(static_cast<std::uint32_t>(settled_));
        counts_.go_on_from(said, static_cast<std::uint32_t>(issued_));
        std::erase_if(model_, [](const Kept& kept) { return kept.refuses.has_value(); });  // h counts none of those
        sent_again_ += issued_ - h;  // the number behind issued_ is of the stanza behind h
        settled_ = issued_;
    }

    // The last of the client's stanzas that h may count.
    std::uint64_t expected() const {
        std::uint64_t last = settled_;
        for (const Kept& kept : model_)
            if (kept.refuses) last = std::min(last, *kept.refuses - 1);
        return last;
    }

    void check() {
        require(counts_.waiting().size() == model_.size());
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < model_.size(); ++i) {
            const SentStanza& sent = counts_.waiting()[i];
            require(sent.stanza == model_[i].stanza && sent.log_id == model_[i].log_id &&
                    sent.saving == model_[i].saving);
            require(bool(sent.ticket) == model_[i].owed);
            bytes += model_[i].bytes;
        }
        require(counts_.waiting_bytes() == bytes && counts_.asked() == asked_);
        require(counts_.acknowledged() == static_cast<std::uint32_t>(acknowledged_));
        const std::uint32_t h = counts_.handled(static_cast<std::uint32_t>(settled_));
        require(h == static_cast<std::uint32_t>(expected() - begin_ - sent_again_));
        require(static_cast<std::int32_t>(h - last_h_) >= 0);
        last_h_ = h;
    }

    std::uint64_t begin_;
    std::uint64_t issued_;
    std::uint64_t settled_;
    std::uint64_t sent_again_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint32_t last_h_ = 0;
    bool asked_ = false;
    bool news_ = false;
    std::deque<Kept> model_;
    StreamManagement counts_;
};

}  // namespace
}  // namespace rookery

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    rookery::Play play(data[0]);
    for (std::size_t at = 1; at + 1 < size && at < 2'000; at += 2) play.act(data[at], data[at + 1]);
    return 0;
}
