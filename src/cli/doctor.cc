// `leam doctor`: what this machine is and how fast the engine runs on it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/core/machine.h"
#include "base/core/units.h"
#include "base/core/version.h"
#include "cli/command.h"
#include "engine/tensor/dispatch.h"
#include "engine/tensor/doctor.h"

namespace leam::cli {
namespace {

std::string_view text(const json::value& o, const char* key) {
  return o.at(key).as_string();
}

void print(const Machine& m, const json::object& engine) {
  fmt::print("leam       {} ({})\n", version(), commit());
  fmt::print("processor  {}, {} threads, {}\n", m.cpu, m.cpus, m.isa);
  fmt::print("memory     {}, {:.1f} GB/s\n", human_bytes(static_cast<double>(m.memory_bytes)),
             engine.at("memory_gb_per_s").to_number<double>());
  fmt::print("products   {}\n", text(engine, "library"));
  for (const json::value& p : engine.at("products").as_array()) {
    fmt::print("  {:<5} {:<16} {:>7.0f} GFLOP/s   the library alone {:>7.0f}\n", text(p, "dtype"),
               text(p, "shape"), p.at("gflops").to_number<double>(),
               p.at("plain_gflops").to_number<double>());
  }
  fmt::print("operators\n");
  for (const json::value& o : engine.at("operators").as_array()) {
    fmt::print("  {:<14} {:<5} {:<8} {}\n", text(o, "operator"), text(o, "dtype"), text(o, "kernel"),
               text(o, "instructions"));
  }
}

Result<void> examine(Session& session, bool as_json) {
  Context context = session.context();
  tensor::Memory memory;
  const tensor::Dispatch dispatch(LEAM_TRY(tensor::kernel_choice(std::getenv("LEAM_KERNEL"))));
  const json::object engine = tensor::doctor(tensor::Exec{context.pool, memory, dispatch});
  const Machine machine = this_machine();
  if (as_json) {
    const json::object all{{"version", version()}, {"machine", to_json(machine)}, {"engine", engine}};
    std::fputs(pretty_json(all).c_str(), stdout);
  } else {
    print(machine, engine);
  }
  return {};
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("doctor", "what this machine is and how fast the engine runs on it");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "for machines");
  command->add_option("-j,--threads", session.threads, "threads (0: all processors)")
      ->check(CLI::Range(0, 4096));
  command->callback(
      [&session, as_json] { session.action = [&session, as_json] { return examine(session, *as_json); }; });
}

}  // namespace leam::cli
