#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace rpc {

// The .proto files that declare a set of services, and the details of their errors, with all they import; and nothing
// else that is linked in. Immutable.
class Contract {
 public:
  // Names of services and messages that are linked in.
  Contract(std::vector<std::string> services, const std::vector<std::string>& error_details);

  const std::vector<std::string>& services() const { return services_; }

  // Serialized FileDescriptorProtos: the file and then what it imports. Empty: there is none.
  std::vector<std::string> File(const std::string& name) const;
  // The same, of the file that declares a type, service or method. With its package.
  std::vector<std::string> FileDeclaring(const std::string& symbol) const;

  // The same, of the file that extends `type` by a field of that number.
  std::vector<std::string> FileExtending(const std::string& type, int number) const;
  // The numbers of all such fields. Nothing: there is no such type.
  std::optional<std::vector<int>> ExtensionsOf(const std::string& type) const;

 private:
  using FileDescriptor = google::protobuf::FileDescriptor;
  std::vector<std::string> WithImports(const FileDescriptor* file) const;
  const google::protobuf::Descriptor* Type(const std::string& name) const;

  const std::vector<std::string> services_;
  std::set<const FileDescriptor*> files_;
};

}  // namespace rpc
