package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Tracker;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalDouble;

/** Shows how training goes: a live line a step, and a line that stays for each validation. */
final class TrainProgress implements Tracker {

  private static final int LINES = 100;

  /** Steps over which the time of a step is measured. */
  private static final int SPEED_STEPS = 10;

  private final LiveLine line;
  private final Deque<Double> stepSeconds = new ArrayDeque<>();
  private OptionalDouble validation = OptionalDouble.empty();
  private int steps;

  TrainProgress(Terminal terminal) {
    this.line = new LiveLine(terminal, LINES);
  }

  @Override
  public String name() {
    return "console";
  }

  @Override
  public void onStart(Run run) {
    steps = run.steps();
    if (run.step() > 0) {
      line.say("goes on after step " + run.step());
    }
  }

  @Override
  public void onJournal(int step, int groups) {
    line.say(
        "step %d: %d %s found in the journal"
            .formatted(step, groups, groups == 1 ? "group" : "groups"));
  }

  @Override
  public void onStep(Metrics metrics) {
    stepSeconds.addLast(value(metrics, "timing_s/step"));
    if (stepSeconds.size() > SPEED_STEPS) {
      stepSeconds.removeFirst();
    }
    line.show(metrics.step(), steps, () -> text(metrics));
  }

  private String text(Metrics metrics) {
    double left = (steps - metrics.step()) * meanStepSeconds();
    return "step %d/%d  reward %.3f ± %.3f%s  ratio %.6f  clipped %.0f%%  %.1f images/s  %s left"
        .formatted(
            metrics.step(),
            steps,
            value(metrics, "reward/mean"),
            value(metrics, "reward/std"),
            validation.stream().mapToObj("  val %.3f"::formatted).findFirst().orElse(""),
            value(metrics, "policy/ratio_mean"),
            100 * value(metrics, "policy/clipfrac"),
            value(metrics, "perf/images_per_second"),
            Units.clock(left));
  }

  private double meanStepSeconds() {
    return stepSeconds.stream().mapToDouble(Double::doubleValue).average().orElse(0);
  }

  private static double value(Metrics metrics, String name) {
    return metrics.values().getOrDefault(name, Double.NaN);
  }

  @Override
  public void onValidation(Validation verdict) {
    double reward = verdict.values().getOrDefault("val/reward_mean", Double.NaN);
    validation = OptionalDouble.of(reward);
    line.say(
        "step %d: validation reward %.4f of %d images%s"
            .formatted(
                verdict.step(),
                reward,
                verdict.images().size(),
                verdict.best() && verdict.step() > 0 ? ", the best so far" : ""));
  }

  void say(String text) {
    line.say(text);
  }

  @Override
  public void close() {
    line.end();
  }
}
