package comfyui.jobstatus;

import comfyui.jobstatus.v1.JobState;
import java.util.EnumSet;
import java.util.Set;

/** What there is to know of the states of jobs. */
public final class JobStates {
  private static final Set<JobState> TERMINAL =
      EnumSet.of(
          JobState.JOB_STATE_COMPLETED,
          JobState.JOB_STATE_FAILED,
          JobState.JOB_STATE_CANCELLED,
          JobState.JOB_STATE_LOST);

  private JobStates() {}

  /** True of a job that is completed, failed, cancelled or lost. */
  public static boolean isTerminal(JobState state) {
    return TERMINAL.contains(state);
  }
}
