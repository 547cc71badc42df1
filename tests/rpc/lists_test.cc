#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

struct Page {
  std::vector<std::string> ids;
  std::string next;
  grpc::Status status;
};

Page ListPage(const Served& served, const pb::ListStatusesRequest& request) {
  grpc::ClientContext context;
  pb::ListStatusesResponse response;
  Page page;
  page.status = served.stub->ListStatuses(&context, request, &response);
  std::uint64_t last = UINT64_MAX;
  for (const auto& status : response.statuses()) {
    EXPECT_LT(status.revision(), last) << "newest change first";
    last = status.revision();
    page.ids.push_back(status.job_id());
  }
  page.next = response.next_page_token();
  return page;
}

pb::ListStatusesRequest Request(int page_size, const std::string& token = "") {
  pb::ListStatusesRequest request;
  request.set_page_size(page_size);
  request.set_page_token(token);
  return request;
}

TEST(ListStatuses, IsNewestChangeFirst) {
  Served served;
  served.Observe(Queue({}, {"a", "b"}));
  served.Observe(Completed("c"));
  EXPECT_THAT(ListPage(served, {}).ids, ElementsAre("c", "b", "a"));
  served.Observe(Failed("a"));
  EXPECT_THAT(ListPage(served, {}).ids, ElementsAre("a", "c", "b"));
}

TEST(ListStatuses, OfNothingIsAnEmptyLastPage) {
  Served served;
  const Page page = ListPage(served, {});
  EXPECT_TRUE(page.status.ok());
  EXPECT_THAT(page.ids, IsEmpty());
  EXPECT_THAT(page.next, IsEmpty());
}

TEST(ListStatuses, PagesLeadThroughEverythingOnce) {
  Served served;
  for (const char* id : {"a", "b", "c", "d"}) served.Observe(Completed(id));
  const Page first = ListPage(served, Request(2));
  EXPECT_THAT(first.ids, ElementsAre("d", "c"));
  const Page second = ListPage(served, Request(2, first.next));
  EXPECT_THAT(second.ids, ElementsAre("b", "a"));
  EXPECT_THAT(second.next, IsEmpty()) << "a full page that is the last says so";
}

TEST(ListStatuses, NeverListsAJobTwiceThoughItChangesBetweenThePages) {
  Served served;
  served.Observe(Queue({}, {"a", "b", "c", "d"}));
  std::multiset<std::string> seen;
  std::string token;
  do {
    const Page page = ListPage(served, Request(1, token));
    ASSERT_TRUE(page.status.ok());
    seen.insert(page.ids.begin(), page.ids.end());
    token = page.next;
    served.Observe(Failed(page.ids.at(0)));     // one that was listed goes to the front
    served.Observe(Completed("new " + token));  // and another comes
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre("a", "b", "c", "d"));
}

TEST(ListStatuses, IsOfTheStatesAndTheBackendAskedFor) {
  Served served({.backends = {"gpu", "gpu2"}});
  served.Observe("gpu", Queue({"a"}, {"b"}));
  served.Observe("gpu2", Queue({"c"}, {}));
  served.Observe("gpu2", Failed("d"));
  pb::ListStatusesRequest request;
  request.set_backend("gpu2");
  EXPECT_THAT(ListPage(served, request).ids, ElementsAre("d", "c"));
  request.add_states(pb::JOB_STATE_FAILED);
  EXPECT_THAT(ListPage(served, request).ids, ElementsAre("d"));
  request.clear_backend();
  request.add_states(pb::JOB_STATE_QUEUED);
  EXPECT_THAT(ListPage(served, request).ids, ElementsAre("d", "b"));
}

TEST(ListStatuses, IsOfFiftyUnlessAskedOtherwise) {
  Served served;
  for (int i = 0; i < 60; ++i) served.Observe(Completed(std::to_string(i)));
  EXPECT_EQ(ListPage(served, {}).ids.size(), 50u);
  EXPECT_EQ(ListPage(served, Request(1'000'000)).ids.size(), 60u);
}

