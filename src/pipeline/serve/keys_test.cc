#include "pipeline/serve/keys.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace leam::serve {
namespace {

TEST(Keys, AreMadeFoundAndRevoked) {
  auto env = Env::real();
  char name[] = "/tmp/leam-keys-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const std::string path = path_join(folder, "ledger.db");
  {
    auto keys = *Keys::open(*env, path);
    const NewKey anna = *keys.create("anna@uni.eu");
    EXPECT_TRUE(anna.secret.starts_with("sk-leam-" + anna.key.id + "-"));
    EXPECT_FALSE(keys.create("anna@uni.eu").ok());
    for (const char* bad : {"", "a b", "a\nb", "a\"", "ü"}) EXPECT_FALSE(keys.create(bad).ok()) << bad;
    EXPECT_FALSE(keys.create(std::string(65, 'x')).ok());
    const NewKey bert = *keys.create("bert");

    auto other = *Keys::open(*env, path);  // another process
    EXPECT_EQ((*other.find(anna.secret))->name, "anna@uni.eu");
    EXPECT_EQ((*other.find(bert.secret))->id, bert.key.id);
    std::string wrong = anna.secret;
    wrong.back() = wrong.back() == '0' ? '1' : '0';
    for (const std::string& s :
         {wrong, std::string(), std::string("sk-leam-"), anna.secret + "x", anna.key.id}) {
      EXPECT_FALSE(other.find(s)->has_value()) << s;
    }
    ASSERT_TRUE(keys.revoke("anna@uni.eu").ok());
    EXPECT_FALSE(other.find(anna.secret)->has_value());
    EXPECT_FALSE(keys.revoke("anna@uni.eu").ok());
    EXPECT_TRUE(keys.create("anna@uni.eu").ok());  // the name is free again
    EXPECT_TRUE(keys.revoke(bert.key.id).ok());
    EXPECT_EQ(keys.list()->size(), 3u);
    // The secret itself is nowhere.
    for (const char* file : {"ledger.db", "ledger.db-wal"}) {
      const auto bytes = env->read_file(path_join(folder, file));
      if (!bytes.ok()) continue;
      EXPECT_EQ(bytes->find(anna.secret.substr(21)), std::string::npos);
    }
  }
  EXPECT_TRUE(env->remove_tree(folder).ok());
}

}  // namespace
}  // namespace leam::serve
