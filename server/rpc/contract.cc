#include "rpc/contract.h"

#include <google/protobuf/descriptor.pb.h>

#include <stdexcept>
#include <utility>

namespace rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
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
    each->CopyJsonNameTo(&proto);  // as protoc does; grpcurl writes JSON by these
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

std::vector<std::string> Contract::FileExtending(const std::string& type, int number) const {
  const Descriptor* const extended = Type(type);
  if (extended == nullptr) return {};
  const FieldDescriptor* const field = DescriptorPool::generated_pool()->FindExtensionByNumber(extended, number);
  return field == nullptr ? std::vector<std::string>() : WithImports(field->file());
}

std::optional<std::vector<int>> Contract::ExtensionsOf(const std::string& type) const {
  const Descriptor* const extended = Type(type);
  if (extended == nullptr) return std::nullopt;
  std::vector<const FieldDescriptor*> linked_in;
  DescriptorPool::generated_pool()->FindAllExtensions(extended, &linked_in);
  std::vector<int> numbers;
  for (const FieldDescriptor* field : linked_in) {
    if (files_.contains(field->file())) numbers.push_back(field->number());
  }
  return numbers;
}

const Descriptor* Contract::Type(const std::string& name) const {
  const Descriptor* const type = DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  return type != nullptr && files_.contains(type->file()) ? type : nullptr;
}

}  // namespace rpc
