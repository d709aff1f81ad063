#include "base/metrics.h"

#include <gtest/gtest.h>

#include <thread>

namespace rookery {
namespace {

std::int64_t value_of(const Metrics& metrics, std::string_view name) {
    for (const MetricSample& sample : metrics.read())
        if (sample.name == name) return sample.value;
    return -1;
}

TEST(Metrics, SumsTheCellsOfAllShards) {
    Metrics metrics;
    std::vector<std::thread> shards;
    for (int shard = 0; shard < 4; ++shard)
        shards.emplace_back([&] {
            Counter stanzas = metrics.counter("stanzas_total", "Stanzas routed");
            for (int i = 0; i < 1000; ++i) stanzas.add();
        });
    for (std::thread& shard : shards) shard.join();
    EXPECT_EQ(value_of(metrics, "stanzas_total"), 4000);  // also after their cells are gone
}

TEST(Metrics, AGoneGaugeNoLongerCounts) {
    Metrics metrics;
    Gauge one = metrics.gauge("sessions", "Sessions open");
    one.set(5);
    {
        Gauge two = metrics.gauge("sessions", "Sessions open");
        two.add(7);
        EXPECT_EQ(value_of(metrics, "sessions"), 12);
    }
    EXPECT_EQ(value_of(metrics, "sessions"), 5);
}

TEST(Metrics, LabelsMakeSeparateSamples) {
    Metrics metrics;
    Counter a = metrics.counter("x", "X", {{"module", "a"}});
    Counter b = metrics.counter("x", "X", {{"module", "b"}});
    a.add(2);
    b.add(3);
    const auto samples = metrics.read();
    ASSERT_EQ(samples.size(), 2u);
    EXPECT_EQ(samples[0].labels[0].second, "a");
    EXPECT_EQ(samples[0].value, 2);
    EXPECT_EQ(samples[1].value, 3);
    EXPECT_EQ(samples[1].kind, MetricKind::counter);
}

TEST(Metrics, TheNumberOfFamiliesIsBounded) {
    Metrics metrics;
    for (std::size_t i = 0; i < Metrics::max_families; ++i) metrics.counter("c" + std::to_string(i), "");
    Counter extra = metrics.counter("extra", "");
    extra.add();  // counts nothing, harms nothing
    EXPECT_EQ(metrics.read().size(), Metrics::max_families);
    EXPECT_EQ(value_of(metrics, "extra"), -1);
}

TEST(Metrics, AMovedCounterKeepsItsCell) {
    Metrics metrics;
    Counter first = metrics.counter("x", "");
    first.add(1);
    Counter second = std::move(first);
    second.add(1);
    Counter none;
    none = std::move(second);
    none.add(1);
    EXPECT_EQ(value_of(metrics, "x"), 3);
}

}  // namespace
}  // namespace rookery
