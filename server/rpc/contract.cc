#include "rpc/contract.h"

#include <google/protobuf/descriptor.pb.h>

#include <stdexcept>
#include <utility>

namespace rpc {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;

// `file` and what it imports, each once, in that order.
void Collect(const FileDescriptor* file, std::set<const FileDescriptor*>& seen,
             std::vector<const FileDescriptor*>& files) {
  if (!seen.insert(file).second) return;
  files.push_back(file);
  for (int i = 0; i < file->dependency_count(); ++i) Collect(file->dependency(i), seen, files);
}

}  // namespace

Contract::Contract(std::vector<std::string> services, const std::vector<std::string>& error_details)
    : services_(std::move(services)) {
  std::vector<const FileDescriptor*> files;
  const auto add = [&](const std::string& symbol) {
    const FileDescriptor* const file = DescriptorPool::generated_pool()->FindFileContainingSymbol(symbol);
    if (file == nullptr) throw std::logic_error(symbol + " is not linked in");
    Collect(file, files_, files);
  };
  for (const std::string& service : services_) add(service);
  for (const std::string& detail : error_details) add(detail);
}

std::vector<std::string> Contract::WithImports(const FileDescriptor* file) const {
  if (!files_.contains(file)) return {};
  std::set<const FileDescriptor*> seen;
  std::vector<const FileDescriptor*> files;
  Collect(file, seen, files);
  std::vector<std::string> serialized;
  for (const FileDescriptor* each : files) {
    google::protobuf::FileDescriptorProto proto;
    each->CopyTo(&proto);
    serialized.push_back(proto.SerializeAsString());
  }
  return serialized;
}

std::vector<std::string> Contract::File(const std::string& name) const {
  return WithImports(DescriptorPool::generated_pool()->FindFileByName(name));
}

std::vector<std::string> Contract::FileDeclaring(const std::string& symbol) const {
  return WithImports(DescriptorPool::generated_pool()->FindFileContainingSymbol(symbol));
}

bool Contract::HasType(const std::string& name) const {
  const auto* const type = DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  return type != nullptr && files_.contains(type->file());
}

}  // namespace rpc
