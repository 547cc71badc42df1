package comfyui.jobstatus;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import com.google.protobuf.Message;
import comfyui.jobstatus.v1.GetStatusRequest;
import comfyui.jobstatus.v1.GetStatusResponse;
import comfyui.jobstatus.v1.JobState;
import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.JobStatusServiceGrpc;
import comfyui.jobstatus.v1.ListStatusesRequest;
import comfyui.jobstatus.v1.ListStatusesResponse;
import comfyui.jobstatus.v1.WatchStatusRequest;
import comfyui.jobstatus.v1.WatchStatusResponse;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Deadline;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A service in this process that does as each test says. */
final class ScriptedService implements AutoCloseable {
  private static final Context.Key<Metadata> METADATA = Context.key("metadata");

  /** What came with a call; without {@code deadline} it had none. */
  record Call(Message request, Metadata metadata, Deadline deadline) {}

  private final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
  private final ArrayDeque<Consumer<ServerCallStreamObserver<Message>>> answers =
      new ArrayDeque<>();
  private final BlockingQueue<String> left = new LinkedBlockingQueue<>();
  private final Server server;

  ScriptedService() throws IOException {
    this(0);
  }

  ScriptedService(int port) throws IOException {
    server =
        Grpc.newServerBuilderForPort(port, InsecureServerCredentials.create())
            .addService(new Answering())
            .intercept(new KeepMetadata())
            .build()
            .start();
  }

  /** The answer to the next call that has none. */
  synchronized void answers(Consumer<ServerCallStreamObserver<Message>> answer) {
    answers.add(answer);
  }

  private synchronized Consumer<ServerCallStreamObserver<Message>> answer() {
    return answers.isEmpty() ? fails(Status.UNIMPLEMENTED) : answers.remove();
  }

  /** Answers with these, and OK. */
  void tells(Message... messages) {
    answers(
        call -> {
          for (Message message : messages) {
            call.onNext(message);
          }
          call.onCompleted();
        });
  }

  /** Tells these, and then nothing until the caller leaves. */
  void tellsAndStays(Message... messages) {
    answers(
        call -> {
          for (Message message : messages) {
            call.onNext(message);
          }
        });
  }

  static Consumer<ServerCallStreamObserver<Message>> fails(Status status, Message... details) {
    return call ->
        call.onError(
            status
                .withDescription("as scripted")
                .asRuntimeException(details.length == 0 ? null : Errors.trailers(details)));
  }

  static WatchStatusResponse told(String jobId, JobState state, long revision) {
    var status = JobStatus.newBuilder().setJobId(jobId).setState(state).setRevision(revision);
    return WatchStatusResponse.newBuilder().setStatus(status).setRevision(revision).build();
  }

  String address() {
    return "127.0.0.1:" + server.getPort();
  }

  /** The next call that came. */
  Call call() throws InterruptedException {
    Call call = calls.poll(1, TimeUnit.MINUTES);
    assertNotNull(call, "no call came");
    return call;
  }

  WatchStatusRequest watch() throws InterruptedException {
    return (WatchStatusRequest) call().request();
  }

  int callsLeft() {
    return calls.size();
  }

  /** Waits until a caller has left before its answer was complete. */
  void awaitLeft() throws InterruptedException {
    assertNotNull(left.poll(1, TimeUnit.MINUTES), "nobody left");
  }

  @Override
  public void close() {
    server.shutdownNow();
  }

  private final class Answering extends JobStatusServiceGrpc.JobStatusServiceImplBase {
    @Override
    public void getStatus(GetStatusRequest request, StreamObserver<GetStatusResponse> caller) {
      answer(request, caller);
    }

    @Override
    public void listStatuses(
        ListStatusesRequest request, StreamObserver<ListStatusesResponse> caller) {
      answer(request, caller);
    }

    @Override
    public void watchStatus(
        WatchStatusRequest request, StreamObserver<WatchStatusResponse> caller) {
      answer(request, caller);
    }

    @SuppressWarnings("unchecked") // each test answers with what is asked for
    private void answer(Message request, StreamObserver<? extends Message> caller) {
      var call = (ServerCallStreamObserver<Message>) (StreamObserver<?>) caller;
      call.setOnCancelHandler(() -> left.add("left"));
      calls.add(new Call(request, METADATA.get(), Context.current().getDeadline()));
      ScriptedService.this.answer().accept(call);
    }
  }

  private static final class KeepMetadata implements ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata metadata, ServerCallHandler<Q, A> next) {
      return Contexts.interceptCall(
          Context.current().withValue(METADATA, metadata), call, metadata, next);
    }
  }
}
