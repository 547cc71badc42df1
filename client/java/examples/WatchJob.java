import comfyui.jobstatus.JobStatusClient;
import comfyui.jobstatus.v1.JobStatus;

public class WatchJob {
  public static void main(String[] args) {
    JobStatus last = null;
    try (var client = JobStatusClient.create(args[0]);
        var watch = client.watch(args[1])) {
      for (JobStatus status : watch) { // every change, as it comes; over lost connections too
        System.out.println(status.getMessage()); // "queued, 3rd of 7"
        last = status;
      }
    }
    last.getOutputsList().forEach(output -> System.out.println(output.getUrl()));
  }
}
