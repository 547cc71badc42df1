#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace comfy {

// The bytes of one HTTP answer, in a buffer that is kept and reused. Behind the bytes there is always the padding that
// simdjson reads past the end, so that parsing needs no copy.
class Body {
 public:
  static constexpr std::size_t kPadding = 64;  // SIMDJSON_PADDING
  static constexpr std::size_t kKeepBytes = 16 * 1024 * 1024;

  // False when the body would become longer than `max_bytes`; it is then left as it is.
  bool Append(std::string_view bytes, std::size_t max_bytes);

  // Makes room for a body of so many bytes, so that it is not moved as it grows.
  void Expect(std::size_t bytes) { Reserve(bytes); }

  // Empties it. A buffer that grew past kKeepBytes is given back: one huge queue must not hold its memory for ever.
  void Clear();

  const char* data() const { return buffer_.get(); }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }  // padding included
  std::string_view view() const { return {buffer_.get(), size_}; }

 private:
  void Reserve(std::size_t bytes);

  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace comfy
