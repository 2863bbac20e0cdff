package io.flowloop.agentloop.track;

import java.awt.Color;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** The charts of a run: which metrics are shown together, and how. */
final class RunCharts {

  private static final String DRIFT_PREFIX = "policy/log_prob_drift/t";

  private static final Color BLUE = new Color(0x3B82F6);
  private static final Color ORANGE = new Color(0xF08C2E);
  private static final Color GREEN = new Color(0x2EA66F);
  private static final Color RED = new Color(0xE0525F);
  private static final Color PURPLE = new Color(0x9B6BDF);
  private static final Color GREY = new Color(0x8A8F98);

  private RunCharts() {}

  /** The charts of the run, by title; some may be empty. */
  static SequencedMap<String, LineChart> of(RunHistory history) {
    SequencedMap<String, LineChart> charts = new LinkedHashMap<>();
    charts.put("Reward", reward(history));
    charts.put("Ratio \u2212 1, mean \u00b1 std", ratio(history));
    charts.put("Clip fraction", single(history, "policy/clipfrac", ORANGE));
    charts.put("Approximate KL", single(history, "policy/approx_kl", PURPLE));
    charts.put("Gradient norm", single(history, "policy/grad_norm", GREEN));
    charts.put("Learning rate", single(history, "policy/lr", GREY));
    charts.put("Log-prob drift by denoising step", drift(history));
    charts.put("Seconds a step", times(history));
    return charts;
  }

  private static LineChart reward(RunHistory history) {
    return new LineChart()
        .band(
            "training, mean \u00b1 std",
            history.curve("reward/mean"),
            history.curve("reward/std"),
            BLUE)
        .marked("validation", history.curve(RunHistory.VALIDATION_REWARD), ORANGE);
  }

  /** Ratios live so near to 1 that its digits would hide theirs. */
  private static LineChart ratio(RunHistory history) {
    Curve difference = new Curve();
    history
        .curve("policy/ratio_mean")
        .points()
        .forEach(point -> difference.add(point.step(), point.value() - 1));
    return new LineChart().band("ratio - 1", difference, history.curve("policy/ratio_std"), BLUE);
  }

  private static LineChart single(RunHistory history, String metric, Color color) {
    return new LineChart().curve(metric, history.curve(metric), color);
  }

  private static LineChart drift(RunHistory history) {
    List<Integer> steps =
        history.names().stream()
            .filter(name -> name.matches(DRIFT_PREFIX + "\\d+"))
            .map(name -> Integer.valueOf(name.substring(DRIFT_PREFIX.length())))
            .sorted()
            .toList();
    LineChart chart = new LineChart();
    for (int i = 0; i < steps.size(); i++) {
      Color color = between(BLUE, ORANGE, steps.size() == 1 ? 0 : i / (steps.size() - 1.0));
      chart.curve("t" + steps.get(i), history.curve(DRIFT_PREFIX + steps.get(i)), color);
    }
    return chart;
  }

  private static Color between(Color first, Color last, double share) {
    return new Color(
        mixed(first.getRed(), last.getRed(), share),
        mixed(first.getGreen(), last.getGreen(), share),
        mixed(first.getBlue(), last.getBlue(), share));
  }

  private static int mixed(int first, int last, double share) {
    return (int) Math.round(first + share * (last - first));
  }

  /** As lines: stages overlap, so their times do not add up to the step's. */
  private static LineChart times(RunHistory history) {
    List<String> stages = List.of("step", "gen", "reward", "log_prob", "update_policy", "sync");
    List<Color> colors = List.of(GREY, BLUE, ORANGE, GREEN, PURPLE, RED);
    LineChart chart = new LineChart();
    for (int i = 0; i < stages.size(); i++) {
      String stage = stages.get(i);
      chart.curve(stage, history.curve("timing_s/" + stage), colors.get(i));
    }
    return chart;
  }
}
