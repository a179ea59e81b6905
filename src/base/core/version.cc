#include "base/core/version.h"

#include "version_values.h"

namespace leam {

std::string_view version() {
  return LEAM_VERSION;
}
std::string_view commit() {
  return LEAM_COMMIT;
}

}  // namespace leam
