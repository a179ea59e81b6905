// Energy of a piece of work on this machine: measured by RAPL where the kernel lets us read it,
// otherwise estimated from processor time. Every figure says which.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/core/config.h"
#include "base/core/env.h"
#include "base/core/json.h"

namespace leam {

// What an estimate rests on; [energy] in leam.toml.
struct EnergyAssumptions {
  // Watts of one busy processor thread with its share of memory and board. 10 W: a 350 W socket of
  // 32 cores / 64 threads at full load draws about 5.5 W a thread; memory, board and fans add as much
  // again on a server (order of magnitude; measure your machine and set it).
  double watts_per_cpu = 10.0;
  double pue = 1.2;  // power usage effectiveness of the building (LEAM concept, annex)
  // Grid intensity in g CO2e per kWh. Default: EU-27 2023, about 210 (European Environment Agency,
  // greenhouse gas emission intensity of electricity generation).
  double grams_co2e_per_kwh = 210.0;
  double euros_per_kwh =
      0.20;  // EU-27 non-household average 2023/24 without VAT, rounded (Eurostat nrg_pc_205)

  // [energy] of leam.toml: keys as the members.
  static Result<EnergyAssumptions> from(const Config& file);
};

struct Energy {
  double kwh = 0;
  double grams_co2e = 0;
  bool measured = false;  // false: estimated from processor seconds
  json::object to_json() const;
  Energy& operator+=(const Energy& other);
};

// Counts from construction on.
class EnergyMeter {
 public:
  EnergyMeter(Env& env, EnergyAssumptions assumptions);
  ~EnergyMeter();
  // Energy since construction, of the whole machine if measured, of this process if estimated.
  Energy so_far() const;
  // The estimate for a given amount of processor time, PUE included.
  static Energy estimate(double cpu_seconds, const EnergyAssumptions& assumptions);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leam
