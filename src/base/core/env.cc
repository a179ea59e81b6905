#include "base/core/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace leam {
namespace {

Error os_error(std::string_view action, const std::string& path) {
  const int err = errno;
  const std::string what = fmt::format("cannot {} {}: {}", action, path, std::strerror(err));
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return Error(ErrorCode::kNotFound, "core.env", what);
    case ENOSPC:
    case EDQUOT:
      return Error(ErrorCode::kFull, "core.env", what,
                   "make room on this disk and run the same command again; finished parts are kept");
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(ErrorCode::kDenied, "core.env", what);
    default:
      return Error(ErrorCode::kIo, "core.env", what);
  }
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class RealFile : public OutFile {
 public:
  RealFile(int fd, std::string path, uint64_t offset) : fd_(fd), path_(std::move(path)), offset_(offset) {
    buffer_.reserve(kBuffer);
  }

  Result<void> write(std::string_view bytes) override {
    offset_ += bytes.size();
    if (buffer_.size() + bytes.size() < kBuffer) {
      buffer_.append(bytes);
      return {};
    }
    LEAM_TRY(flush());
    return put(bytes);
  }
  Result<void> sync() override {
    LEAM_TRY(flush());
    if (::fdatasync(fd_.get()) != 0) return os_error("sync", path_);
    return {};
  }
  Result<void> close() override {
    LEAM_TRY(flush());
    if (::close(fd_.release()) != 0) return os_error("close", path_);
    return {};
  }
  uint64_t offset() const override { return offset_; }

 private:
  static constexpr size_t kBuffer = 1 << 16;
  Result<void> flush() {
    LEAM_TRY(put(buffer_));
    buffer_.clear();
    return {};
  }
  Result<void> put(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0) {
        if (errno == EINTR) continue;
        return os_error("write", path_);
      }
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }
  Fd fd_;
  std::string path_, buffer_;
  uint64_t offset_;
};

