#pragma once

#include <google/protobuf/descriptor.h>

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

  bool HasType(const std::string& name) const;

 private:
  using FileDescriptor = google::protobuf::FileDescriptor;
  std::vector<std::string> WithImports(const FileDescriptor* file) const;

  const std::vector<std::string> services_;
  std::set<const FileDescriptor*> files_;
};

}  // namespace rpc
