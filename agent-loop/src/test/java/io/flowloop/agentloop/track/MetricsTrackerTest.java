package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsTrackerTest {

  @TempDir Path temp;

  @Test
  void run_stepsAndValidations_areLines() {
    MetricsTracker tracker = new MetricsTracker();
    tracker.onStart(TrainingRuns.run(temp, 0));
    tracker.onValidation(TrainingRuns.validation(0, 0.5, true));
    tracker.onStep(TrainingRuns.step(1, Double.NaN));

    assertThat(temp.resolve("metrics.jsonl"))
        .as("before it is closed")
        .hasContent(
            """
            {"step":0,"val/reward_mean":0.5}
            {"step":1,"reward/mean":null,"reward/std":0.25}
            """);
    tracker.close();
  }

  @Test
  void onStart_goesOn_forgetsLaterSteps() {
    try (MetricsTracker first = new MetricsTracker()) {
      first.onStart(TrainingRuns.run(temp, 0));
      first.onStep(TrainingRuns.step(1, 0.1));
      first.onStep(TrainingRuns.step(2, 0.2));
    }

    try (MetricsTracker second = new MetricsTracker()) {
      second.onStart(TrainingRuns.run(temp, 1));
      second.onStep(TrainingRuns.step(2, 0.3));
    }

    assertThat(temp.resolve("metrics.jsonl"))
        .hasContent(
            """
            {"step":1,"reward/mean":0.1,"reward/std":0.25}
            {"step":2,"reward/mean":0.3,"reward/std":0.25}
            """);
  }
}
