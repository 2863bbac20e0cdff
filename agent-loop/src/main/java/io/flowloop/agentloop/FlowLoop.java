package io.flowloop.agentloop;

import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.KnownNames;
import io.flowloop.config.PromptFile;
import io.flowloop.engine.Policy;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.reward.Advantages;
import io.flowloop.reward.Reward;
import io.flowloop.reward.RewardFunction;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.LearnerFactory;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rollouts and training from a program of one's own: engines, workers, reward threads and a learner
 * that stay up between calls, in an actor system without a port.
 *
 * <pre>{@code
 * try (FlowLoop loop = FlowLoop.of(config)) {
 *   RolloutBatch batch = loop.rollout(List.of("a sign that says \"7382\""));
 *   TrainingSummary summary = loop.train();
 * }
 * }</pre>
 *
 * <p>Thread-safe. Rollouts that run at the same time share the engines; none of them sees the
 * weights change.
 */
public final class FlowLoop implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(FlowLoop.class);

  private final FlowLoopConfig config;
  private final List<Tracker> trackers;
  private final Map<String, String> environment;
  private final Consumer<String> warnings;
  private final RewardFunctions rewards;
  private final Advantages advantages;
  private final Consumer<String> promptCheck;
  private final RolloutRunner runner;
  private final CompletableFuture<Void> stop = new CompletableFuture<>();

  private FlowLoop(Builder builder) {
    this.config = builder.config;
    this.trackers = List.copyOf(builder.trackers);
    this.environment = builder.environment;
    this.warnings = builder.warnings;
    this.rewards = builder.rewards();
    this.advantages = Advantages.of(config.advantage(), rewards.weights());
    this.promptCheck = builder.promptCheck.andThen(rewards::checkPrompt);
    this.runner =
        RolloutRunner.start(
            new TrainerActor.Means(
                config.rollout(),
                config.sampler(),
                config.reward(),
                builder.agentLoop.orElseGet(() -> AgentLoops.byName(config.rollout().agentLoop())),
                builder.engines.orElseGet(
                    () -> Engines.of(config.model(), config.rollout().maxRowsPerForward())),
                rewards::score,
                Optional.of(
                    builder.learner.orElseGet(() -> Engines.learner(config, builder.policy)))),
            promptCheck,
            rewards::close);
    // An order that fails because all ends must not be taken for a training step that failed.
    runner.beforeEnd(this::stop);
  }

  /**
   * A loop as the settings have it. Engines are being created; the first call waits for them.
   *
   * @throws IllegalArgumentException if a setting makes no sense, or a reward function or agent
   *     loop is not known
   */
  public static FlowLoop of(FlowLoopConfig config) {
    return builder(config).build();
  }

  /** The names that a configuration may use for what is on the class path. */
  public static KnownNames knownNames() {
    return new KnownNames(RewardFunctions.names(), AgentLoops.names(), Trackers.names());
  }

  /** A loop with parts of one's own. */
  public static Builder builder(FlowLoopConfig config) {
    return new Builder(config);
  }

  /**
   * Draws and rewards {@code rollout.n} samples of each prompt as the first training step would,
   * and waits for them.
   *
   * @throws IllegalArgumentException if there is no prompt, or the model or a reward function
   *     refuses one
   * @throws RolloutException if the rollout fails, is interrupted, or the loop is closed
   */
  public RolloutBatch rollout(List<String> prompts) {
    return rollout(prompts, 0, RolloutListener.NONE);
  }

  /**
   * {@link #rollout(List)} of any training step.
   *
   * @param step 0-based; with {@code rollout.seed} it decides all noise
   * @param listener hears of every sample as it comes
   */
  public RolloutBatch rollout(List<String> prompts, int step, RolloutListener listener) {
    return runner.run(prompts, step, listener);
  }

  /** {@link #rollout(List, int, RolloutListener)} without the waiting. */
  public CompletionStage<RolloutBatch> rolloutAsync(
      List<String> prompts, int step, RolloutListener listener) {
    return runner.runAsync(prompts, step, listener);
  }

  /**
   * Has every engine draw with weights from elsewhere, and waits until all have acknowledged them.
   * Running rollouts end first; those asked for later use the new weights, and their samples carry
   * the version.
   *
   * @throws RolloutException if an engine does not take them
   */
  public void setPolicy(PolicyWeights weights) {
    var _ = RolloutRunner.waitFor(runner.sync(weights), "policy version " + weights.version());
  }

  /**
   * Trains on {@code data.prompts} until {@code trainer.steps} are done or {@link #stop} is called;
   * writes into {@code trainer.dir}.
   *
   * @throws RolloutException if a step fails; what was done before is saved
   */
  public TrainingSummary train() {
    return train(Optional.empty());
  }

  /**
   * Goes on from a checkpoint, bit for bit as if the run had never stopped.
   *
   * @param checkpoint its folder; {@link Checkpoints#latestWhole} finds the newest of a run
   * @throws io.flowloop.engine.EngineException if it is torn, or of another run or model
   * @throws RolloutException if a step fails; what was done before is saved
   */
  public TrainingSummary resume(Path checkpoint) {
    return train(Optional.of(checkpoint));
  }

  private TrainingSummary train(Optional<Path> checkpoint) {
    TrackerGroup group =
        new TrackerGroup(
            Stream.concat(trackers.stream(), Trackers.named(config.trainer().trackers()).stream())
                .toList(),
            warnings);
    return new TrainingRun(
            new TrainingRun.Means(
                config,
                runner,
                PromptDataset.of(prompts(config.data().prompts()), config.data().shuffleSeed()),
                prompts(config.data().validationPrompts()),
                this::advantages,
                group,
                environment,
                stop,
                warnings))
        .run(checkpoint);
  }

  private List<String> prompts(String location) {
    try {
      List<String> prompts = PromptFile.read(location).prompts();
      prompts.forEach(promptCheck);
      return prompts;
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private double[] advantages(List<RewardedSample> samples) {
    List<Reward> scores = samples.stream().map(RewardedSample::reward).toList();
    return advantages.of(
        scores, samples.stream().mapToInt(sample -> sample.row().group()).toArray());
  }

  /**
   * Has a running {@link #train} give up what is under way, save the state behind its last whole
   * step and return. Any thread may call it; a later train stops at once.
   */
  public void stop() {
    stop.complete(null);
  }

  /** Ends what runs, each engine at its next denoising step, and frees engines and learner. */
  @Override
  public void close() {
    stop();
    runner.close();
  }

  /** The parts of a loop; those that are not given are as the settings have them. */
  public static final class Builder {

    private final FlowLoopConfig config;
    private final Map<RewardFunction, Double> rewardFunctions = new LinkedHashMap<>();
    private final List<Tracker> trackers = new ArrayList<>();
    private Map<String, String> environment = Map.of();
    private Consumer<String> warnings = warning -> LOG.warn("{}", warning);
    private Consumer<String> promptCheck = _ -> {};
    private Optional<AgentLoop> agentLoop = Optional.empty();
    private Optional<EngineFactory> engines = Optional.empty();
    private Optional<LearnerFactory> learner = Optional.empty();
    private Optional<Policy.Factory> policy = Optional.empty();

    private Builder(FlowLoopConfig config) {
      this.config = config;
      this.promptCheck = prompt -> Engines.checkPrompt(config.model(), prompt);
    }

    /** Adds a reward function to those of {@code reward.functions}; closed with the loop. */
    public Builder rewardFunction(RewardFunction function, double weight) {
      rewardFunctions.put(function, weight);
      return this;
    }

    /** What stands between prompts and engines, in place of {@code rollout.agentLoop}. */
    public Builder agentLoop(AgentLoop agentLoop) {
      this.agentLoop = Optional.of(agentLoop);
      return this;
    }

    /** Adds one who is told how training goes to those of {@code trainer.trackers}. */
    public Builder tracker(Tracker tracker) {
      trackers.add(tracker);
      return this;
    }

    /** What is trained of the model, in place of {@code update.lora}. */
    public Builder policy(Policy.Factory policy) {
      this.policy = Optional.of(policy);
      return this;
    }

    /** Who draws, in place of engines of {@code model}. */
    public Builder engines(EngineFactory engines) {
      this.engines = Optional.of(engines);
      return this;
    }

    /** Who learns, in place of a learner of {@code model}. */
    public Builder learner(LearnerFactory learner) {
      this.learner = Optional.of(learner);
      return this;
    }

    /**
     * Whether a prompt can be drawn, in place of what {@code model} says; throws an {@link
     * IllegalArgumentException} if not.
     */
    public Builder promptCheck(Consumer<String> promptCheck) {
      this.promptCheck = promptCheck;
      return this;
    }

    /** What trackers are told of the machine, by name. */
    public Builder environment(Map<String, String> facts) {
      this.environment = facts;
      return this;
    }

    /** Who is told what goes wrong without ending a run; by default the log. */
    public Builder warnings(Consumer<String> warnings) {
      this.warnings = warnings;
      return this;
    }

    /**
     * The loop; its engines are being created.
     *
     * @throws IllegalArgumentException if a setting makes no sense, or a reward function or agent
     *     loop is not known
     */
    public FlowLoop build() {
      return new FlowLoop(this);
    }

    private RewardFunctions rewards() {
      return RewardFunctions.of(config.reward().weights(), rewardFunctions);
    }
  }
}
