package io.flowloop.agentloop;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.LoraFile;
import io.flowloop.engine.PolicyWeights;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A training run between two steps: going on from it gives the same bits as never having stopped.
 * Any thread may write it, as long as nobody changes the arrays of its tensors.
 *
 * @param step training steps done
 * @param position prompts taken from the {@link PromptDataset} so far
 * @param best the best validation so far; empty before the first one
 * @param fingerprint what a run that goes on must share with this one: a value for each setting, in
 *     the order to show them
 * @param metadata what the weights' file says of the model; with all of its weights in {@code kept}
 *     the file can stand for {@code model.weights}
 * @param kept the weights to draw with
 * @param learner what the next update depends on
 */
public record Checkpoint(
    int step,
    long position,
    Optional<Best> best,
    SequencedMap<String, String> fingerprint,
    SortedMap<String, String> metadata,
    PolicyWeights kept,
    LearnerState learner) {

  /**
   * A validation.
   *
   * @param step training steps done before it
   * @param reward its mean reward
   */
  public record Best(int step, double reward) {

    /**
     * @throws IllegalArgumentException if the reward is not finite
     */
    public Best {
      if (!Double.isFinite(reward)) {
        throw new IllegalArgumentException("reward: " + reward + " (expected: a finite number)");
      }
    }
  }

  /** Who counts the updates in the file of the weights. */
  static final String POLICY_VERSION = "policy_version";

  /** Keys of that file's metadata that checkpoints use. */
  static final Set<String> RESERVED =
      Stream.concat(Stream.of(POLICY_VERSION), LoraFile.METADATA.stream())
          .collect(Collectors.toUnmodifiableSet());

  /**
   * @throws IllegalArgumentException if step or position is negative, or the metadata has a key
   *     that checkpoints use
   */
  public Checkpoint {
    fingerprint = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(fingerprint));
    metadata = Collections.unmodifiableSortedMap(new TreeMap<>(metadata));
    if (step < 0 || position < 0 || !Collections.disjoint(metadata.keySet(), RESERVED)) {
      throw new IllegalArgumentException(
          "step %d, position %d, metadata %s (expected: 0 or more of both, and none of %s)"
              .formatted(step, position, metadata.keySet(), new TreeSet<>(RESERVED)));
    }
  }

  /**
   * Checks that a run may go on from here.
   *
   * @param origin what the error calls this checkpoint
   * @param run the run's own fingerprint
   * @throws EngineException if they differ; names every setting that does, with both values
   */
  void requireSameRun(Path origin, Map<String, String> run) {
    SequencedSet<String> settings = new LinkedHashSet<>(fingerprint.keySet());
    settings.addAll(run.keySet());
    List<String> differing =
        settings.stream()
            .filter(setting -> !Objects.equals(run.get(setting), fingerprint.get(setting)))
            .map(setting -> difference(setting, run))
            .toList();
    if (!differing.isEmpty()) {
      throw new EngineException(
          """
          %d %s from what %s was written with
          %s
          set them back, or begin another run in another trainer.dir\
          """
              .formatted(
                  differing.size(),
                  differing.size() == 1 ? "setting differs" : "settings differ",
                  origin,
                  String.join("\n", differing)));
    }
  }

  private String difference(String setting, Map<String, String> run) {
    String unset = "not set";
    return "  %s: %s (expected: %s)"
        .formatted(
            setting, run.getOrDefault(setting, unset), fingerprint.getOrDefault(setting, unset));
  }

  /**
   * Checks that this run began with certain weights.
   *
   * @param origin what the error calls this checkpoint
   * @param base {@link PolicyWeights#checksum} of the weights
   * @throws EngineException if it began with others
   */
  void requireSameModel(Path origin, long base) {
    if (learner.base() != base) {
      throw new EngineException(
          "%s: a checkpoint of another model, base weights %s (expected: %s)"
                  .formatted(
                      origin,
                      HexFormat.of().toHexDigits(learner.base()),
                      HexFormat.of().toHexDigits(base))
              + "; give the model.weights that its run began with");
    }
  }
}
