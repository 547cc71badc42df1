package comfyui.jobstatus;

import static comfyui.jobstatus.ScriptedService.fails;
import static comfyui.jobstatus.ScriptedService.told;
import static comfyui.jobstatus.v1.JobState.JOB_STATE_COMPLETED;
import static comfyui.jobstatus.v1.JobState.JOB_STATE_PROCESSING;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import comfyui.jobstatus.v1.GetStatusRequest;
import comfyui.jobstatus.v1.GetStatusResponse;
import comfyui.jobstatus.v1.JobState;
import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.ListStatusesRequest;
import comfyui.jobstatus.v1.ListStatusesResponse;
import comfyui.jobstatus.v1.WatchStatusResponse;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the real service does too seldom to wait for. */
class ScriptedServiceTest {
  private static final WatchStatusResponse PROCESSING = told("a", JOB_STATE_PROCESSING, 7);
  private static final WatchStatusResponse COMPLETED = told("a", JOB_STATE_COMPLETED, 8);
  private static final WatchStatusResponse HEARTBEAT =
      WatchStatusResponse.newBuilder().setRevision(9).build();
  private static final BackoffSettings NO_WAIT =
      new BackoffSettings(Duration.ofMillis(1), Duration.ofMillis(1), 1);
  private static final BackoffSettings AN_HOUR =
      new BackoffSettings(Duration.ofHours(1), Duration.ofHours(1), 1);

  private final List<JobStatusException> errors = new ArrayList<>();
  private final List<Duration> waits = new ArrayList<>();
  private final Thread waiting = Thread.currentThread(); // the one that runs the test
  private ScriptedService service;

  @BeforeEach
  void start() throws IOException {
    service = new ScriptedService();
  }

  @AfterEach
  void end() {
    service.close();
  }

  private ClientOptions.Builder options() {
    return ClientOptions.builder().target(service.address()).backoff(NO_WAIT);
  }

  private JobStatusClient client() {
    return JobStatusClient.create(options().build());
  }

  private WatchOptions.Builder watchOf(String... jobIds) {
    return WatchOptions.builder()
        .jobIds(jobIds)
        .onRetry(
            (error, wait) -> {
              errors.add(error);
              waits.add(wait);
            });
  }

  /** The states of a watch of job a, to its end. */
  private List<JobState> follow(ClientOptions.Builder options) {
    try (var client = JobStatusClient.create(options.build());
        var watch = client.watch(watchOf("a").build())) {
      return watch.stream().map(JobStatus::getState).toList();
    }
  }

