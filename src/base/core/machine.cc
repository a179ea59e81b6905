#include "base/core/machine.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "base/core/threads.h"

namespace leam {
namespace {

// The value of "key : value" in a /proc file, of its first line with that key.
std::string proc_value(const char* file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

}  // namespace

Machine this_machine() {
  Machine m;
  m.cpu = proc_value("/proc/cpuinfo", "model name");
  m.cpus = available_cpus();
  struct sysinfo info {};
  if (::sysinfo(&info) == 0) m.memory_bytes = uint64_t{info.totalram} * info.mem_unit;
  if (std::ifstream limit("/sys/fs/cgroup/memory.max"); limit) {
    uint64_t bytes = 0;
    if (limit >> bytes && bytes > 0) m.memory_bytes = std::min(m.memory_bytes, bytes);
  }
  const std::string flags = " " + proc_value("/proc/cpuinfo", "flags") + " ";
  const auto has = [&](std::string_view flag) {
    return flags.find(" " + std::string(flag) + " ") != std::string::npos;
  };
  m.avx512_bf16 = has("avx512_bf16");
  m.amx_bf16 = has("amx_bf16");
  for (const auto& [flag, name] : {std::pair{"avx2", "avx2"},
                                   {"avx512f", "avx512"},
                                   {"avx512_bf16", "avx512-bf16"},
                                   {"amx_bf16", "amx-bf16"},
                                   {"asimd", "neon"},
                                   {"bf16", "bf16"}}) {
    if (has(flag)) m.isa += (m.isa.empty() ? "" : " ") + std::string(name);
  }
  return m;
}

json::object to_json(const Machine& m) {
  return {{"cpu", m.cpu}, {"cpus", m.cpus}, {"memory_bytes", m.memory_bytes}, {"isa", m.isa}};
}

uint64_t peak_memory_bytes() {
  const std::string kb = proc_value("/proc/self/status", "VmHWM");
  uint64_t value = 0;
  std::from_chars(kb.data(), kb.data() + kb.size(), value);
  return value * 1024;
}

}  // namespace leam
