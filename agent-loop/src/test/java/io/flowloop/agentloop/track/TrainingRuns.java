package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker.Metrics;
import io.flowloop.agentloop.Tracker.Run;
import io.flowloop.agentloop.Tracker.ScoredImage;
import io.flowloop.agentloop.Tracker.Validation;
import io.flowloop.engine.RgbImage;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.IntStream;

/** What trackers are told of runs that never were. */
final class TrainingRuns {

  static final int STEPS = 40;

  private TrainingRuns() {}

  static Run run(Path dir, int step) {
    return new Run(dir, step, STEPS, "trainer.steps = 40\n", Map.of("cores", "2"));
  }

  static Metrics step(int step, double reward) {
    return new Metrics(step, values("reward/mean", reward, "reward/std", 0.25));
  }

  static Validation validation(int step, double reward, boolean best) {
    return validation(step, reward, best, 3);
  }

  static Validation validation(int step, double reward, boolean best, int images) {
    List<ScoredImage> scored =
        IntStream.range(0, images)
            .mapToObj(i -> new ScoredImage("a <sign> that says \"4" + i + "\"", image(i), reward))
            .toList();
    return new Validation(step, values("val/reward_mean", reward), scored, best);
  }

  static SequencedMap<String, Double> values(String name, double value) {
    SequencedMap<String, Double> values = new LinkedHashMap<>();
    values.put(name, value);
    return values;
  }

  private static SequencedMap<String, Double> values(
      String name, double value, String other, double otherValue) {
    SequencedMap<String, Double> values = values(name, value);
    values.put(other, otherValue);
    return values;
  }

  private static RgbImage image(int number) {
    byte[] rgb = new byte[96 * 32 * 3];
    Arrays.fill(rgb, (byte) (number * 40));
    return new RgbImage(96, 32, rgb);
  }
}
