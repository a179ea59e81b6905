// Where the fixtures of the tests lie. For test programs only.
#pragma once

#include <filesystem>
#include <string>

namespace leam {

// The file or folder tests/fixtures/<name>. Test programs are built below the checkout (build/<preset>), so
// it is looked for upwards from the program; __FILE__ may be relative to a folder that is not the working
// one.
inline std::string test_fixture(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path wanted = fs::path("tests/fixtures") / name;
  for (fs::path at = fs::read_symlink("/proc/self/exe"); at.has_relative_path(); at = at.parent_path()) {
    if (fs::exists(at / wanted)) return (at / wanted).string();
  }
  return wanted.string();
}

}  // namespace leam
