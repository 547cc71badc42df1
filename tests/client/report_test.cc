#include "cli/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/make.h"

namespace jobstatus::cli {
namespace {

using namespace comfyui::jobstatus::v1;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Report, IsTimeJobStateAndMessage) {
  EXPECT_EQ(PlainLine(MakeProcessing("j1", 40)), "2023-11-14T22:13:20.250Z j1 processing 40% KSampler 12/20");
  JobStatus status = MakeProcessing("j1", 40);
  status.mutable_estimated_time_remaining()->set_seconds(41);
  EXPECT_EQ(PlainLine(status), "2023-11-14T22:13:20.250Z j1 processing 40% KSampler 12/20, about 45 s left");
}

TEST(Report, KeepsItsFieldsApart) {
  JobStatus status = MakeStatus("my job\n\x1b[31m", JOB_STATE_QUEUED);
  status.set_stale(true);
  EXPECT_EQ(PlainLine(status),
            "2023-11-14T22:13:20.250Z my\\x20job\\x0a\\x1b[31m queued (stale: ComfyUI cannot be reached)");
}

TEST(Report, SaysOfAnEndWhatItsStateDoesNot) {
  JobStatus completed = MakeCompleted("j1");
  EXPECT_EQ(Ending(completed), "1 output");
  completed.set_message("completed with 2,000 outputs, of which 1,000 are left out here");
  EXPECT_EQ(Ending(completed), "2,000 outputs, of which 1,000 are left out here");
  completed.set_message("completed without outputs");
  EXPECT_EQ(Ending(completed), "without outputs");
  EXPECT_EQ(Ending(MakeFailed("j1")), "in VAEDecode: out of memory");
}

TEST(Report, NamesTheOutputsOfACompletedJob) {
  JobStatus status = MakeCompleted("j1");
  Output& text = *status.add_outputs();
  text.set_ui_key("text");
  text.set_text("a cat\nasleep");
  status.mutable_outputs(0)->set_subfolder("cats");
  EXPECT_THAT(Details(status), ElementsAre("  output images: cats/ComfyUI_00001_.png  "
                                           "http://gpu:8188/view?filename=ComfyUI_00001_.png&type=output",
                                           "  output text: a cat\\x0aasleep"));
}

TEST(Report, TellsWhatFailedAndTheLastFrames) {
  EXPECT_THAT(Details(MakeFailed("j1")),
              ElementsAre("  error in VAEDecode (node 8): torch.cuda.OutOfMemoryError: out of memory",
                          "    Tried to allocate 2 GiB",  //
                          "      File \"nodes.py\", line 3, in frame3", "        call()",
                          "      File \"nodes.py\", line 4, in frame4", "        call()",
                          "      File \"nodes.py\", line 5, in frame5", "        call()"));
}

TEST(Report, TellsWhyAJobIsLost) {
  JobStatus status = MakeStatus("j1", JOB_STATE_LOST);
  status.mutable_error()->set_message("ComfyUI restarted");
  EXPECT_THAT(Details(status), ElementsAre("  error ComfyUI restarted"));
}

TEST(Report, HasNoDetailsBeforeTheEnd) {
  JobStatus status = MakeCompleted("j1");
  status.set_state(JOB_STATE_PROCESSING);
  EXPECT_THAT(Details(status), IsEmpty());
}

}  // namespace
}  // namespace jobstatus::cli
