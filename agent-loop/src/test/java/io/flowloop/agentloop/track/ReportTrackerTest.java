package io.flowloop.agentloop.track;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.Tracker.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTrackerTest {

  @TempDir Path temp;

  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private final InstantSource clock = () -> now;

  private String page() throws IOException {
    return Files.readString(temp.resolve("report.html"));
  }

  private ReportTracker started(Run run) throws IOException {
    ReportTracker tracker = new ReportTracker(clock);
    tracker.onStart(run);
    return tracker;
  }

  @Test
  void onStart_newRun_writesAPageThatNeedsNothingElse() throws IOException {
    try (ReportTracker _ = started(TrainingRuns.run(temp, 0))) {
      assertThat(page())
          .startsWith("<!DOCTYPE html>")
          .contains("running: step 0 of 40", "trainer.steps = 40", "cores")
          .doesNotContain("<figure>");
    }
  }

  @Test
  void run_stepsAndValidations_areAllInThePage() throws IOException {
    try (ReportTracker tracker = started(TrainingRuns.run(temp, 0))) {
      tracker.onValidation(TrainingRuns.validation(0, 0.25, true));
      for (int step = 1; step <= 20; step++) {
        tracker.onStep(TrainingRuns.step(step, 0.3 + step / 100.0));
      }
      tracker.onValidation(TrainingRuns.validation(20, 0.75, true));
      for (int step = 21; step <= 40; step++) {
        tracker.onStep(TrainingRuns.step(step, 0.3 + step / 100.0));
      }
      tracker.onValidation(TrainingRuns.validation(40, 0.5, false));
    }

    assertThat(page())
        .contains("done: step 40 of 40, best validation 0.750 at step 20")
        .contains(
            "first: step 0, reward 0.250",
            "best: step 20, reward 0.750",
            "latest: step 40, reward 0.500")
        .contains("<figcaption>Reward<span>")
        .contains("<tr class=\"best\"><td>20</td><td>0.75</td></tr>")
        .doesNotContain("Clip fraction")
        .doesNotContainPattern("https?://")
        .doesNotContain("<script", "<link", "xmlns");
  }

  @Test
  void page_textsOfTheUser_areEscaped() throws IOException {
    Path folder = Files.createDirectory(temp.resolve("a<b>&c"));
    Run run = new Run(folder, 0, 40, "data.prompts = \"<img src=x>\"", Map.of("<b>", "'&'"));

    try (ReportTracker _ = started(run)) {
      assertThat(Files.readString(folder.resolve("report.html")))
          .contains("flowloop training: a&lt;b&gt;&amp;c")
          .contains("&quot;&lt;img src=x&gt;&quot;", "<td>&lt;b&gt;</td><td>&#39;&amp;&#39;</td>")
          .doesNotContain("<img src=x>");
    }
  }

  @Test
  void onStep_youngPage_isNotWrittenAnew() throws IOException {
    try (ReportTracker tracker = started(TrainingRuns.run(temp, 0))) {
      tracker.onStep(TrainingRuns.step(1, 0.5));
      assertThat(page()).contains("step 0 of 40");

      now = now.plus(ReportTracker.OLDEST);
      tracker.onStep(TrainingRuns.step(2, 0.5));

      assertThat(page()).contains("step 2 of 40");
    }
  }

  @Test
  void close_beforeTheLastStep_saysThatItStopped() throws IOException {
    ReportTracker tracker = started(TrainingRuns.run(temp, 0));
    tracker.onStep(TrainingRuns.step(1, 0.5));

    tracker.close();

    assertThat(page()).contains("stopped: step 1 of 40");
    assertThat(temp.toFile().list()).as("no unfinished file").containsExactly("report.html");
  }

  @Test
  void onStart_goesOn_findsItsPastAndForgetsWhatWasLost() throws IOException {
    try (MetricsTracker metrics = new MetricsTracker();
        ReportTracker report = started(TrainingRuns.run(temp, 0))) {
      metrics.onStart(TrainingRuns.run(temp, 0));
      for (int step = 0; step <= 30; step += 10) {
        metrics.onStep(TrainingRuns.step(step, 0.5));
        double reward = step == 10 ? 0.9 : step == 30 ? 0.95 : 0.4;
        metrics.onValidation(TrainingRuns.validation(step, reward, false));
        report.onValidation(TrainingRuns.validation(step, reward, false));
      }
    }

    try (ReportTracker _ = started(TrainingRuns.run(temp, 20))) {
      assertThat(page())
          .contains("running: step 20 of 40, best validation 0.900 at step 10")
          .contains("alt=\"images of step 0 ", "alt=\"images of step 10 ", "images of step 20 ")
          .contains("<figcaption>Reward<span>")
          .doesNotContain("<td>0.95</td>");
    }
    assertThat(temp.resolve("validation-000020.png")).exists();
    assertThat(temp.resolve("validation-000030.png")).doesNotExist();
  }

  @Test
  void onStart_newRunInAUsedFolder_showsNothingOld() throws IOException {
    try (MetricsTracker metrics = new MetricsTracker()) {
      metrics.onStart(TrainingRuns.run(temp, 0));
      metrics.onValidation(TrainingRuns.validation(0, 0.9, true));
    }

    try (ReportTracker _ = started(TrainingRuns.run(temp, 0))) {
      assertThat(page()).doesNotContain("Validations", "0.900");
    }
  }

  @Test
  void onValidation_withoutImages_hasNoPictures() throws IOException {
    try (ReportTracker tracker = started(TrainingRuns.run(temp, 0))) {
      tracker.onValidation(TrainingRuns.validation(0, 0.5, true, 0));
    }

    assertThat(page()).contains("Validations").doesNotContain("Same prompts");
  }
}
