#pragma once

#include <filesystem>
#include <string>

namespace fakes {

// The content of `path`, or of `path`.gz; that of a file called .gz unpacked. Throws std::runtime_error when it cannot
// be read.
std::string ReadRecordingFile(const std::filesystem::path& path);

}  // namespace fakes