TEST(ListStatuses, APageFitsTheMessagesThatCallersTakeHoweverLongItsStatusesAre) {
  Served served;
  for (int i = 0; i < 5; ++i) {
    jobs::HistoryObserved completed = Completed(std::to_string(i));
    completed.entry.outputs.push_back({.text = std::string(1'500'000, 'x')});
    served.Observe(std::move(completed));
  }
  std::vector<std::string> ids;
  std::string token;
  do {
    const Page page = ListPage(served, Request(1000, token));
    ASSERT_TRUE(page.status.ok()) << page.status.error_message();
    ids.insert(ids.end(), page.ids.begin(), page.ids.end());
    token = page.next;
  } while (!token.empty());
  EXPECT_THAT(ids, ElementsAre("4", "3", "2", "1", "0"));
}

TEST(ListStatuses, RefusesBadArguments) {
  Served served;
  EXPECT_THAT(DetailsOf(ListPage(served, Request(-1)).status).bad_fields, testing::Contains(testing::Key("page_size")));
  EXPECT_THAT(DetailsOf(ListPage(served, Request(0, "made up")).status).bad_fields,
              testing::Contains(testing::Key("page_token")));
  pb::ListStatusesRequest unspecified;
  unspecified.add_states(pb::JOB_STATE_UNSPECIFIED);
  EXPECT_THAT(DetailsOf(ListPage(served, unspecified).status).bad_fields, testing::Contains(testing::Key("states")));
  pb::ListStatusesRequest unknown;
  unknown.set_backend("gpu9");
  EXPECT_EQ(CodeAndReason(ListPage(served, unknown).status), "NOT_FOUND BACKEND_NOT_FOUND");
}

TEST(ListStatuses, TellsWhenComfyuiLastConfirmedAStatusThatDidNotChange) {
  Served served;
  const jobs::Time then{1'700'000'000s};
  served.board.Observe("gpu", Queue({}, {"a"}), then);
  served.board.Observe("gpu", Queue({}, {"a"}), then + 5s);
  grpc::ClientContext context;
  pb::ListStatusesResponse response;
  ASSERT_TRUE(served.stub->ListStatuses(&context, {}, &response).ok());
  EXPECT_EQ(response.statuses(0).observe_time().seconds(), 1'700'000'005);
}

TEST(ListBackends, TellsOfEachInTheOrderConfiguredHowItIs) {
  Served served({.backends = {"z", "a"}});
  served.board.Observe("z", jobs::BackendAnswered{"0.33.0"}, jobs::Time(1'700'000'000s));
  served.board.Observe("z", Queue({"r"}, {"p", "q"}), jobs::Time(1'700'000'000s));
  grpc::ClientContext context;
  pb::ListBackendsResponse response;
  ASSERT_TRUE(served.stub->ListBackends(&context, {}, &response).ok());
  ASSERT_EQ(response.backends_size(), 2);
  const pb::Backend& z = response.backends(0);
  EXPECT_EQ(z.name(), "z");
  EXPECT_EQ(z.url(), "http://z:8188");
  EXPECT_TRUE(z.reachable());
  EXPECT_EQ(z.comfyui_version(), "0.33.0");
  EXPECT_EQ(z.running(), 1);
  EXPECT_EQ(z.pending(), 2);
  EXPECT_EQ(z.observe_time().seconds(), 1'700'000'000);
  EXPECT_THAT(z.last_error(), IsEmpty());
  EXPECT_FALSE(z.live_progress());
  EXPECT_THAT(z.client_id(), IsEmpty());
  EXPECT_EQ(response.backends(1).name(), "a");
  EXPECT_FALSE(response.backends(1).reachable()) << "before the first answer";
  EXPECT_FALSE(response.backends(1).has_observe_time());
}

TEST(ListBackends, KeepsWhatWasLastKnownOfOneThatIsAway) {
  Served served;
  served.board.Observe("gpu", jobs::BackendAnswered{"0.33.0"}, jobs::Time(1'700'000'000s));
  served.board.Observe("gpu", Unreachable(), jobs::Time(1'700'000'100s));
  grpc::ClientContext context;
  pb::ListBackendsResponse response;
  ASSERT_TRUE(served.stub->ListBackends(&context, {}, &response).ok());
  EXPECT_FALSE(response.backends(0).reachable());
  EXPECT_EQ(response.backends(0).last_error(), "connection refused");
  EXPECT_EQ(response.backends(0).observe_time().seconds(), 1'700'000'000);
}

}  // namespace
