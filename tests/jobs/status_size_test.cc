#include "jobs/status_size.h"

#include <gtest/gtest.h>

namespace jobs {
namespace {

const std::string kLong(1000, 'x');

std::size_t Growth(const JobStatus& status) {
  return SizeInMemory(status) - SizeInMemory(JobStatus());
}

TEST(StatusSize, CountsEachTextThatHasNoRoomInTheStatusItself) {
  for (std::string JobStatus::*text : {&JobStatus::job_id, &JobStatus::backend}) {
    JobStatus status;
    status.*text = "short";
    EXPECT_EQ(Growth(status), 0u);
    status.*text = kLong;
    EXPECT_GE(Growth(status), kLong.size());
  }
  JobStatus running;
  running.progress.emplace().current_node = {.node_id = kLong, .node_type = kLong};
  EXPECT_GE(Growth(running), 2 * kLong.size());
}

TEST(StatusSize, CountsTheOutputsAndEachOfTheirTexts) {
  for (std::string Output::*text : {&Output::node_id, &Output::ui_key, &Output::filename, &Output::subfolder,
                                    &Output::folder_type, &Output::content_type, &Output::text, &Output::url}) {
    JobStatus status;
    status.outputs.resize(2);
    for (Output& output : status.outputs) output.*text = kLong;
    EXPECT_GE(Growth(status), 2 * (sizeof(Output) + kLong.size()));
    EXPECT_LT(Growth(status), 2 * (sizeof(Output) + kLong.size()) + 100);
  }
}

TEST(StatusSize, CountsTheErrorAndEachLineOfItsTraceback) {
  for (std::string JobError::*text :
       {&JobError::message, &JobError::node_id, &JobError::node_type, &JobError::exception_type}) {
    JobStatus status;
    status.error.emplace().*text = kLong;
    EXPECT_GE(Growth(status), kLong.size());
  }
  JobStatus failed;
  failed.error.emplace().traceback.assign(10, kLong);
  EXPECT_GE(Growth(failed), 10 * kLong.size());
}

}  // namespace
}  // namespace jobs