  private static String metadata(ScriptedService.Call call, String name) {
    return call.metadata().get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER));
  }

  private static Throwable failure(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, future::get).getCause();
  }

  @Test
  void aStreamThatBreaksIsCalledAgainFromTheLastRevision() throws InterruptedException {
    service.answers(
        call -> {
          call.onNext(PROCESSING);
          call.onNext(HEARTBEAT);
          fails(Status.UNAVAILABLE).accept(call);
        });
    service.tells(COMPLETED);
    assertEquals(List.of(JOB_STATE_PROCESSING, JOB_STATE_COMPLETED), follow(options()));
    assertEquals(0, service.watch().getAfterRevision());
    assertEquals(9, service.watch().getAfterRevision());
  }

  @Test
  void aServiceThatGoesSilentIsCalledAgainFromTheLastRevision() throws InterruptedException {
    service.tells(GetStatusResponse.getDefaultInstance());
    service.tellsAndStays(PROCESSING);
    service.tells(COMPLETED);
    var options = options().silenceLimit(Duration.ofSeconds(1)).build();
    try (var client = JobStatusClient.create(options);
        var watch = client.watch(watchOf("a").build())) {
      client.getStatus("a"); // so that connecting is no part of the silence
      service.call();
      assertEquals(List.of(PROCESSING.getStatus(), COMPLETED.getStatus()), watch.stream().toList());
      service.awaitLeft();
    }
    assertEquals("the service went silent", errors.get(0).getMessage());
    assertEquals(0, service.watch().getAfterRevision());
    assertEquals(7, service.watch().getAfterRevision());
  }

  @Test
  void aWatchComesBackNotEarlierThanTheServiceSays() {
    var retry = Errors.retry(Duration.ofMillis(400));
    service.answers(fails(Status.UNAVAILABLE, Errors.info("SHUTTING_DOWN"), retry));
    service.tells(COMPLETED);
    follow(options());
    assertInstanceOf(JobStatusException.ShuttingDown.class, errors.get(0));
    assertTrue(waits.get(0).compareTo(Duration.ofMillis(400)) >= 0, waits::toString);
    assertTrue(waits.get(0).compareTo(Duration.ofMillis(500)) <= 0, waits::toString);
  }

  @Test
  void jobsThatHaveEndedAreNotAskedForAgain() throws InterruptedException {
    service.answers(
        call -> {
          call.onNext(COMPLETED);
          fails(Status.UNAVAILABLE).accept(call);
        });
    service.tells(told("b", JOB_STATE_COMPLETED, 10));
    try (var client = client();
        var watch = client.watch(watchOf("a", "b").build())) {
      assertEquals(2, watch.stream().count());
    }
    assertEquals(List.of("a", "b"), service.watch().getJobIdsList());
    assertEquals(List.of("b"), service.watch().getJobIdsList());
  }

  @Test
  void aServiceThatComesBackIsFoundByTheNextAttempt() throws IOException {
    int port;
    try (var socket = new ServerSocket(0)) {
      port = socket.getLocalPort(); // where nobody listens
    }
    var late = new AtomicReference<ScriptedService>();
    var attempts = new ArrayList<JobStatusException>();
    var options =
        WatchOptions.builder()
            .jobIds("a")
            .onRetry(
                (error, wait) -> {
                  attempts.add(error);
                  if (attempts.size() == 5) {
                    late.set(scripted(port));
                    late.get().tells(COMPLETED);
                  }
                });
    var reached = options().target("127.0.0.1:" + port).build();
    try (var client = JobStatusClient.create(reached);
        var watch = client.watch(options.build())) {
      assertEquals(JOB_STATE_COMPLETED, watch.next().getState());
    } finally {
      late.get().close();
    }
    assertEquals(5, attempts.size());
  }

  private static ScriptedService scripted(int port) {
    try {
      return new ScriptedService(port);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void tokenAndMetadataGoWithEachAttempt() throws InterruptedException {
    service.answers(fails(Status.UNAVAILABLE));
    service.tells(COMPLETED);
    follow(options().token("sesame").metadata("x-request-id", "mine"));
    for (var call : List.of(service.call(), service.call())) {
      assertEquals("Bearer sesame", metadata(call, "authorization"));
      assertEquals("mine", metadata(call, "x-request-id"));
    }
  }

  @Test
  void aCallThatIsUnavailableIsMadeAgainAsTheServiceConfigSays() {
    service.answers(fails(Status.UNAVAILABLE));
    service.answers(fails(Status.UNAVAILABLE));
    service.tells(GetStatusResponse.newBuilder().setStatus(PROCESSING.getStatus()).build());
    try (var client = client()) {
      assertEquals(PROCESSING.getStatus(), client.getStatus("a"));
    }
    assertEquals(3, service.callsLeft());
  }

  @Test
  void anyOtherErrorIsNot() {
    service.answers(fails(Status.NOT_FOUND, Errors.info("JOB_NOT_FOUND")));
    try (var client = client()) {
      assertThrows(JobStatusException.JobNotFound.class, () -> client.getStatus("a"));
    }
    assertEquals(1, service.callsLeft());
  }

  @Test
  void aCallHasTheLimitOfTheServiceConfig() {
    String config =
        """
        {"methodConfig": [{
          "name": [{"service": "comfyui.jobstatus.v1.JobStatusService", "method": "GetStatus"}],
          "timeout": "0.2s"}]}
        """;
    service.tellsAndStays();
    try (var client = new JobStatusClient(new Connection(options().build(), config))) {
      assertThrows(JobStatusException.DeadlineExceeded.class, () -> client.getStatus("a"));
    }
  }

  @Test
  void aCallMayHaveALimitOfItsOwn() {
    service.tellsAndStays();
    var options = options().callTimeout(Duration.ofMillis(200)).build();
    try (var client = JobStatusClient.create(options)) {
      assertThrows(JobStatusException.DeadlineExceeded.class, () -> client.getStatus("a"));
    }
  }

  @Test
  void aWatchHasNoLimitByItself() throws InterruptedException {
    service.tells(COMPLETED);
    follow(options().callTimeout(Duration.ofMillis(1)));
    assertNull(service.call().deadline());
  }

  @Test
  void aWatchThatIsOutOfTimeSaysHowFarTheJobWas() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    var told = new ArrayList<JobStatus>();
    try (var client = client();
        var watch = client.watch(watchOf("a").timeout(Duration.ofMillis(500)).build())) {
      var thrown =
          assertThrows(
              JobStatusException.DeadlineExceeded.class, () -> watch.forEachRemaining(told::add));
      assertEquals(told, thrown.lastStatus().stream().toList());
      assertFalse(watch.hasNext());
    }
  }

  @Test
  void aWatchThatIsOutOfTimeWhileTheServiceIsAwayDoesNotWaitOn() {
    service.answers(fails(Status.UNAVAILABLE));
    var options = watchOf("a").timeout(Duration.ofMillis(500)).build();
    try (var client = JobStatusClient.create(options().backoff(AN_HOUR).build())) {
      assertThrows(
          JobStatusException.DeadlineExceeded.class, () -> client.waitForCompletion(options));
    }
  }

  @Test
  void aWatchThatFailsFastSaysWhy() {
    service.answers(fails(Status.UNAVAILABLE));
    try (var client = client();
        var watch = client.watch(watchOf("a").failFast(true).build())) {
      assertThrows(JobStatusException.ServiceUnavailable.class, watch::next);
    }
    assertEquals(List.of(), errors);
  }

  @Test
  void closingEndsTheWatch() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    try (var client = client()) {
      var watch = client.watch("a");
      assertEquals(7, watch.next().getRevision());
      watch.close();
      service.awaitLeft();
      assertFalse(watch.hasNext());
      assertThrows(NoSuchElementException.class, watch::next);
      assertEquals(7, watch.revision());
    }
  }

  @Test
  void closingTheStreamEndsTheWatch() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    try (var client = client()) {
      try (Stream<JobStatus> statuses = client.watch("a").stream()) {
        assertEquals(PROCESSING.getStatus(), statuses.findFirst().orElseThrow());
      }
      service.awaitLeft();
    }
  }

  @Test
  void anotherThreadMayCancelAndNoTimerIsLeft() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    var connection = new Connection(options().build(), Connection.serviceConfig());
    try (var client = new JobStatusClient(connection);
        var watch = client.watch("a")) {
      watch.next();
      new Thread(watch::cancel).start();
      var thrown = assertThrows(JobStatusException.Cancelled.class, watch::hasNext);
      assertEquals(PROCESSING.getStatus(), thrown.lastStatus().orElseThrow());
      assertFalse(watch.hasNext());
      service.awaitLeft();
      assertTrue(((ThreadPoolExecutor) connection.timer()).getQueue().isEmpty());
    }
  }

  @Test
  void aWatchThatWasCancelledBeforeItBeganAsksForNothing() {
    try (var client = client();
        var watch = client.watch("a")) {
      watch.cancel();
      assertThrows(JobStatusException.Cancelled.class, watch::hasNext);
    }
    assertEquals(0, service.callsLeft());
  }

  @Test
  void aWatchThatWasCancelledAndThenClosedIsJustOver() {
    try (var client = client()) {
      var watch = client.watch("a");
      watch.cancel();
      watch.close();
      assertFalse(watch.hasNext());
    }
  }

  @Test
  void cancellingEndsTheWaitForTheNextAttempt() {
    service.answers(fails(Status.UNAVAILABLE));
    var watch = new AtomicReference<Watch>();
    var options = WatchOptions.builder().onRetry((error, wait) -> watch.get().cancel()).build();
    try (var client = JobStatusClient.create(options().backoff(AN_HOUR).build())) {
      watch.set(client.watch(options));
      assertThrows(JobStatusException.Cancelled.class, watch.get()::hasNext);
    }
  }

  @Test
  void interruptingTheThreadEndsTheWatchAndLeavesItInterrupted() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    try (var client = client();
        var watch = client.watch("a")) {
      watch.next();
      Thread.currentThread().interrupt();
      var thrown = assertThrows(JobStatusException.Cancelled.class, watch::hasNext);
      assertTrue(Thread.interrupted());
      assertInstanceOf(InterruptedException.class, thrown.getCause());
      assertEquals(PROCESSING.getStatus(), thrown.lastStatus().orElseThrow());
      service.awaitLeft();
    }
  }

  @Test
  void interruptingTheThreadEndsAWait() throws InterruptedException {
    service.answers(
        call -> {
          call.onNext(PROCESSING);
          waiting.interrupt();
        });
    try (var client = client()) {
      assertThrows(
          JobStatusException.Cancelled.class, () -> client.waitForCompletion(watchOf("a").build()));
      assertTrue(Thread.interrupted());
      service.awaitLeft();
    }
  }

  @Test
  void interruptingTheThreadEndsACall() throws InterruptedException {
    service.answers(call -> waiting.interrupt());
    try (var client = client()) {
      assertThrows(JobStatusException.Cancelled.class, () -> client.getStatus("a"));
      assertTrue(Thread.interrupted());
      service.awaitLeft();
    }
  }

  @Test
  void cancellingTheFutureOfAWaitEndsItsWatch() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    try (var client = client()) {
      var completion = client.waitForCompletionAsync(watchOf("a").build());
      service.call();
      completion.cancel(true);
      service.awaitLeft();
    }
  }

  @Test
  void cancellingTheFutureOfACallEndsTheCall() throws InterruptedException {
    service.tellsAndStays();
    try (var client = client()) {
      var status = client.getStatusAsync(GetStatusRequest.newBuilder().setJobId("a").build());
      service.call();
      status.cancel(true);
      service.awaitLeft();
    }
  }

  @Test
  void closingTheClientEndsItsWatches() throws InterruptedException {
    service.tellsAndStays(PROCESSING);
    service.answers(fails(Status.UNAVAILABLE));
    var away = new CompletableFuture<JobStatusException>();
    var retried = WatchOptions.builder().jobIds("b").onRetry((error, wait) -> away.complete(error));
    var client = JobStatusClient.create(options().backoff(AN_HOUR).build());
    var reading = client.watch("a");
    reading.next();
    var waitingForTheService = client.waitForCompletionAsync(retried.build());
    away.join();
    client.close();
    assertThrows(JobStatusException.Cancelled.class, reading::hasNext);
    assertInstanceOf(JobStatusException.Cancelled.class, failure(waitingForTheService));
    assertThrows(JobStatusException.Cancelled.class, () -> client.watch("a").hasNext());
    service.awaitLeft();
  }

  @Test
  void whatIsThrownOnARetryEndsTheWatch() {
    service.answers(fails(Status.UNAVAILABLE));
    var ours = new IllegalStateException("ours");
    var options =
        WatchOptions.builder()
            .onRetry(
                (error, wait) -> {
                  throw ours;
                });
    try (var client = client();
        var watch = client.watch(options.build())) {
      assertSame(ours, assertThrows(IllegalStateException.class, watch::hasNext));
      assertFalse(watch.hasNext());
    }
  }

  @Test
  void aServiceThatEndsTheWatchBeforeTheJobIsInTheWrong() {
    service.tells(PROCESSING);
    try (var client = client()) {
      var options = watchOf("a").build();
      var thrown = assertThrows(JobStatusException.class, () -> client.waitForCompletion(options));
      assertEquals(Status.Code.INTERNAL, thrown.code());
    }
  }

  @Test
  void anErrorShowsWhereTheCallerWas() {
    service.answers(fails(Status.NOT_FOUND));
    try (var client = client()) {
      var thrown = assertThrows(JobStatusException.class, () -> client.getStatus("a"));
      assertTrue(
          Stream.of(thrown.getStackTrace())
              .anyMatch(frame -> frame.getMethodName().contains("anErrorShowsWhereTheCallerWas")));
    }
  }

  @Test
  void pagesAreAskedForAsTheyAreNeeded() throws InterruptedException {
    var first = ListStatusesResponse.newBuilder().addStatuses(COMPLETED.getStatus());
    service.tells(first.setNextPageToken("two").build());
    service.tells(ListStatusesResponse.newBuilder().addStatuses(PROCESSING.getStatus()).build());
    var request = ListStatusesRequest.newBuilder().setBackend("gpu").build();
    try (var client = client()) {
      var statuses = client.listStatuses(request).iterator();
      assertEquals(COMPLETED.getStatus(), statuses.next());
      assertEquals(request, service.call().request());
      assertEquals(0, service.callsLeft());
      assertEquals(PROCESSING.getStatus(), statuses.next());
      assertEquals(request.toBuilder().setPageToken("two").build(), service.call().request());
      assertFalse(statuses.hasNext());
    }
  }
}
