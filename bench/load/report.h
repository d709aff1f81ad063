// The result of a run: named values in order, as one JSON line and one line for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rookery::bench {

class Report {
public:
    void add(std::string name, std::string_view text);
    void add(std::string name, std::int64_t number);
    void add(std::string name, double number);  // two digits after the point; null when it is none
    void add(std::string name, const std::vector<double>& numbers);
    void add_flag(std::string name, bool flag);

    std::string json() const;
    std::string line() const;

private:
    struct Value {
        std::string name;
        std::string text;
        bool quoted;
    };
    std::vector<Value> values_;
};

}  // namespace rookery::bench
