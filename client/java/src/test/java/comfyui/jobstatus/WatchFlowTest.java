package comfyui.jobstatus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import comfyui.jobstatus.v1.JobState;
import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.WatchStatusResponse;
import io.grpc.Status;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class WatchFlowTest {
  private static final WatchStatusResponse HEARTBEAT =
      WatchStatusResponse.newBuilder().setRevision(9).build();

  private static WatchFlow flow(WatchOptions.Builder options) {
    var settings = new BackoffSettings(seconds(1), seconds(8), 2);
    return new WatchFlow(options.build(), new Backoff(settings, () -> 1));
  }

  private static WatchOptions.Builder of(String... jobIds) {
    return WatchOptions.builder().jobIds(jobIds);
  }

  private static Duration seconds(int number) {
    return Duration.ofSeconds(number);
  }

  private static WatchStatusResponse told(String jobId, JobState state, long revision) {
    var status = JobStatus.newBuilder().setJobId(jobId).setState(state).setRevision(revision);
    return WatchStatusResponse.newBuilder().setStatus(status).setRevision(revision).build();
  }

  private static JobStatusException ended(Status.Code code, String words) {
    return JobStatusException.of(code.toStatus().withDescription(words), null);
  }

  private static Optional<JobStatusException> away() {
    return Optional.of(ended(Status.Code.UNAVAILABLE, "away"));
  }

  private static Optional<Duration> after(int seconds) {
    return Optional.of(seconds(seconds));
  }

  @Test
  void aWatchThatWasLostGoesOnFromTheLastRevision() {
    var watch = flow(of("a").afterRevision(3));
    assertEquals(3, watch.attach(seconds(0)).getAfterRevision());
    watch.onMessage(told("a", JobState.JOB_STATE_QUEUED, 5));
    watch.onMessage(HEARTBEAT);
    assertEquals(after(1), watch.onEnd(away(), seconds(1)));
    assertEquals(9, watch.attach(seconds(2)).getAfterRevision());
  }

  @Test
  void aRevisionNeverGoesBackHoweverGreat() {
    var watch = flow(of("a").afterRevision(-2)); // 2^64 - 2
    watch.onMessage(HEARTBEAT);
    assertEquals(-2, watch.revision());
    watch.onMessage(told("a", JobState.JOB_STATE_QUEUED, -1));
    assertEquals(-1, watch.revision());
  }

  @Test
  void jobsThatHaveEndedAreNotAskedForAgain() {
    var watch = flow(of("a", "b"));
    watch.attach(seconds(0));
    watch.onMessage(told("a", JobState.JOB_STATE_COMPLETED, 5));
    assertEquals(List.of("b"), watch.attach(seconds(1)).getJobIdsList());
  }

  @Test
  void aLostJobThatIsSeenAgainIsAskedForAgain() {
    var watch = flow(of("a", "b"));
    watch.onMessage(told("a", JobState.JOB_STATE_LOST, 5));
    watch.onMessage(told("a", JobState.JOB_STATE_PROCESSING, 6));
    assertEquals(List.of("a", "b"), watch.attach(seconds(1)).getJobIdsList());
  }

  @Test
  void aStreamThatBreaksAfterTheLastJobEndedIsOver() {
    var watch = flow(of("a"));
    watch.onMessage(told("a", JobState.JOB_STATE_FAILED, 5));
    assertEquals(Optional.empty(), watch.onEnd(away(), seconds(1)));
  }

  @Test
  void waitsGrowUntilSomethingIsHeard() {
    var watch = flow(of("a"));
    assertEquals(after(1), watch.onEnd(away(), seconds(1)));
    assertEquals(after(2), watch.onEnd(away(), seconds(1)));
    assertEquals(after(4), watch.onEnd(away(), seconds(1)));
    watch.onMessage(HEARTBEAT);
    assertEquals(after(1), watch.onEnd(away(), seconds(1)));
  }

  @Test
  void theServiceSaysWhenToComeBack() {
    var error = Errors.of(Status.Code.UNAVAILABLE, "", Errors.info(""), Errors.retry(seconds(4)));
    assertEquals(after(5), flow(of("a")).onEnd(Optional.of(error), seconds(1)));
  }

  @Test
  void tryingAgainHelpsAgainstAReaderThatWasStopped() {
    var stalled = Errors.of(Status.Code.RESOURCE_EXHAUSTED, "", Errors.info("WRITE_STALLED"));
    assertEquals(after(1), flow(of("a")).onEnd(Optional.of(stalled), seconds(1)));
    var cutOff = ended(Status.Code.RESOURCE_EXHAUSTED, "");
    assertEquals(after(1), flow(of("a")).onEnd(Optional.of(cutOff), seconds(1)));
  }

  @Test
  void tryingAgainHelpsAgainstTooManyWatchesOnlyIfTheServiceSaysSo() {
    var info = Errors.info("TOO_MANY_WATCHES");
    var later = Errors.of(Status.Code.RESOURCE_EXHAUSTED, "", info, Errors.retry(seconds(4)));
    assertEquals(after(5), flow(of("a")).onEnd(Optional.of(later), seconds(1)));
    var never = Errors.of(Status.Code.RESOURCE_EXHAUSTED, "", info);
    assertThrows(
        JobStatusException.TooManyWatches.class,
        () -> flow(of("a")).onEnd(Optional.of(never), seconds(1)));
  }

  @Test
  void tryingAgainHelpsAgainstACancellationThatNobodyHereAskedFor() {
    var cancelled = ended(Status.Code.CANCELLED, "");
    assertEquals(after(1), flow(of("a")).onEnd(Optional.of(cancelled), seconds(1)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "RST_STREAM closed stream. HTTP/2 error code: INTERNAL_ERROR",
        "Connection closed after GOAWAY. HTTP/2 error code: NO_ERROR",
        "channel closed",
        "http2 exception",
        "Encountered end-of-stream mid-frame"
      })
  void tryingAgainHelpsAgainstABrokenStream(String words) {
    for (Status.Code code : List.of(Status.Code.INTERNAL, Status.Code.UNKNOWN)) {
      var broken = ended(code, words);
      assertEquals(after(1), flow(of("a")).onEnd(Optional.of(broken), seconds(1)));
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {"NOT_FOUND", "INVALID_ARGUMENT", "UNAUTHENTICATED", "INTERNAL", "UNIMPLEMENTED"})
  void otherErrorsEndAWatchWithWhatWasKnown(Status.Code code) {
    var watch = flow(of("a"));
    var last = told("a", JobState.JOB_STATE_QUEUED, 5);
    watch.onMessage(last);
    var error = Optional.of(ended(code, "words"));
    var thrown = assertThrows(JobStatusException.class, () -> watch.onEnd(error, seconds(1)));
    assertSame(error.get(), thrown);
    assertEquals(Optional.of(last.getStatus()), thrown.lastStatus());
  }

  @Test
  void whoFailsFastDoesSoUntilSomethingIsHeard() {
    var watch = flow(of("a").failFast(true));
    assertThrows(JobStatusException.class, () -> watch.onEnd(away(), seconds(1)));
    watch.onMessage(HEARTBEAT);
    assertEquals(after(1), watch.onEnd(away(), seconds(1)));
  }

  @Test
  void noWaitIsLongerThanTheTimeLeft() {
    var watch = flow(of("a").timeout(seconds(10)));
    assertEquals(after(6), watch.timeLeft(seconds(4)));
    var error = Errors.of(Status.Code.UNAVAILABLE, "", Errors.retry(seconds(60)));
    assertEquals(after(6), watch.onEnd(Optional.of(error), seconds(4)));
  }

  @Test
  void timeThatIsOverSaysHowFarTheJobWas() {
    var watch = flow(of("a").timeout(seconds(10)));
    var last = told("a", JobState.JOB_STATE_PROCESSING, 5);
    watch.onMessage(last);
    assertEquals(after(1), watch.onEnd(away(), seconds(9)));
    var thrown =
        assertThrows(
            JobStatusException.DeadlineExceeded.class, () -> watch.onEnd(away(), seconds(10)));
    assertEquals(Optional.of(last.getStatus()), thrown.lastStatus());
  }

  @Test
  void aJobMayStayUnknownForAsLongAsSaidCountedFromTheStart() {
    var watch = flow(of("a").waitForJob(seconds(30)));
    assertEquals(30, watch.attach(seconds(0)).getWaitForJob().getSeconds());
    assertEquals(20, watch.attach(seconds(10)).getWaitForJob().getSeconds());
  }

  @Test
  void aServiceThatWasAwayIsGivenAMomentToLearnOfTheJob() {
    var watch = flow(of("a"));
    assertFalse(watch.attach(seconds(0)).hasWaitForJob());
    assertEquals(5, watch.attach(seconds(10)).getWaitForJob().getSeconds());
  }

  @Test
  void aWatchOfAllJobsNamesNoneAndHasNoPatience() {
    var watch = flow(of());
    watch.attach(seconds(0));
    watch.onMessage(told("a", JobState.JOB_STATE_COMPLETED, 5));
    var again = watch.attach(seconds(1));
    assertTrue(again.getJobIdsList().isEmpty());
    assertFalse(again.hasWaitForJob());
    assertEquals(after(1), watch.onEnd(away(), seconds(1)));
  }

  @Test
  void whatIsAskedForIsAskedForInEachAttempt() {
    var watch = flow(of("a").backend("gpu").minInterval(Duration.ofMillis(1500)));
    watch.attach(seconds(0));
    var again = watch.attach(seconds(1));
    assertEquals("gpu", again.getBackend());
    assertEquals(Duration.ofMillis(1500), Times.fromProto(again.getMinInterval()));
  }
}
