package io.flowloop.agentloop;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Writes down what it is told, and does something at each step. */
final class Diary implements Tracker {

  private final List<String> lines = new ArrayList<>();
  private final List<Metrics> metrics = new ArrayList<>();
  private final StepAction action;

  @FunctionalInterface
  interface StepAction {
    void at(int step) throws IOException;
  }

  Diary(StepAction action) {
    this.action = action;
  }

  Diary() {
    this(_ -> {});
  }

  /** What it was told, in that order. */
  List<String> lines() {
    return lines;
  }

  /** The numbers of all steps. */
  List<Metrics> metrics() {
    return metrics;
  }

  @Override
  public String name() {
    return "diary";
  }

  @Override
  public void onStart(Run run) {
    lines.add("start %d/%d".formatted(run.step(), run.steps()));
  }

  @Override
  public void onJournal(int step, int groups) {
    lines.add("journal of step %d: %d".formatted(step, groups));
  }

  @Override
  public void onStep(Metrics step) throws IOException {
    lines.add("step " + step.step());
    metrics.add(step);
    action.at(step.step());
  }

  @Override
  public void onValidation(Validation validation) {
    lines.add("validation %d of %d".formatted(validation.step(), validation.images().size()));
  }

  @Override
  public void close() {
    lines.add("close");
  }
}
