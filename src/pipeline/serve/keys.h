// API keys: who may ask, and who pays. A key is "sk-leam-<id>-<secret>"; only its SHA-256 is stored, beside
// the ledger. Safe to use from several processes at once: a key revoked by the command line is refused by a
// running server from the next request on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/env.h"
#include "base/core/result.h"
#include "base/store/database.h"

namespace leam::serve {

struct Key {
  std::string id;    // public: in the ledger and in lists
  std::string name;  // whose it is
  int64_t created_us = 0;
  int64_t revoked_us = 0;  // 0: valid
};

struct NewKey {
  Key key;
  std::string secret;  // the whole key, to be shown once and never again
};

class Keys {
 public:
  // In the database file of the ledger; made if it is not there.
  static Result<Keys> open(Env& env, const std::string& path);

  // `name`: 1 to 64 letters, digits and . _ @ + -; no valid key has it yet.
  Result<NewKey> create(std::string_view name);
  Result<std::vector<Key>> list() const;
  // By name or id; kNotFound when no valid key has it.
  Result<Key> revoke(std::string_view name_or_id);
  // The valid key that `secret` is. Nothing when there is none; its time tells nothing about which part
  // was wrong.
  Result<std::optional<Key>> find(std::string_view secret) const;

 private:
  Keys(Env& env, std::unique_ptr<store::Database> db) : env_(&env), db_(std::move(db)) {}
  Env* env_;
  std::unique_ptr<store::Database> db_;
};

}  // namespace leam::serve
