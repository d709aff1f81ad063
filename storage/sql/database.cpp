#include "storage/sql/database.h"

namespace rookery {

Task<Result<Rows>> Database::query(Statement statement) {
    std::vector<Statement> one = together(std::move(statement));
    Result<std::vector<Rows>> rows = co_await read(std::move(one));
    if (!rows) co_return std::move(rows).error();
    co_return std::move(rows->front());
}

Task<Result<WriteOutcome>> Database::change(Statement statement) {
    std::vector<Statement> one = together(std::move(statement));
    Result<std::vector<WriteOutcome>> outcomes = co_await write(std::move(one));
    if (!outcomes) co_return std::move(outcomes).error();
    co_return std::move(outcomes->front());
}

}  // namespace rookery
