// FlakyDatabase: a database that is slow, fails before or after it has committed, or is gone with the server's
// process, as the simulation wants it. What it answered was committed, and stays.
#pragma once

#include <memory>

#include "storage/sql/database.h"
#include "tests/simulation/dice.h"

namespace rookery::test {

enum class Mood {
    well,
    slow,       // up to 300 ms before the commit, and again before the answer
    refusing,   // "the disk failed"; nothing is done
    forgetful,  // it is done, and the answer is lost: "the disk failed"
    dead,       // the server's process is no more: nothing is done any more
};

class FlakyDatabase final : public Database {
public:
    FlakyDatabase(std::unique_ptr<Database> real, Dice& dice) : real_(std::move(real)), dice_(dice) {}

    static constexpr std::size_t max_waiting = 100;  // as gauges() has it; nobody is turned away

    void set_mood(Mood mood) { mood_ = mood; }
    Mood mood() const { return mood_; }

    Task<Result<std::vector<Rows>>> read(std::vector<Statement> statements) override;
    Task<Result<std::vector<WriteOutcome>>> write(std::vector<Statement> statements) override;
    DatabaseGauges gauges() const override;
    std::optional<StorageTrouble> trouble() const override { return real_->trouble(); }

private:
    Task<Result<std::vector<WriteOutcome>>> write_moody(std::vector<Statement> statements);
    Task<void> dawdle(SteadyTime& queue);

    std::unique_ptr<Database> real_;
    Dice& dice_;
    Mood mood_ = Mood::well;
    SteadyTime commits_until_;  // one writer: who calls first is committed first
    SteadyTime answers_until_;
    std::size_t writes_waiting_ = 0;
};

}  // namespace rookery::test
