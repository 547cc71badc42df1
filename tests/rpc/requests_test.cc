#include "rpc/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "comfyui/jobstatus/v1/job_status.pb.h"
#include "rpc/error_details.h"

namespace rpc {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Key;

constexpr std::size_t kMaxIds = 3;
const std::string kKey = "a key";
const std::vector<std::string> kBadIds = {"", std::string(257, 'x'), "a\nb", "a\x1b[2J", "a\x7f", "a\u0085"};

class Requests : public testing::Test {
 protected:
  // The one field that is said to be wrong, "" if nothing is.
  std::string BadField(const pb::WatchStatusRequest& request) {
    const auto watch = Read(request, board, kMaxIds);
    return watch ? "" : TheBadField(watch.error());
  }
  std::string BadField(const pb::ListStatusesRequest& request) {
    const auto list = Read(request, board, kKey);
    return list ? "" : TheBadField(list.error());
  }
  static std::string TheBadField(const grpc::Status& status) {
    EXPECT_EQ(CodeAndReason(status), "INVALID_ARGUMENT INVALID_ARGUMENT");
    const auto fields = DetailsOf(status).bad_fields;
    EXPECT_EQ(fields.size(), 1u);
    return fields.empty() ? "" : fields.begin()->first;
  }

  board::Board board{{{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}, {}, 1000};
};

TEST_F(Requests, GetStatusWantsAUsableJobId) {
  pb::GetStatusRequest request;
  for (const std::string& id : kBadIds) {
    request.set_job_id(id);
    EXPECT_EQ(TheBadField(Check(request, board)), "job_id") << id;
  }
  for (const std::string& id :
       {std::string("x"), std::string(256, 'x'), std::string("../ä?\" "), std::string("\u3042")}) {
    request.set_job_id(id);
    EXPECT_TRUE(Check(request, board).ok()) << id;
  }
}

TEST_F(Requests, AnUnknownBackendIsNotFoundWhereverItIsNamed) {
  pb::GetStatusRequest get;
  get.set_job_id("j");
  get.set_backend("gpu3");
  EXPECT_EQ(CodeAndReason(Check(get, board)), "NOT_FOUND BACKEND_NOT_FOUND");
  pb::WatchStatusRequest watch;
  watch.set_backend("gpu3");
  EXPECT_EQ(CodeAndReason(Read(watch, board, kMaxIds).error()), "NOT_FOUND BACKEND_NOT_FOUND");
  pb::ListStatusesRequest list;
  list.set_backend("GPU");
  EXPECT_EQ(CodeAndReason(Read(list, board, kKey).error()), "NOT_FOUND BACKEND_NOT_FOUND");
}

TEST_F(Requests, WatchStatusWantsUsableJobIdsAndNotTooMany) {
  for (const std::string& id : kBadIds) {
    pb::WatchStatusRequest request;
    request.add_job_ids("fine");
    request.add_job_ids(id);
    EXPECT_EQ(BadField(request), "job_ids") << id;
  }
  pb::WatchStatusRequest many;
  for (std::size_t i = 0; i < kMaxIds; ++i) many.add_job_ids(std::to_string(i));
  EXPECT_EQ(BadField(many), "");
  many.add_job_ids("one more");
  EXPECT_EQ(BadField(many), "job_ids");
}

TEST_F(Requests, WatchStatusIgnoresRepeatsOfAnId) {
  pb::WatchStatusRequest request;
  for (const char* id : {"a", "b", "a"}) request.add_job_ids(id);
  EXPECT_THAT(Read(request, board, kMaxIds)->filter.job_ids, ElementsAre("a", "b"));
}

TEST_F(Requests, SpansMustNotBeNegativeNorWhatNoDurationIs) {
  const auto span = [](std::int64_t seconds, std::int32_t nanos) {
    google::protobuf::Duration duration;
    duration.set_seconds(seconds);
    duration.set_nanos(nanos);
    return duration;
  };
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  for (const auto& bad : {span(-1, 0), span(0, -1), span(kMin, 0), span(kMax, 0), span(1, 1'000'000'000)}) {
    pb::WatchStatusRequest interval;
    *interval.mutable_min_interval() = bad;
    EXPECT_EQ(BadField(interval), "min_interval") << bad.ShortDebugString();
    pb::WatchStatusRequest wait;
    *wait.mutable_wait_for_job() = bad;
    EXPECT_EQ(BadField(wait), "wait_for_job") << bad.ShortDebugString();
  }
  pb::WatchStatusRequest fine;
  *fine.mutable_min_interval() = span(1, 500'000'000);
  *fine.mutable_wait_for_job() = span(315'576'000'000, 999'999'999);
  EXPECT_EQ(Read(fine, board, kMaxIds)->min_interval, 1500ms);
  EXPECT_EQ(Read(fine, board, kMaxIds)->wait_for_job, 24h) << "capped";
  EXPECT_EQ(Read(pb::WatchStatusRequest(), board, kMaxIds)->wait_for_job, 0s);
}

TEST_F(Requests, ARevisionThatIsYetToBeGivenOutIsOfAnotherLifeAndHidesNothing) {
  pb::WatchStatusRequest request;
  request.set_after_revision(1000);
  EXPECT_EQ(Read(request, board, kMaxIds)->after_revision, 1000u);
  request.set_after_revision(1001);
  EXPECT_EQ(Read(request, board, kMaxIds)->after_revision, 0u);
}

TEST_F(Requests, ListsArePagesOfFiftyUnlessAskedForOthersAndNeverOfMoreThanAThousand) {
  for (const auto& [asked, given] : {std::pair(0, 50u), {1, 1u}, {1000, 1000u}, {1001, 1000u}, {INT32_MAX, 1000u}}) {
    pb::ListStatusesRequest request;
    request.set_page_size(asked);
    EXPECT_EQ(Read(request, board, kKey)->page_size, given);
  }
  pb::ListStatusesRequest negative;
  negative.set_page_size(-1);
  EXPECT_EQ(BadField(negative), "page_size");
}

TEST_F(Requests, ListsAreOfStatesThatAreStates) {
  for (const int bad : {0, 7, -1}) {
    pb::ListStatusesRequest request;
    request.add_states(pb::JOB_STATE_QUEUED);
    request.add_states(static_cast<pb::JobState>(bad));
    EXPECT_EQ(BadField(request), "states");
  }
  pb::ListStatusesRequest all;
  for (int state = 1; state < pb::JobState_ARRAYSIZE; ++state) all.add_states(static_cast<pb::JobState>(state));
  EXPECT_EQ(Read(all, board, kKey)->states.size(), 6u);
}

TEST_F(Requests, APageTokenLeadsOnWhereThePageEnded) {
  pb::ListStatusesRequest request;
  request.set_backend("gpu");
  request.add_states(pb::JOB_STATE_QUEUED);
  EXPECT_EQ(Read(request, board, kKey)->before, std::numeric_limits<std::uint64_t>::max());
  request.set_page_token(PageToken(*Read(request, board, kKey), 4711, kKey));
  EXPECT_EQ(Read(request, board, kKey)->before, 4711u);
  request.set_page_size(3);
  EXPECT_EQ(Read(request, board, kKey)->before, 4711u) << "pages of one list may differ in size";
}

TEST_F(Requests, APageTokenOfAnotherListIsRefused) {
  pb::ListStatusesRequest first;
  first.set_backend("gpu");
  first.add_states(pb::JOB_STATE_QUEUED);
  const std::string token = PageToken(*Read(first, board, kKey), 4711, kKey);
  pb::ListStatusesRequest other = first;
  other.set_page_token(token);
  other.set_backend("gpu2");
  EXPECT_EQ(BadField(other), "page_token");
  other.clear_backend();
  EXPECT_EQ(BadField(other), "page_token");
  other = first;
  other.set_page_token(token);
  other.add_states(pb::JOB_STATE_LOST);
  EXPECT_EQ(BadField(other), "page_token");
  other.clear_states();
  EXPECT_EQ(BadField(other), "page_token");
}

TEST_F(Requests, APageTokenThatWasTamperedWithIsRefused) {
  pb::ListStatusesRequest request;
  const std::string token = PageToken(*Read(request, board, kKey), 0x4711, kKey);
  std::vector<std::string> bad = {"x",
                                  "-",
                                  "4711",
                                  "4711-",
                                  "0" + token,
                                  token + " ",
                                  token + "0",
                                  " " + token,
                                  std::string(1, '\0'),
                                  std::string(100'000, 'f')};
  for (std::size_t i = 0; i < token.size(); ++i) {
    bad.push_back(token);
    bad.back()[i] = token[i] == '7' ? '8' : '7';
    bad.push_back(token.substr(0, i) + token.substr(i + 1));
  }
  for (const std::string& changed : bad) {
    request.set_page_token(changed);
    EXPECT_EQ(BadField(request), "page_token") << changed.substr(0, 50);
  }
}

TEST_F(Requests, APageTokenThatSomebodyElseSignedIsRefused) {
  pb::ListStatusesRequest request;
  request.set_page_token(PageToken(*Read(request, board, kKey), 4711, "another key"));
  EXPECT_EQ(BadField(request), "page_token");
}

}  // namespace
}  // namespace rpc
