// PostgreSQL goes away, and comes back, while messages flow (F4, F14): sessions stay up, senders wait or are told to,
// nothing acknowledged is lost, and soon after the database everything is back.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "base/log.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/test_client.h"

namespace rookery::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr seconds back_within{3};
constexpr int burst = 3;  // so that there is nearly always a transaction under way

// Counts the calls that wait for their answers, so that a test can wait for these, too.
class CountedDatabase final : public Database {
public:
    CountedDatabase(std::unique_ptr<Database> inner, std::atomic<int>& waiting)
        : inner_(std::move(inner)), waiting_(waiting) {}

    Task<Result<std::vector<Rows>>> read(std::vector<Statement> statements) override {
        const Counted counted(waiting_);
        Task<Result<std::vector<Rows>>> call = inner_->read(std::move(statements));
        co_return co_await call;
    }
    Task<Result<std::vector<WriteOutcome>>> write(std::vector<Statement> statements) override {
        const Counted counted(waiting_);
        Task<Result<std::vector<WriteOutcome>>> call = inner_->write(std::move(statements));
        co_return co_await call;
    }
    DatabaseGauges gauges() const override { return inner_->gauges(); }
    std::optional<StorageTrouble> trouble() const override { return inner_->trouble(); }

private:
    struct Counted {
        explicit Counted(std::atomic<int>& counter) : waiting(counter) { ++waiting; }
        ~Counted() { --waiting; }
        Counted(const Counted&) = delete;
        Counted& operator=(const Counted&) = delete;
        std::atomic<int>& waiting;
    };

    std::unique_ptr<Database> inner_;
    std::atomic<int>& waiting_;
};

class PostgresFaults : public testing::Test {
protected:
    ~PostgresFaults() override { set_log_level(LogLevel::info); }
    PostgresFaults() : database_(cluster_.new_database()), server_(server_options()) {
        server_.loops().wait_for([this] {
            std::this_thread::sleep_for(std::chrono::microseconds(20));
            return patient_ && waiting_ > 0;
        });
        set_log_level(LogLevel::error);
        juliet_ = std::make_unique<TestClient>(server_, "juliet@localhost/balcony");
        romeo_ = std::make_unique<TestClient>(server_, "romeo@localhost/garden");
        romeo_->become_available();
        juliet_->ask("<enable xmlns='urn:xmpp:sm:3'/>");
        patient_ = false;
    }

    TestServerOptions server_options() {
        TestServerOptions options;
        options.storage = [this](const rookery::Clock& clock) {
            PostgresOptions postgres = cluster_.options(database_);
            postgres.pool_size = 3;
            postgres.answer_timeout = Milliseconds(1'000);
            postgres.clock = &clock;
            return std::make_unique<Storage>(
                std::make_unique<CountedDatabase>(open_postgres_database(std::move(postgres)), waiting_));
        };
        return options;
    }

    void send_one() {
        const std::string number = std::to_string(++sent_);
        juliet_->send("<message to='romeo@localhost' type='chat' id='m" + number +
                      "'><origin-id xmlns='urn:xmpp:sid:0' id='o" + number + "'/><body>n" + number +
                      ".</body></message><r xmlns='urn:xmpp:sm:3'/>");
    }

    // What came for juliet: acknowledgements and refusals.
    void look() {
        const std::size_t refused_before = refused_.size();
        got_ += juliet_->receive();
        romeo_->receive();
        for (std::size_t at = got_.find("h='"); at != std::string::npos; at = got_.find("h='", at + 1))
            acked_ = std::max(acked_, std::atoi(got_.c_str() + at + 3));
        for (std::size_t at = got_.find("type='error'"); at != std::string::npos;
             at = got_.find("type='error'", at + 1))
            note_refusal(at);
        got_.erase(0, got_.rfind('<') == std::string::npos ? 0 : got_.rfind('<'));
        // Else they are not counted. She is sent nothing but refusals.
        if (refused_.size() > refused_before)
            juliet_->send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(refused_.size()) + "'/>");
    }

    void note_refusal(std::size_t at) {
        const std::size_t from = got_.rfind("<message", at), to = got_.find("</message>", at);
        const std::string error = got_.substr(from, to - from);
        EXPECT_NE(error.find("type='wait'"), std::string::npos) << error;
        refused_[std::atoi(error.c_str() + error.find("id='m") + 5)] = true;
    }

