#include "pipeline/serve/keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/store/sha256.h"

namespace leam::serve {
namespace {

constexpr const char* kMigrations[] = {
    "CREATE TABLE api_keys("
    "  id TEXT PRIMARY KEY,"
    "  name TEXT NOT NULL,"
    "  sha256 TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  revoked_us INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE UNIQUE INDEX api_keys_valid_name ON api_keys(name) WHERE revoked_us = 0;"};

constexpr std::string_view kPrefix = "sk-leam-";
constexpr size_t kIdBytes = 6, kSecretBytes = 24;

Key key_from(const store::Row& r) {
  return {r.text(0), r.text(1), r.integer(2), r.integer(3)};
}

bool good_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._@+-").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, good);
}

}  // namespace

Result<Keys> Keys::open(Env& env, const std::string& path) {
  auto db = LEAM_TRY(store::Database::open(path));
  LEAM_TRY(db->migrate("keys", kMigrations));
  return Keys(env, std::move(db));
}

Result<NewKey> Keys::create(std::string_view name) {
  if (!good_name(name)) {
    return Error(ErrorCode::kInvalid, "serve.keys",
                 fmt::format("\"{}\" cannot be a key's name", name.substr(0, 80)),
                 "1 to 64 letters, digits and . _ @ + -");
  }
  NewKey made;
  made.key = {store::random_hex(kIdBytes), std::string(name), env_->now_us(), 0};
  made.secret = fmt::format("{}{}-{}", kPrefix, made.key.id, store::random_hex(kSecretBytes));
  auto done = db_->run("INSERT INTO api_keys(id, name, sha256, created_us) VALUES ($1, $2, $3, $4)",
                       {made.key.id, made.key.name, store::sha256_hex(made.secret), made.key.created_us});
  if (!done.ok() && done.error().code() == ErrorCode::kInvalid) {
    return Error(ErrorCode::kInvalid, "serve.keys", fmt::format("there is a valid key named {}", name),
                 "revoke it first, or choose another name");
  }
  LEAM_TRY(std::move(done));
  return made;
}

Result<std::vector<Key>> Keys::list() const {
  std::vector<Key> keys;
  LEAM_TRY(db_->query("SELECT id, name, created_us, revoked_us FROM api_keys ORDER BY created_us, id", {},
                      [&](const store::Row& r) { keys.push_back(key_from(r)); }));
  return keys;
}

Result<Key> Keys::revoke(std::string_view name_or_id) {
  std::optional<Key> key;
  LEAM_TRY(db_->transaction([&]() -> Result<void> {
    LEAM_TRY(
        db_->query("SELECT id, name, created_us, revoked_us FROM api_keys WHERE revoked_us = 0 AND "
                   "(name = $1 OR id = $1) ORDER BY name <> $1 LIMIT 1",
                   {std::string(name_or_id)}, [&](const store::Row& r) { key = key_from(r); }));
    if (!key) return {};
    key->revoked_us = env_->now_us();
    LEAM_TRY(db_->run("UPDATE api_keys SET revoked_us = $1 WHERE id = $2", {key->revoked_us, key->id}));
    return {};
  }));
  if (!key) {
    return Error(ErrorCode::kNotFound, "serve.keys", fmt::format("no valid key is named {}", name_or_id),
                 "`leam serve key list` shows them");
  }
  return *key;
}

Result<std::optional<Key>> Keys::find(std::string_view secret) const {
  const std::string hash = store::sha256_hex(secret);
  std::string stored(hash.size(), '-');
  std::optional<Key> key;
  std::string_view id = secret.starts_with(kPrefix) ? secret.substr(kPrefix.size()) : "";
  id = id.substr(0, std::min(id.size(), 2 * kIdBytes));
  LEAM_TRY(db_->query("SELECT id, name, created_us, revoked_us, sha256 FROM api_keys WHERE id = $1",
                      {std::string(id)}, [&](const store::Row& r) {
                        key = key_from(r);
                        stored = r.text(4);
                      }));
  if (!store::equal_constant_time(hash, stored) || !key || key->revoked_us != 0) return std::optional<Key>();
  return key;
}

}  // namespace leam::serve
