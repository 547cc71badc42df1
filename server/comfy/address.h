#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace comfy {

// Where a ComfyUI server is: scheme, host, port and the path it is served below.
class Address {
 public:
  // From `http[s]://[user:password@]host[:port][/base/path]`, the host a name, an IPv4 or a bracketed IPv6 address. The
  // error is a sentence for a person; it never repeats the password.
  static std::expected<Address, std::string> Parse(std::string_view url);

  // Without credentials and without a slash at the end.
  const std::string& url() const { return url_; }
  const std::string& user() const { return user_; }  // empty: none
  const std::string& password() const { return password_; }

  bool secure() const { return secure_; }            // https
  const std::string& host() const { return host_; }  // an IPv6 address without its brackets
  const std::string& port() const { return port_; }  // always given
  const std::string& path() const { return path_; }  // "" or "/base/path"
  // As a Host header names it: the port left out where it is the scheme's own.
  std::string authority() const;

  // The address of `path_and_query`, which begins with a slash.
  std::string Resolve(std::string_view path_and_query) const;

 private:
  std::string url_;
  std::string user_;
  std::string password_;
  bool secure_ = false;
  std::string host_;
  std::string port_;
  std::string path_;
};

// `text` as one segment of a path or one value of a query: everything but RFC 3986's unreserved characters is
// percent-encoded. A ComfyUI id may hold slashes, question marks and dots.
std::string PercentEncode(std::string_view text);
void AppendPercentEncoded(std::string& to, std::string_view text);

}  // namespace comfy