    void talk_for(std::chrono::milliseconds time) {
        for (const auto end = Clock::now() + time; Clock::now() < end;) {
            for (int i = 0; i < burst; ++i) send_one();
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            look();
        }
    }

    // Something happens in the middle of it.
    template <class Fault>
    void talk_while(Fault fault) {
        std::atomic<bool> over = false;
        std::thread at_work([&] {
            fault();
            over = true;
        });
        while (!over) talk_for(std::chrono::milliseconds(1));
        at_work.join();
    }

    // A message that is sent now is stored in time.
    void expect_back() {
        const auto begin = Clock::now();
        while (Clock::now() < begin + back_within + seconds(5)) {
            send_one();
            const int mine = sent_;
            for (const auto end = Clock::now() + seconds(1); Clock::now() < end && acked_ < mine;) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                look();
            }
            if (acked_ >= mine && !refused_.contains(mine)) break;
        }
        EXPECT_LT(Clock::now() - begin, back_within);
    }

    // Each is stored once or refused; those whose answer was lost may be both.
    void expect_nothing_lost() {
        patient_ = true;
        look();
        std::map<int, int> stored;
        for (const std::string& stanza : cluster_.ask(
                 database_, "SELECT stanza FROM log JOIN account ON account.id = log.owner WHERE local = 'romeo'"))
            ++stored[std::atoi(stanza.c_str() + stanza.find("<body>n") + 7)];
        EXPECT_GT(acked_, 20);
        int lost = 0;
        for (int number = 1; number <= acked_; ++number) {
            if (!stored.contains(number) && !refused_.contains(number)) ++lost;
            EXPECT_LE(stored[number], 1) << number;
        }
        EXPECT_EQ(lost, 0) << "of " << acked_ << ", " << refused_.size() << " refused";
    }

    void expect_sessions_are_up() {
        EXPECT_NE(
            juliet_->ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>").find("id='p'"),
            std::string::npos);
        EXPECT_FALSE(romeo_->closed());
        EXPECT_EQ(server_.storage().database().trouble(), std::nullopt);
    }

    template <class Fault>
    void survives(Fault fault) {
        talk_for(std::chrono::milliseconds(300));
        fault();
        expect_back();
        talk_for(std::chrono::milliseconds(200));
        expect_back();
        expect_nothing_lost();
        expect_sessions_are_up();
    }

    PostgresCluster cluster_;
    const std::string database_;
    std::atomic<int> waiting_ = 0;
    bool patient_ = true;  // is waited for storage, too?
    TestServer server_;
    std::unique_ptr<TestClient> juliet_, romeo_;
    std::string got_;
    int sent_ = 0, acked_ = 0;
    std::map<int, bool> refused_;
};

TEST_F(PostgresFaults, F4StoppedAtOnceForTwoSeconds) {
    survives([&] {
        talk_while([&] { cluster_.stop(SIGQUIT); });
        talk_for(seconds(2));
        cluster_.start();
    });
}

TEST_F(PostgresFaults, F4KilledAndRestarted) {
    survives([&] {
        talk_while([&] { cluster_.stop(SIGKILL); });
        talk_for(std::chrono::milliseconds(500));
        cluster_.start();
    });
}

// Longer than calls wait: senders are told.
TEST_F(PostgresFaults, F4AwayUntilSendersAreToldToWait) {
    survives([&] {
        cluster_.stop(SIGINT);
        talk_for(seconds(6));
        EXPECT_FALSE(refused_.empty());
        EXPECT_NE(server_.storage().database().trouble(), std::nullopt);
        cluster_.start();
    });
}

TEST_F(PostgresFaults, F4ConnectionsAreKilledAgainAndAgain) {
    survives([&] {
        talk_while([&] {
            for (int i = 0; i < 60; ++i) {
                cluster_.ask("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                                             database_ + "'");
                std::this_thread::sleep_for(std::chrono::milliseconds(30 + i % 7));
            }
        });
    });
}

TEST_F(PostgresFaults, F14StandsStillForAMoment) {
    survives([&] {
        talk_while([&] { cluster_.freeze(); });
        talk_for(std::chrono::milliseconds(600));
        cluster_.thaw();
    });
}

TEST_F(PostgresFaults, F14StandsStillForLongerThanAnAnswerMayTake) {
    survives([&] {
        talk_while([&] { cluster_.freeze(); });
        talk_for(seconds(3));
        cluster_.thaw();
    });
}

}  // namespace
}  // namespace rookery::test
