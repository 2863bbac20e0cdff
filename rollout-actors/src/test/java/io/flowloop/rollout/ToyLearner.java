package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.Learner;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.TrainingSample;
import io.flowloop.engine.UpdateMetrics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A learner without a model: its one weight is the sum of all advantages that it has learned from.
 * It refuses samples of another version and to be used off its own thread, and does first what
 * {@link #before} was given.
 */
public final class ToyLearner implements LearnerFactory {

  /** An update that began. */
  public record Update(List<TrainingSample> samples, int trainingStep, BooleanSupplier cancelled) {}

  private final Queue<Update> updates = new ConcurrentLinkedQueue<>();
  private final AtomicInteger open = new AtomicInteger();
  private volatile Consumer<Update> before = _ -> {};

  /** What it does before it learns: wait, throw, or nothing. */
  public ToyLearner before(Consumer<Update> action) {
    before = action;
    return this;
  }

  /** Every update begun, in that order. */
  public List<Update> updates() {
    return List.copyOf(updates);
  }

  /** Learners created and not closed. */
  public int open() {
    return open.get();
  }

  /** One forward after the other, until the update is cancelled. */
  public static void awaitCancelled(Update update) {
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (!update.cancelled().getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("waited 20 s for nothing");
      }
      Thread.onSpinWait();
    }
  }

  /** The state of a toy learner. */
  public static LearnerState state(long version, float weight) {
    return new LearnerState(
        version, (int) version, 0, new TreeMap<>(tensors(weight)), none(), none(), none());
  }

  private static SortedMap<String, HostTensor> none() {
    return new TreeMap<>();
  }

  private static Map<String, HostTensor> tensors(float weight) {
    return Map.of("w", new HostTensor(List.of(), new float[] {weight}));
  }

  @Override
  public Learner create() {
    open.incrementAndGet();
    return new Toy();
  }

  private final class Toy implements Learner {

    private final Thread owner = Thread.currentThread();
    private long version;
    private float weight;

    @Override
    public UpdateMetrics update(
        List<TrainingSample> samples, int trainingStep, BooleanSupplier cancelled) {
      checkThread();
      Update now = new Update(samples, trainingStep, cancelled);
      updates.add(now);
      before.accept(now);
      for (TrainingSample sample : samples) {
        if (cancelled.getAsBoolean()) {
          throw new CancellationException("given up");
        }
        checkVersion(sample);
        weight += (float) sample.advantage();
      }
      version++;
      return metrics(samples.size());
    }

    private void checkVersion(TrainingSample sample) {
      if (sample.sample().policyVersion() != version) {
        throw new EngineException(
            "sample of policy version %d (expected: %d)"
                .formatted(sample.sample().policyVersion(), version));
      }
    }

    @Override
    public PolicyWeights weights() {
      checkThread();
      return PolicyWeights.of(version, tensors(weight));
    }

    @Override
    public Optional<PolicyWeights> averagedWeights() {
      checkThread();
      return Optional.of(PolicyWeights.of(version, tensors(weight / 2)));
    }

    @Override
    public LearnerState state() {
      checkThread();
      return ToyLearner.state(version, weight);
    }

    @Override
    public void restore(LearnerState state) {
      checkThread();
      HostTensor saved = state.parameters().get("w");
      if (saved == null) {
        throw new EngineException("no parameter named w");
      }
      version = state.version();
      weight = saved.values()[0];
    }

    @Override
    public void close() {
      checkThread();
      open.decrementAndGet();
    }

    private void checkThread() {
      if (Thread.currentThread() != owner) {
        throw new IllegalStateException("learner used off its thread");
      }
    }
  }

  private static UpdateMetrics metrics(int samples) {
    return new UpdateMetrics(
        1,
        0,
        samples,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        1e-4,
        0,
        new TreeMap<>(),
        new TreeMap<>(Map.of(samples, 1)),
        Duration.ZERO,
        Duration.ZERO);
  }
}
