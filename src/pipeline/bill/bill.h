// What was used and what it costs: the usage ledger summed by key, model and month, after checking that the
// ledger is whole. docs/bill.md is its chapter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/core/env.h"
#include "base/core/json.h"
#include "base/core/result.h"

namespace leam::bill {

struct Filter {
  std::string month = {};  // "2026-11" (UTC, by the time of settlement); empty: all
  std::string key = {};    // name or id; empty: all
  std::string model = {};  // empty: all
};

struct Sums {
  int64_t requests = 0;  // settled
  int64_t prompt_tokens = 0, completion_tokens = 0;
  int64_t micro_eur = 0;
  int64_t microjoules = 0;
};

struct Line {
  std::string month, key_name, key_id, model;
  Sums sums;
};

struct Report {
  std::string ledger;
  Filter filter;
  std::vector<Line> lines;  // by month, key name, key id, model
  Sums total;               // of the lines
  // Of the whole ledger, whatever the filter.
  int64_t rows = 0, reserved = 0, settled = 0, aborted = 0, open = 0;
  std::string chain;  // of the last row: what an auditor writes down
};

// Reads the whole ledger and checks every row: no gap, the chain of hashes, each reservation closed at most
// once and by a row it covers, each amount what its tokens and price make it. The first row that breaks a
// rule is the error (kCorrupt). A server may write meanwhile.
Result<Report> report(const Env& env, const std::string& ledger, const Filter& filter);

json::object to_json(const Report& report);
// Columns for a terminal, sums at the end.
std::string to_table(const Report& report);

// 1234567 → "1.234567"
std::string euros(int64_t micro_eur);

}  // namespace leam::bill
