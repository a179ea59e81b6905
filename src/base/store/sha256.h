// SHA-256 for what must withstand people: secrets of API keys, the chain of the ledger.
#pragma once

#include <string>
#include <string_view>

namespace leam::store {

std::string sha256_hex(std::string_view bytes);  // 64 lower-case hex digits

// Compares in a time that depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

// `bytes` unpredictable bytes from the system, as lower-case hex (twice as long).
std::string random_hex(size_t bytes);

}  // namespace leam::store
