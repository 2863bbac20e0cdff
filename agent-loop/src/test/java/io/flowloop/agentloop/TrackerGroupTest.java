package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.agentloop.Tracker.Metrics;
import io.flowloop.agentloop.Tracker.Run;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrackerGroupTest {

  @TempDir Path temp;

  private final List<String> warnings = new ArrayList<>();
  private final List<String> calls = new ArrayList<>();

  /** Writes down its calls and fails at one step. */
  private final class Recorder implements Tracker {

    private final String name;
    private final int failsAt;

    Recorder(String name, int failsAt) {
      this.name = name;
      this.failsAt = failsAt;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void onStep(Metrics metrics) throws IOException {
      calls.add(name + metrics.step());
      if (metrics.step() == failsAt) {
        throw new IOException("disk is full");
      }
    }

    @Override
    public void close() {
      calls.add(name + " closed");
    }
  }

  private static Metrics step(int step) {
    return new Metrics(step, new LinkedHashMap<>(Map.of("reward/mean", 0.5)));
  }

  private Run run() {
    return new Run(temp, 0, 10, "", Map.of());
  }

  @Test
  void onStep_oneFails_isClosedAndToldNoMoreWhileTheOthersGoOn() {
    TrackerGroup group =
        new TrackerGroup(List.of(new Recorder("a", 1), new Recorder("b", -1)), warnings::add);

    group.onStep(step(1));
    group.onStep(step(2));
    group.close();

    assertThat(calls).containsExactly("a1", "b1", "a closed", "b2", "b closed");
    assertThat(warnings)
        .singleElement()
        .asString()
        .isEqualTo("tracker a: java.io.IOException: disk is full; it is told no more");
  }

  @Test
  void onStep_defectiveTracker_doesNotEndTheRun() {
    Tracker defective =
        new Tracker() {
          @Override
          public String name() {
            return "defective";
          }

          @Override
          public void onStep(Metrics metrics) {
            throw new IllegalStateException("no such metric");
          }
        };

    new TrackerGroup(List.of(defective), warnings::add).onStep(step(1));

    assertThat(warnings).singleElement().asString().contains("defective", "no such metric");
  }

  @Test
  void select_someNames_leavesTheOthersAlone() {
    try (TrackerGroup group =
        new TrackerGroup(Trackers.named(List.of("metrics", "metrics")), warnings::add)) {
      group.onStart(run());
      group.onStep(step(1));
    }

    assertThat(temp.toFile().list()).containsExactly("metrics.jsonl");
    assertThat(temp.resolve("metrics.jsonl")).hasContent("{\"step\":1,\"reward/mean\":0.5}");
    assertThat(warnings).isEmpty();
  }

  @Test
  void names_classpath_areThoseOfTheReference() {
    assertThat(Trackers.names()).contains("metrics", "report", "tensorboard");
  }
}
