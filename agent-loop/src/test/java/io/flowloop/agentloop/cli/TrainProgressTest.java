package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.Tracker;
import io.flowloop.engine.RgbImage;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;

class TrainProgressTest {

  private final StringWriter out = new StringWriter();
  private final TrainProgress progress =
      new TrainProgress(new Terminal(new PrintWriter(out), new PrintWriter(out), false));

  private void start(int step, int steps) {
    progress.onStart(new Tracker.Run(Path.of("out"), step, steps, "", Map.of()));
  }

  private void step(int step, double seconds) {
    SequencedMap<String, Double> values = new LinkedHashMap<>();
    values.put("timing_s/step", seconds);
    values.put("reward/mean", 0.5);
    values.put("reward/std", 0.25);
    values.put("policy/ratio_mean", 1.0);
    values.put("policy/clipfrac", 0.125);
    values.put("perf/images_per_second", 31.26);
    progress.onStep(new Tracker.Metrics(step, values));
  }

  private void validation(int step, double reward, boolean best) {
    RgbImage image = new RgbImage(1, 1, new byte[3]);
    progress.onValidation(
        new Tracker.Validation(
            step,
            new LinkedHashMap<>(Map.of("val/reward_mean", reward)),
            Collections.nCopies(3, new Tracker.ScoredImage("a \"1\"", image, reward)),
            best));
  }

  private List<String> lines() {
    return out.toString().lines().toList();
  }

  @Test
  void onStep_ofARun_tellsItsNumbersAndTheTimeLeft() {
    start(0, 40);
    step(1, 2);

    assertThat(lines())
        .containsExactly(
            "step 1/40  reward 0.500 ± 0.250  ratio 1.000000  clipped 13%  31.3 images/s"
                + "  1 min 18 s left");
  }

  @Test
  void onStep_speedChanges_estimatesFromTheLastTen() {
    start(0, 100);
    step(1, 1000);
    for (int i = 2; i <= 11; i++) {
      step(i, 1);
    }

    assertThat(lines().getLast()).endsWith("  1 min 29 s left");
  }

  @Test
  void onValidation_betweenSteps_staysAndIsShownWithEachStep() {
    start(0, 2);
    validation(0, 0.25, true);
    step(1, 1);
    validation(1, 0.5, true);
    step(2, 1);
    validation(2, 0.375, false);

    assertThat(lines()).element(0).isEqualTo("step 0: validation reward 0.2500 of 3 images");
    assertThat(lines()).element(1).asString().contains("±", "  val 0.250  ");
    assertThat(lines())
        .element(2)
        .isEqualTo("step 1: validation reward 0.5000 of 3 images, the best so far");
    assertThat(lines()).element(3).asString().contains("  val 0.500  ");
    assertThat(lines()).element(4).isEqualTo("step 2: validation reward 0.3750 of 3 images");
  }

  @Test
  void onStep_numberMissing_isShownAsSuch() {
    start(0, 1);
    progress.onStep(new Tracker.Metrics(1, new LinkedHashMap<>()));

    assertThat(lines()).singleElement().asString().contains("reward NaN", "0 s left");
  }

  @Test
  void onJournal_groupsFound_saysSo() {
    start(7, 40);
    progress.onJournal(8, 5);
    progress.onJournal(9, 1);

    assertThat(lines())
        .containsExactly(
            "goes on after step 7",
            "step 8: 5 groups found in the journal",
            "step 9: 1 group found in the journal");
  }

  @Test
  void onStart_runThatGoesOn_saysWhere() {
    start(7, 40);

    assertThat(lines()).containsExactly("goes on after step 7");
  }
}
