package io.flowloop.agentloop;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.KnownNames;
import io.flowloop.config.PromptFile;
import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rollouts and training from a program of one's own: engines, workers, reward threads and a learner
 * that stay up between calls. No port is opened without {@code http.port} or {@code cluster}.
 *
 * <pre>{@code
 * try (FlowLoop loop = FlowLoop.of(config)) {
 *   RolloutBatch batch = loop.rollout(List.of("a sign that says \"7382\""));
 *   TrainingSummary summary = loop.train();
 * }
 * }</pre>
 *
 * <p>Thread-safe. Rollouts that run at the same time share the engines; none of them sees the
 * weights change. One training runs at a time, and rollouts take their turn between its steps.
 *
 * <p>Who trains elsewhere draws with {@link #rollout}, learns from the batch and hands the weights
 * in with {@link #setPolicy}; the learner is then never created.
 */
public final class FlowLoop implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(FlowLoop.class);

  private final FlowLoopConfig config;
  private final KnownNames names;
  private final List<Tracker> trackers;
  private final ResolvedConfig settings;
  private final Map<String, String> environment;
  private final Consumer<String> warnings;
  private final Advantages advantages;
  private final Consumer<String> promptCheck;
  private final RolloutRunner runner;
  private final AtomicBoolean training = new AtomicBoolean();

  /** Of the training that runs, or else of the next one. */
  private volatile CompletableFuture<Void> stop = new CompletableFuture<>();

  private volatile boolean closed;

  private FlowLoop(Builder builder) {
    OwnParts parts = builder.parts;
    RewardFunctions rewards = parts.rewards(builder.config.reward());
    this.config = parts.in(builder.config);
    this.names = parts.names(config);
    this.trackers = List.copyOf(builder.trackers);
    this.settings = builder.settings.orElseGet(() -> ResolvedConfig.of(config));
    this.environment = builder.environment;
    this.warnings = builder.warnings;
    this.advantages = Advantages.of(config.advantage(), rewards.weights());
    this.promptCheck = parts.promptCheck(config).andThen(rewards::checkPrompt);
    this.runner = RolloutRunner.start(parts.means(config, rewards), promptCheck, rewards::close);
    runner.beforeEnd(this::stop);
    runner.serve(config.http(), parts.devices(config));
  }

  /**
   * A loop as the settings have it. Engines are being created; the first call waits for them.
   *
   * @param config from {@link ConfigLoader}, or put together by the program
   * @throws IllegalArgumentException if a setting of rollouts makes no sense, or a reward function
   *     or agent loop is not known; {@link #train} checks those of training
   * @throws io.flowloop.engine.EngineException if the model is not known
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
   *     refuses one; nothing is drawn then
   * @throws RolloutException if the rollout fails, the calling thread is interrupted, which ends
   *     it, or the loop is closed
   */
  public RolloutBatch rollout(List<String> prompts) {
    return rollout(prompts, 0, RolloutListener.NONE);
  }

  /**
   * {@link #rollout(List)} of any training step.
   *
   * @param step 0 or more; with {@code rollout.seed} it decides all noise, so the same step draws
   *     the same noise again
   * @param listener hears of every sample as it comes
   */
  public RolloutBatch rollout(List<String> prompts, int step, RolloutListener listener) {
    return runner.run(prompts, step, listener);
  }

  /**
   * {@link #rollout(List, int, RolloutListener)} without the waiting.
   *
   * @return fails with the {@link RolloutException}; a refused prompt is thrown at once
   */
  public CompletionStage<RolloutBatch> rolloutAsync(
      List<String> prompts, int step, RolloutListener listener) {
    return runner.runAsync(prompts, step, listener);
  }

  /**
   * Has every engine draw with weights from elsewhere, and waits until all have acknowledged them.
   * Running rollouts end first; those asked for later use the new weights, and their samples carry
   * the version. The learner knows nothing of them: {@link #train} begins with its own policy.
   *
   * @throws IllegalArgumentException if the checksum is not that of the tensors
   * @throws IllegalStateException during a training, whose policy the engines draw with
   * @throws RolloutException if an engine does not take them; one that refuses weights of another
   *     model draws on with those it has
   */
  public void setPolicy(PolicyWeights weights) {
    weights.requireIntact();
    if (training.get()) {
      throw new IllegalStateException(
          "policy version %d: handed in during a training (expected: after its end, or stop it)"
              .formatted(weights.version()));
    }
    var _ = RolloutRunner.waitFor(runner.sync(weights), "policy version " + weights.version());
  }

  /**
   * Trains on {@code data.prompts} until {@code trainer.steps} are done or {@link #stop} is called;
   * writes into {@code trainer.dir}. Rollouts then draw with what was learned.
   *
   * <p>An interrupt of the calling thread does as {@link #stop} does, and the flag stays set.
   *
   * @throws io.flowloop.config.ConfigException if the settings are none to train with, by the rules
   *     of {@link ConfigLoader#load}; nothing is begun then, as with the next two
   * @throws IllegalArgumentException if the model or a reward function refuses a prompt
   * @throws IllegalStateException if a training runs, or {@code trainer.dir} holds one
   * @throws RolloutException if a step fails, or the loop is closed; what was done before is saved
   * @throws UncheckedIOException if the folder, or the last checkpoint, cannot be written
   */
  public TrainingSummary train() {
    return train(
        () -> {
          newest().ifPresent(this::refuse);
          Journal.clear(config.trainer().dir(), warnings);
          return Optional.empty();
        });
  }

  /**
   * Goes on from journal and newest whole checkpoint of {@code trainer.dir}, or begins where there
   * is none; otherwise as {@link #resume(Path)}.
   */
  public TrainingSummary resume() {
    return train(this::newest);
  }

  /**
   * Goes on from a checkpoint, bit for bit as if the run had never stopped; otherwise as {@link
   * #train}.
   *
   * @param checkpoint its folder; {@link Checkpoints#latestWhole} finds the newest of a run
   * @throws io.flowloop.engine.EngineException if it is torn, or of another run or model
   */
  public TrainingSummary resume(Path checkpoint) {
    return train(() -> Optional.of(checkpoint));
  }

  /** Where a training goes on from, if it does. */
  @FunctionalInterface
  private interface Beginning {
    Optional<Path> find();
  }

  private TrainingSummary train(Beginning beginning) {
    if (!training.compareAndSet(false, true)) {
      throw new IllegalStateException(
          "training: runs already (expected: one train or resume of a loop at a time)");
    }
    try {
      if (closed) {
        throw new RolloutException("the loop is closed");
      }
      ConfigLoader.check(config, names, Purpose.TRAINING);
      Optional<Path> from = beginning.find();
      return new TrainingRun(means()).run(from);
    } finally {
      stop = new CompletableFuture<>();
      training.set(false);
    }
  }

  private TrainingRun.Means means() {
    PromptDataset prompts =
        PromptDataset.of(prompts(config.data().prompts()), config.data().shuffleSeed());
    List<String> heldOut = prompts(config.data().validationPrompts());
    List<Tracker> told =
        Stream.concat(trackers.stream(), Trackers.named(config.trainer().trackers()).stream())
            .toList();
    return new TrainingRun.Means(
        config,
        runner,
        prompts,
        heldOut,
        this::advantages,
        new TrackerGroup(told, warnings),
        settings.render(),
        environment,
        stop,
        warnings);
  }

  private Optional<Path> newest() {
    return Checkpoints.latestWhole(config.trainer().dir(), warnings);
  }

  private void refuse(Path checkpoint) {
    throw new IllegalStateException(
        "trainer.dir: %s (expected: a folder without a run); it holds %s: resume, or set another"
            .formatted(config.trainer().dir(), checkpoint));
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
   * Has the {@link #train} or {@link #resume} that runs give up what is under way, save the state
   * behind its last whole step and return; if none runs, the next one stops at once. Any thread may
   * call it. Only {@link #resume} can follow, as the learner may be half way through an update; the
   * engines draw with the weights that reached them last.
   */
  public void stop() {
    stop.complete(null);
  }

  /**
   * Ends what runs, each engine at its next denoising step, and frees engines, learner and reward
   * functions. A training saves and returns on its own thread.
   */
  @Override
  public void close() {
    closed = true;
    stop();
    runner.close();
  }

  /**
   * The parts of a loop; those that are not given are as the settings have them. One builder makes
   * one loop, as that closes its reward functions.
   */
  public static final class Builder {

    private final FlowLoopConfig config;
    private final OwnParts parts = new OwnParts();
    private final List<Tracker> trackers = new ArrayList<>();
    private Optional<ResolvedConfig> settings = Optional.empty();
    private Map<String, String> environment = Map.of();
    private Consumer<String> warnings = warning -> LOG.warn("{}", warning);

    private Builder(FlowLoopConfig config) {
      this.config = config;
    }

    /**
     * Adds a reward function to those of {@code reward.functions}; closed with the loop.
     *
     * @param weight what its score is multiplied by; 0 only reports it
     * @throws IllegalArgumentException if it was added before
     */
    public Builder rewardFunction(RewardFunction function, double weight) {
      parts.add(function, weight);
      return this;
    }

    /** Leaves out what {@code reward.functions} names, so that only those added here count. */
    public Builder ownRewardsOnly() {
      parts.ownRewardsOnly = true;
      return this;
    }

    /** What stands between prompts and engines, in place of {@code rollout.agentLoop}. */
    public Builder agentLoop(AgentLoop agentLoop) {
      parts.agentLoop = Optional.of(agentLoop);
      return this;
    }

    /**
     * Adds one who is told how training goes to those of {@code trainer.trackers}. Each {@link
     * #train} and {@link #resume} starts and closes it.
     */
    public Builder tracker(Tracker tracker) {
      trackers.add(tracker);
      return this;
    }

    /** What is trained of the model, in place of {@code update.lora}. */
    public Builder policy(Policy.Factory policy) {
      parts.policy = Optional.of(policy);
      return this;
    }

    /**
     * Who draws, in place of engines of {@code model}. Training needs a {@link #learner} of the
     * same model.
     */
    public Builder engines(EngineFactory engines) {
      parts.engines = Optional.of(engines);
      return this;
    }

    /** Who learns, in place of a learner of {@code model}. */
    public Builder learner(LearnerFactory learner) {
      parts.learner = Optional.of(learner);
      return this;
    }

    /**
     * Whether a prompt can be drawn, in place of what {@code model} says; throws an {@link
     * IllegalArgumentException} if not. Engines of one's own take every prompt without it.
     */
    public Builder promptCheck(Consumer<String> promptCheck) {
      parts.promptCheck = Optional.of(promptCheck);
      return this;
    }

    /** What trackers are told of the settings, in place of their values alone, and the machine. */
    public Builder description(ResolvedConfig settings, Map<String, String> environment) {
      this.settings = Optional.of(settings);
      this.environment = new LinkedHashMap<>(environment);
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
     * @throws IllegalArgumentException if a setting of rollouts makes no sense, or a reward
     *     function or agent loop is not known
     * @throws io.flowloop.engine.EngineException if the model is not known
     */
    public FlowLoop build() {
      return new FlowLoop(this);
    }
  }
}
