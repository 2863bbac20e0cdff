package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.track.MetricsFile;
import io.flowloop.agentloop.track.OutputFolder;
import io.flowloop.engine.glyph.GlyphPretraining;
import io.flowloop.engine.glyph.GlyphPretraining.Progress;
import io.flowloop.engine.glyph.GlyphWeights;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Follows a pretraining run: a line of progress, {@code metrics.jsonl} and pictures of samples. */
final class PretrainProgress implements GlyphPretraining.Listener, AutoCloseable {

  private static final int LINES = 100;

  /** Steps over which the speed is measured. */
  private static final int SPEED_STEPS = 50;

  private final LiveLine line;
  private final OutputFolder folder;
  private final SampleSheets sheets;
  private final StopSignal stop;
  private final Deque<Long> stepTimes = new ArrayDeque<>(List.of(System.nanoTime()));
  private Optional<MetricsFile> metrics = Optional.empty();

  PretrainProgress(Terminal terminal, OutputFolder folder, SampleSheets sheets, StopSignal stop) {
    this.line = new LiveLine(terminal, LINES);
    this.folder = folder;
    this.sheets = sheets;
    this.stop = stop;
  }

  @Override
  public void onResumed(int step) {
    metrics = Optional.of(MetricsFile.open(folder, step));
    line.say("goes on after step " + step);
  }

  @Override
  public void onStep(Progress progress) {
    double speed = speed();
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("loss", progress.loss());
    values.put("grad_norm", progress.gradientNorm());
    values.put("lr", progress.learningRate());
    values.put("steps_per_second", speed);
    metrics().add(progress.step(), values);
    line.show(progress.step(), progress.steps(), () -> text(progress, speed));
  }

  /** Steps a second over the last steps, this one included. */
  private double speed() {
    stepTimes.addLast(System.nanoTime());
    if (stepTimes.size() > SPEED_STEPS) {
      stepTimes.removeFirst();
    }
    return (stepTimes.size() - 1) * 1e9 / (stepTimes.getLast() - stepTimes.getFirst());
  }

  private String text(Progress progress, double speed) {
    return "step %d/%d  loss %.4f  grad norm %.3f  lr %.2e  %.2f steps/s  %s left"
        .formatted(
            progress.step(),
            progress.steps(),
            progress.loss(),
            progress.gradientNorm(),
            progress.learningRate(),
            speed,
            Units.clock((progress.steps() - progress.step()) / speed));
  }

  /** A stopped run shows no samples: whoever stopped it waits. */
  @Override
  public void onModel(int step, GlyphWeights model) {
    if (stop.requested()) {
      return;
    }
    double reward = sheets.write(step, model);
    metrics().add(step, Map.of("ocr_reward_mean", reward));
    line.say("step %d: mean OCR reward %.3f".formatted(step, reward));
    stepTimes.clear();
    stepTimes.add(System.nanoTime());
  }

  @Override
  public boolean stopRequested() {
    return stop.requested();
  }

  void say(String text) {
    line.say(text);
  }

  /** Begun anew unless the run goes on from a checkpoint. */
  private MetricsFile metrics() {
    MetricsFile file = metrics.orElseGet(() -> MetricsFile.open(folder, 0));
    metrics = Optional.of(file);
    return file;
  }

  @Override
  public void close() {
    line.end();
    metrics.ifPresent(MetricsFile::close);
  }
}
