#include "base/artifact/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

namespace leam::artifact {
namespace {

// A folder of this test's own, gone afterwards.
class SafeTensorsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("leam_safetensors_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  std::unique_ptr<Env> env_ = Env::real();
};

std::string file_with(std::string header, size_t data) {
  const uint64_t n = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &n, 8);
  return out + header + std::string(data, 'x');
}

std::string error_of(std::string_view file) {
  const auto r = parse_safetensors(file, "m.safetensors");
  return r.ok() ? "" : r.error().message();
}

TEST_F(SafeTensorsTest, WhatIsWrittenIsReadBack) {
  const std::vector<float> a = {1, 2, 3, 4, 5, 6};
  const std::vector<uint16_t> b = {7, 8};
  const SafeTensorOut tensors[] = {
      {"model.b", "F32", {2, 3}, {reinterpret_cast<const char*>(a.data()), 24}},
      {"model.a", "BF16", {2}, {reinterpret_cast<const char*>(b.data()), 4}},
      {"empty", "F32", {0, 3}, {}},
  };
  ASSERT_TRUE(write_safetensors(*env_, path("model.safetensors"), tensors, {{"format", "pt"}}).ok());
  const auto s = SafeTensors::open_folder(*env_, folder_.string());
  ASSERT_TRUE(s.ok()) << s.error().message();
  EXPECT_EQ(s->names(), (std::vector<std::string>{"empty", "model.a", "model.b"}));
  EXPECT_EQ(s->metadata().at("format"), "pt");
  const auto info = s->find("model.b");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ((*info)->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ((*info)->begin % 64, 0U);
  EXPECT_EQ(0, std::memcmp(s->bytes("model.b").data(), a.data(), 24));
  EXPECT_EQ(0, std::memcmp(s->bytes("model.a").data(), b.data(), 4));
  const auto missing = s->find("model.c");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message().find("tensor model.c is missing"), std::string::npos);
}

TEST_F(SafeTensorsTest, ShardsAreReadThroughTheirIndex) {
  const SafeTensorOut one[] = {{"a", "U8", {1}, "1"}}, two[] = {{"b", "U8", {1}, "2"}};
  ASSERT_TRUE(write_safetensors(*env_, path("model-00001-of-00002.safetensors"), one, {}).ok());
  ASSERT_TRUE(write_safetensors(*env_, path("model-00002-of-00002.safetensors"), two, {}).ok());
  const auto index = [&](std::string_view text) {
    EXPECT_TRUE(env_->write_atomic(path("model.safetensors.index.json"), text).ok());
    const auto s = SafeTensors::open_folder(*env_, folder_.string());
    return s.ok() ? "ok " + std::string(s->bytes("b")) : s.error().message();
  };
  EXPECT_EQ(index(R"({"weight_map": {"a": "model-00001-of-00002.safetensors",
                                     "b": "model-00002-of-00002.safetensors"}})"),
            "ok 2");
  EXPECT_NE(index(R"({"weight_map": {"b": "model-00001-of-00002.safetensors"}})").find("tensor b is not in"),
            std::string::npos);
  EXPECT_NE(index(R"({"weight_map": {"b": "../x.safetensors"}})").find("not a file name"), std::string::npos);
  EXPECT_NE(index(R"({"weights": 1})").find("weight_map is missing"), std::string::npos);
}

TEST(SafeTensors, HostileHeadersNameTensorAndOffset) {
  EXPECT_NE(error_of("").find("too few"), std::string::npos);
  EXPECT_NE(error_of(std::string(8, '\xff')).find("header of 18446744073709551615 bytes"), std::string::npos);
  EXPECT_NE(error_of(file_with("[]", 0)).find("not an object"), std::string::npos);
  EXPECT_NE(error_of(file_with("{", 0)).find("header"), std::string::npos);
  const auto with = [](std::string entry, size_t data) {
    return error_of(file_with("{" + entry + "}", data));
  };
  EXPECT_EQ(with(R"("t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8), "");
  EXPECT_NE(with(R"("t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 7).find("tensor t"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]})", 8).find("unknown dtype Q4"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]})", 8).find("do not fit its shape"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]})", 8)
                .find("overflows"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]})", 8).find("natural number"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"U8","shape":[4],"data_offsets":[4,0]})", 8).find("outside"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"U8","shape":[4],"data_offsets":[4,8]})", 8).find("leaves a hole"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})", 8).find("after the last"),
            std::string::npos);
  EXPECT_NE(with(R"("t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                    "u":{"dtype":"U8","shape":[4],"data_offsets":[2,6]})",
                 6)
                .find("overlaps"),
            std::string::npos);
}

TEST(SafeTensors, EveryTruncationIsAnError) {
  const std::string whole = file_with(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4);
  ASSERT_EQ(error_of(whole), "");
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_NE(error_of(whole.substr(0, n)), "") << n;
}

}  // namespace
}  // namespace leam::artifact
