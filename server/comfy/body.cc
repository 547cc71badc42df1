#include "comfy/body.h"

#include <algorithm>
#include <cstring>

namespace comfy {

void Body::Reserve(std::size_t bytes) {
  if (bytes + kPadding <= capacity_) return;
  const std::size_t doubled = size_ > 0 ? capacity_ * 2 : 0;
  const std::size_t grown = std::max({bytes + kPadding, doubled, std::size_t{16 * 1024}});
  auto larger = std::make_unique_for_overwrite<char[]>(grown);
  if (size_ > 0) std::memcpy(larger.get(), buffer_.get(), size_);
  buffer_ = std::move(larger);
  capacity_ = grown;
}

bool Body::Append(std::string_view bytes, std::size_t max_bytes) {
  if (bytes.size() > max_bytes - size_) return false;
  Reserve(size_ + bytes.size());
  std::memcpy(buffer_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  std::memset(buffer_.get() + size_, 0, kPadding);
  return true;
}

void Body::Clear() {
  size_ = 0;
  if (capacity_ > kKeepBytes) {
    buffer_.reset();
    capacity_ = 0;
  }
  Reserve(0);
  std::memset(buffer_.get(), 0, kPadding);
}

}  // namespace comfy
