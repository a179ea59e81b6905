#include "base/core/power.h"

#include <ctime>
#include <fstream>
#include <vector>

namespace leam {
namespace {

double process_cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// One RAPL package counter: microjoules that wrap at max_energy_range_uj.
struct RaplZone {
  std::string path;
  double start_uj = 0, range_uj = 0;
};

bool read_number(const std::string& path, double& out) {
  std::ifstream in(path);
  return static_cast<bool>(in >> out);
}

}  // namespace

Result<EnergyAssumptions> EnergyAssumptions::from(const Config& file) {
  EnergyAssumptions a;
  Section s = file.section("energy");
  a.watts_per_cpu = s.number("watts_per_cpu", a.watts_per_cpu, 0.0, 10000.0);
  a.pue = s.number("pue", a.pue, 1.0, 10.0);
  a.grams_co2e_per_kwh = s.number("grams_co2e_per_kwh", a.grams_co2e_per_kwh, 0.0, 10000.0);
  a.euros_per_kwh = s.number("euros_per_kwh", a.euros_per_kwh, 0.0, 1000.0);
  LEAM_TRY(s.finish());
  return a;
}

json::object Energy::to_json() const {
  return {{"kwh", kwh}, {"grams_co2e", grams_co2e}, {"method", measured ? "measured" : "estimated"}};
}

Energy& Energy::operator+=(const Energy& other) {
  // A sum is only as measured as its weakest part.
  measured = (kwh == 0 || measured) && other.measured;
  kwh += other.kwh;
  grams_co2e += other.grams_co2e;
  return *this;
}

struct EnergyMeter::State {
  EnergyAssumptions assumptions;
  double start_cpu = 0;
  std::vector<RaplZone> zones;
};

EnergyMeter::EnergyMeter(Env& env, EnergyAssumptions assumptions) : state_(std::make_unique<State>()) {
  state_->assumptions = assumptions;
  state_->start_cpu = process_cpu_seconds();
  const std::string root = "/sys/class/powercap";
  if (!env.is_dir(root)) return;
  for (int i = 0; i < 16; ++i) {
    RaplZone zone{root + "/intel-rapl:" + std::to_string(i)};
    if (read_number(zone.path + "/energy_uj", zone.start_uj) &&
        read_number(zone.path + "/max_energy_range_uj", zone.range_uj)) {
      state_->zones.push_back(zone);
    }
  }
}

EnergyMeter::~EnergyMeter() = default;

Energy EnergyMeter::estimate(double cpu_seconds, const EnergyAssumptions& a) {
  Energy e;
  e.kwh = cpu_seconds * a.watts_per_cpu * a.pue / 3.6e6;
  e.grams_co2e = e.kwh * a.grams_co2e_per_kwh;
  return e;
}

Energy EnergyMeter::so_far() const {
  const EnergyAssumptions& a = state_->assumptions;
  if (state_->zones.empty()) return estimate(process_cpu_seconds() - state_->start_cpu, a);
  double joules = 0;
  for (const RaplZone& zone : state_->zones) {
    double now = 0;
    if (!read_number(zone.path + "/energy_uj", now))
      return estimate(process_cpu_seconds() - state_->start_cpu, a);
    // One wrap is seen; a zone of 262 kJ wraps every 12 minutes at 350 W, so callers read more often.
    joules += (now >= zone.start_uj ? now - zone.start_uj : now + zone.range_uj - zone.start_uj) * 1e-6;
  }
  Energy e;
  e.kwh = joules * a.pue / 3.6e6;
  e.grams_co2e = e.kwh * a.grams_co2e_per_kwh;
  e.measured = true;
  return e;
}

}  // namespace leam
