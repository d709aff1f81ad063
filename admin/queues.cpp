// The verb `queues`: everything that can fill up, the worst first (base/queue_board.h, docs/queues.md).
#include <cmath>

#include "admin/commands.h"
#include "admin/queue_table.h"
#include "core/shard.h"

namespace rookery {
namespace {

Value rounded(double number) { return std::round(number * 10) / 10; }

Value seconds(Duration time) { return rounded(std::chrono::duration<double>(time).count()); }

Value drain(const QueueReport& report) {
    if (!report.counted || report.kind != QueueKind::queue) return nullptr;
    return report.time_to_drain ? seconds(*report.time_to_drain) : Value("never");
}

void set_rates(Value& row, const char* way, const QueueReport& report, const Flow::Rates& rates) {
    for (std::size_t i = 0; i < rates.size(); ++i) {
        const std::string name = way + std::to_string(static_cast<int>(Flow::windows[i])) + "s";
        row.set(name, report.counted ? rounded(rates[i]) : Value());
    }
}

Value longest(const QueueLook& look) {
    Value list = Value::list();
    for (const QueueLook::Long& one : look.longest) list.append(one.name + " " + std::to_string(one.length));
    return list;
}

Value row_of(const QueueReport& report) {
    Value row = Value::object();
    row.set("queue", report.name);
    row.set("where", report.where);
    row.set("percent", report.now.bound > 0 ? Value(static_cast<std::int64_t>(report.now.fullness * 100)) : Value());
    row.set("length", report.now.length);
    row.set("bound", report.now.bound > 0 ? Value(report.now.bound) : Value());
    row.set("unit", report.unit);
    row.set("oldest", report.now.oldest ? seconds(*report.now.oldest) : Value());
    row.set("drain", drain(report));
    set_rates(row, "in_", report, report.in);
    set_rates(row, "out_", report, report.out);
    row.set("refused", report.counted ? Value(static_cast<std::int64_t>(report.refused)) : Value());
    row.set("kind", name_of(report.kind));
    row.set("longest", longest(report.now));
    return row;
}

Task<Result<Value>> queues(CommandContext context, Arguments args) {
    std::vector<QueueReport> all;
    const auto report = [](Shard& shard) { return shard.queues().report(shard.loop().clock().steady_now()); };
    for (unsigned i = 0; i < context.shards.count(); ++i) {
        std::vector<QueueReport> part = co_await context.shards.on(i, report);
        all.insert(all.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
    }
    sort_worst_first(all);
    Value rows = Value::list();
    for (const QueueReport& one : all)
        if (!args.has("name") || one.name == args.text("name")) rows.append(row_of(one));
    if (rows.as_list()->empty())
        co_return Error(ErrorCode::invalid, "there is no queue '" + args.text("name") + "'; 'queues' alone shows all");
    co_return rows;
}

}  // namespace

void add_queue_commands(CommandTable& table) {
    table.add({"queues", "server", "How full every queue, pool and cache is, the worst first",
               {{"name", ArgType::text, "just this one: output, storage_writes, ...", true}}, queues, true, queue_table});
}

}  // namespace rookery