class RealMap : public MappedFile {
 public:
  RealMap(void* data, size_t size) : data_(data), size_(size) {}
  ~RealMap() override {
    if (size_ > 0) ::munmap(data_, size_);
  }
  RealMap(const RealMap&) = delete;
  RealMap& operator=(const RealMap&) = delete;
  std::string_view bytes() const override { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_;
  size_t size_;
};

Result<void> sync_dir(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return os_error("open folder", path);
  // Some filesystems cannot sync a folder; the rename is still atomic there.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return os_error("sync folder", path);
  return {};
}

class RealEnv : public Env {
 public:
  Result<std::unique_ptr<OutFile>> create(const std::string& path) override {
    return open(path, O_WRONLY | O_CREAT | O_TRUNC);
  }
  Result<std::unique_ptr<OutFile>> append_to(const std::string& path) override {
    return open(path, O_WRONLY | O_CREAT | O_APPEND);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return os_error("rename to", to);
    return sync_dir(path_dir(to));
  }
  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return os_error("remove", path);
    return {};
  }
  Result<void> remove_tree(const std::string& path) override {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) {
      if (errno == ENOENT) return {};
      return os_error("look at", path);
    }
    if (!S_ISDIR(st.st_mode)) return remove(path);
    const auto entries = LEAM_TRY(list(path, false));
    for (const DirEntry& e : entries) LEAM_TRY(remove_tree(path_join(path, e.path)));
    if (::rmdir(path.c_str()) != 0) return os_error("remove folder", path);
    return {};
  }
  Result<void> make_dirs(const std::string& path) override {
    if (path.empty()) return {};
    for (size_t i = 1; i <= path.size(); ++i) {
      if (i != path.size() && path[i] != '/') continue;
      const std::string part = path.substr(0, i);
      if (::mkdir(part.c_str(), 0777) != 0 && errno != EEXIST) return os_error("make folder", part);
    }
    if (!is_dir(path)) {
      errno = ENOTDIR;
      return os_error("make folder", path);
    }
    return {};
  }
  Result<void> truncate(const std::string& path, uint64_t size) override {
    if (::truncate(path.c_str(), static_cast<off_t>(size)) != 0) return os_error("truncate", path);
    return {};
  }
  int64_t now_us() override { return clock_ns(CLOCK_REALTIME) / 1000; }
  int64_t monotonic_ns() override { return clock_ns(CLOCK_MONOTONIC); }

 private:
  static int64_t clock_ns(clockid_t id) {
    timespec t{};
    ::clock_gettime(id, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
  static Result<std::unique_ptr<OutFile>> open(const std::string& path, int flags) {
    Fd fd(::open(path.c_str(), flags | O_CLOEXEC, 0666));
    if (fd.get() < 0) return os_error("open for writing", path);
    const off_t end = ::lseek(fd.get(), 0, SEEK_END);
    return std::unique_ptr<OutFile>(
        std::make_unique<RealFile>(fd.release(), path, static_cast<uint64_t>(std::max<off_t>(end, 0))));
  }
};

// Counts write-like calls and breaks at one of them.
class FaultPlan {
 public:
  FaultPlan(Fault fault, uint64_t at) : fault_(fault), at_(at) {}
  Result<void> step(const std::string& path) {
    if (fault_ == Fault::kNone || ++calls_ < at_) return {};
    if (fault_ == Fault::kKill) ::_exit(137);  // what a shell reports for kill -9
    errno = ENOSPC;
    return os_error("write", path);
  }
  // Removing and making folders needs no space, but a kill can come there too.
  void step_without_bytes() {
    if (fault_ == Fault::kKill && ++calls_ >= at_) ::_exit(137);
  }

 private:
  Fault fault_;
  uint64_t at_;
  std::atomic<uint64_t> calls_{0};
};

class FaultyFile : public OutFile {
 public:
  FaultyFile(std::unique_ptr<OutFile> inner, FaultPlan& plan, std::string path)
      : inner_(std::move(inner)), plan_(plan), path_(std::move(path)) {}
  Result<void> write(std::string_view bytes) override {
    LEAM_TRY(plan_.step(path_));
    return inner_->write(bytes);
  }
  Result<void> sync() override {
    LEAM_TRY(plan_.step(path_));
    return inner_->sync();
  }
  Result<void> close() override {
    LEAM_TRY(plan_.step(path_));
    return inner_->close();
  }
  uint64_t offset() const override { return inner_->offset(); }

 private:
  std::unique_ptr<OutFile> inner_;
  FaultPlan& plan_;
  std::string path_;
};

class FaultyEnv : public Env {
 public:
  FaultyEnv(std::unique_ptr<Env> inner, Fault fault, uint64_t at)
      : inner_(std::move(inner)), plan_(fault, at) {}
  Result<std::unique_ptr<OutFile>> create(const std::string& path) override {
    LEAM_TRY(plan_.step(path));
    return wrap(inner_->create(path), path);
  }
  Result<std::unique_ptr<OutFile>> append_to(const std::string& path) override {
    LEAM_TRY(plan_.step(path));
    return wrap(inner_->append_to(path), path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    LEAM_TRY(plan_.step(to));
    return inner_->rename(from, to);
  }
  Result<void> remove(const std::string& path) override {
    plan_.step_without_bytes();
    return inner_->remove(path);
  }
  Result<void> remove_tree(const std::string& path) override {
    plan_.step_without_bytes();
    return inner_->remove_tree(path);
  }
  Result<void> make_dirs(const std::string& path) override {
    plan_.step_without_bytes();
    return inner_->make_dirs(path);
  }
  Result<void> truncate(const std::string& path, uint64_t size) override {
    plan_.step_without_bytes();
    return inner_->truncate(path, size);
  }
  int64_t now_us() override { return inner_->now_us(); }
  int64_t monotonic_ns() override { return inner_->monotonic_ns(); }

 private:
  Result<std::unique_ptr<OutFile>> wrap(Result<std::unique_ptr<OutFile>> file, const std::string& path) {
    auto inner = LEAM_TRY(std::move(file));
    return std::unique_ptr<OutFile>(std::make_unique<FaultyFile>(std::move(inner), plan_, path));
  }
  std::unique_ptr<Env> inner_;
  FaultPlan plan_;
};

}  // namespace

Result<std::string> Env::read_file(const std::string& path) const {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return os_error("open", path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return os_error("look at", path);
  if (S_ISDIR(st.st_mode)) {
    errno = EISDIR;
    return os_error("read", path);
  }
  std::string bytes(static_cast<size_t>(st.st_size), '\0');
  size_t have = 0;
  // A pipe or a growing file has more than its size says: read to the end whatever it is.
  while (true) {
    if (have == bytes.size()) bytes.resize(std::max<size_t>(bytes.size() * 2, 4096));
    const ssize_t n = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0) {
      if (errno == EINTR) continue;
      return os_error("read", path);
    }
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

Result<std::unique_ptr<MappedFile>> Env::map(const std::string& path) const {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return os_error("open", path);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return os_error("look at", path);
  const auto size = static_cast<size_t>(st.st_size);
  if (size == 0) return std::unique_ptr<MappedFile>(std::make_unique<RealMap>(nullptr, 0));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return os_error("map", path);
  return std::unique_ptr<MappedFile>(std::make_unique<RealMap>(data, size));
}

Result<uint64_t> Env::file_size(const std::string& path) const {
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return os_error("look at", path);
  return static_cast<uint64_t>(st.st_size);
}

bool Env::exists(const std::string& path) const {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0;
}

bool Env::is_dir(const std::string& path) const {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

Result<std::vector<DirEntry>> Env::list(const std::string& path, bool recursive) const {
  std::vector<DirEntry> out;
  std::vector<std::string> open_dirs{""};
  while (!open_dirs.empty()) {
    const std::string below = std::move(open_dirs.back());
    open_dirs.pop_back();
    const std::string full = below.empty() ? path : path_join(path, below);
    DIR* dir = ::opendir(full.c_str());
    if (dir == nullptr) return os_error("open folder", full);
    while (const dirent* e = ::readdir(dir)) {
      const std::string_view name = e->d_name;
      if (name == "." || name == "..") continue;
      DirEntry entry{below.empty() ? std::string(name) : path_join(below, name), 0, false};
      struct stat st {};
      // A link that leads nowhere is nothing to read.
      if (::stat(path_join(path, entry.path).c_str(), &st) != 0) continue;
      entry.size = static_cast<uint64_t>(st.st_size);
      entry.is_dir = S_ISDIR(st.st_mode);
      // Linked folders are listed, not followed: they can lead back up.
      struct stat link {};
      const bool linked = ::lstat(path_join(path, entry.path).c_str(), &link) == 0 && S_ISLNK(link.st_mode);
      if (recursive && entry.is_dir) {
        if (!linked) open_dirs.push_back(entry.path);
      } else {
        out.push_back(std::move(entry));
      }
    }
    ::closedir(dir);
  }
  std::sort(out.begin(), out.end(), [](const DirEntry& a, const DirEntry& b) { return a.path < b.path; });
  return out;
}

Result<void> Env::write_atomic(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  auto file = LEAM_TRY(create(temporary));
  LEAM_TRY(file->write(bytes));
  LEAM_TRY(file->sync());
  LEAM_TRY(file->close());
  return rename(temporary, path);
}

std::unique_ptr<Env> Env::real() {
  return std::make_unique<RealEnv>();
}

std::unique_ptr<Env> faulty_env(std::unique_ptr<Env> inner, Fault fault, uint64_t at_call) {
  return std::make_unique<FaultyEnv>(std::move(inner), fault, at_call);
}

std::string path_join(std::string_view a, std::string_view b) {
  if (a.empty() || b.starts_with('/')) return std::string(b);
  std::string out(a);
  if (!out.ends_with('/')) out += '/';
  return out.append(b);
}

std::string path_base(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string path_dir(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace leam
