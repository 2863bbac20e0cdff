package io.flowloop.agentloop;

import io.flowloop.engine.RgbImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Is told how a training run goes, and keeps or shows it.
 *
 * <p>Found by {@link java.util.ServiceLoader}: name the class in {@code
 * META-INF/services/io.flowloop.agentloop.Tracker} and its {@link #name} in {@code
 * trainer.trackers}. Calls come one at a time, from the thread of the run; it waits for them. A
 * tracker that throws is told no more, only closed, and the run goes on with a warning.
 */
public interface Tracker extends AutoCloseable {

  /** The value in {@code trainer.trackers} that selects it. */
  String name();

  /**
   * A run begins or goes on. What the folder holds of later steps than {@code run.step()} was lost
   * with the process that wrote it, and will come again.
   */
  default void onStart(Run run) throws IOException {}

  /**
   * A step begins that a process before this one was at.
   *
   * @param step its number, from 1
   * @param groups those that the journal has and that need not be drawn again, 1 or more
   */
  default void onJournal(int step, int groups) throws IOException {}

  /** A training step has ended. */
  default void onStep(Metrics metrics) throws IOException {}

  /** The policy was judged. */
  default void onValidation(Validation validation) throws IOException {}

  /** The run has ended or stopped, or this tracker has failed; the last call. */
  @Override
  default void close() throws IOException {}

  /**
   * A run as it begins or goes on.
   *
   * @param dir exists; every file of a tracker goes there
   * @param step training steps done before: 0, or those of the checkpoint it goes on from
   * @param steps training steps in all
   * @param settings the resolved configuration, as {@code --print-config} prints it
   * @param environment what it runs on, by name
   */
  record Run(Path dir, int step, int steps, String settings, Map<String, String> environment) {

    public Run {
      environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    }
  }

  /**
   * Numbers of one training step.
   *
   * @param step training steps done, from 1
   * @param values by metric name, such as {@code reward/mean}, in the order to show them; not every
   *     one is finite
   */
  record Metrics(int step, SequencedMap<String, Double> values) {

    public Metrics {
      values = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(values));
    }
  }

  /**
   * A policy judged by held-out prompts. Rows are the same at every validation of a run.
   *
   * @param step training steps done, 0 for the policy that the run began with
   * @param values by metric name, such as {@code val/reward_mean}
   * @param images all of them, in row order
   * @param best whether it is the best one so far
   */
  record Validation(
      int step, SequencedMap<String, Double> values, List<ScoredImage> images, boolean best) {

    public Validation {
      values = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(values));
      images = List.copyOf(images);
    }
  }

  /** An image drawn for a prompt, and what it is worth. */
  record ScoredImage(String prompt, RgbImage image, double reward) {}
}
