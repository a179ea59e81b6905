#include "engine/tensor/dispatch.h"

#include "engine/tensor/cpu/products.h"
#include "engine/tensor/cpu/rope_tables.h"

namespace leam::tensor {

#define LEAM_OPERATOR(name, Kernels) Candidates name##_candidates();
#include "engine/tensor/ops/ops.def"
#undef LEAM_OPERATOR

namespace {

struct Entry {
  std::string_view name;
  Candidates (*candidates)();
};
constexpr std::array<Entry, kOperators> kTable = {{
#define LEAM_OPERATOR(name, Kernels) {#name, name##_candidates},
#include "engine/tensor/ops/ops.def"
#undef LEAM_OPERATOR
}};

}  // namespace

std::string_view to_string(OpId op) {
  return kTable.at(static_cast<size_t>(op)).name;
}

Result<KernelChoice> kernel_choice(const char* value) {
  const std::string_view v = value == nullptr ? "" : value;
  if (v.empty()) return KernelChoice::kFast;
  if (v == "ref") return KernelChoice::kReference;
  return Error(ErrorCode::kInvalid, "engine.tensor", "LEAM_KERNEL is '" + std::string(v) + "'",
               "leave it unset for the fastest kernels or set it to 'ref' for the reference");
}

Dispatch::Dispatch(KernelChoice choice)
    : products_(std::make_unique<cpu::Products>()), rope_tables_(std::make_unique<cpu::RopeTables>()) {
  for (size_t op = 0; op < kOperators; ++op) {
    const Candidates all = kTable.at(op).candidates();
    for (const Candidate& c : all) {
      Candidate& slot = table_.at(static_cast<size_t>(c.device)).at(op).at(static_cast<size_t>(c.dtype));
      const bool usable = c.available == nullptr || c.available(*products_);
      const bool wanted = choice == KernelChoice::kFast || c.name == "ref";
      if (slot.kernels == nullptr && usable && wanted) slot = c;
    }
  }
}

Dispatch::~Dispatch() = default;

const Candidate& Dispatch::chosen(Device device, OpId op, DType dtype) const {
  const Candidate& c =
      table_.at(static_cast<size_t>(device)).at(static_cast<size_t>(op)).at(static_cast<size_t>(dtype));
  bug_if(c.kernels == nullptr,
         "operator " + std::string(to_string(op)) + " has no kernel for " + std::string(to_string(dtype)));
  return c;
}

Candidates Dispatch::available(Device device, OpId op, DType dtype) const {
  Candidates found;
  for (const Candidate& c : kTable.at(static_cast<size_t>(op)).candidates()) {
    if (c.device != device || c.dtype != dtype) continue;
    if (c.available == nullptr || c.available(*products_)) found.push_back(c);
  }
  return found;
}

void Dispatch::force(OpId op, std::string_view candidate) {
  bool found = false;
  for (const Candidate& c : kTable.at(static_cast<size_t>(op)).candidates()) {
    if (c.name != candidate || (c.available != nullptr && !c.available(*products_))) continue;
    table_.at(static_cast<size_t>(c.device)).at(static_cast<size_t>(op)).at(static_cast<size_t>(c.dtype)) = c;
    found = true;
  }
  bug_if(!found, "no candidate '" + std::string(candidate) + "' of " + std::string(to_string(op)));
}

}  // namespace leam::tensor
