package io.flowloop.rollout;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.StepListener;
import io.flowloop.engine.Trajectory;
import io.flowloop.reward.Reward;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.ToLongBiFunction;
import java.util.stream.IntStream;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * Engines without a model: a sample is a pure function of its prompt, its seed and the sampling,
 * and carries the version loaded last. Each refuses to be used off its own thread, and does first
 * what {@link #before} and {@link #loading} were given; an interrupt ends a request after that.
 */
public final class ToyEngines implements EngineFactory {

  /** A request that an engine began. */
  public record Drawn(int engine, RolloutRequest request) {}

  /** Weights that an engine took over. */
  public record Loaded(int engine, long version) {}

  private static final int PIXELS = 4;

  private final Queue<Drawn> drawn = new ConcurrentLinkedQueue<>();
  private final AtomicInteger open = new AtomicInteger();
  private final Queue<Loaded> loaded = new ConcurrentLinkedQueue<>();
  private volatile Consumer<Drawn> before = _ -> {};
  private volatile ToLongBiFunction<Integer, PolicyWeights> loading = (_, w) -> w.checksum();

  /** What every engine does before it draws: wait, throw, or nothing. */
  public ToyEngines before(Consumer<Drawn> action) {
    before = action;
    return this;
  }

  /** What every engine does when it is to load weights: wait, throw, or answer a checksum. */
  public ToyEngines loading(ToLongBiFunction<Integer, PolicyWeights> action) {
    loading = action;
    return this;
  }

  /** All weights loaded, in that order. */
  public List<Loaded> loaded() {
    return List.copyOf(loaded);
  }

  /** Every request begun, in that order. */
  public List<Drawn> drawn() {
    return List.copyOf(drawn);
  }

  /** Engines created and not closed. */
  public int open() {
    return open.get();
  }

  /** A reward that depends on the image alone: its mean brightness, 0 to 1. */
  public static Reward brightness(String prompt, RgbImage image) {
    double sum = 0;
    for (byte value : image.rgb()) {
      sum += Byte.toUnsignedInt(value);
    }
    double mean = sum / image.rgb().length / 255;
    return new Reward(mean, Map.of("brightness", mean));
  }

  /** Waits, but not for ever; as native code does, whatever the interrupts, and keeps the flag. */
  public static void await(CountDownLatch latch) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    boolean interrupted = false;
    while (latch.getCount() > 0) {
      try {
        if (!latch.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          throw new IllegalStateException("waited 20 s for nothing");
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Draws, one denoising step after the other, until somebody interrupts this thread. */
  public static void awaitInterrupt() {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!Thread.currentThread().isInterrupted()) {
      if (System.nanoTime() > deadline) {
        throw new IllegalStateException("waited 20 s for nothing");
      }
      Thread.onSpinWait();
    }
  }

  /** Weights that differ from version to version. */
  public static PolicyWeights weights(long version) {
    return PolicyWeights.of(
        version, Map.of("w", new HostTensor(List.of(2L), new float[] {version, 0.5f})));
  }

  /** Rules for so many engines, which draw one request after the other. */
  public static EngineRouter.Rules rules(int engines, Duration requestTimeout) {
    return new EngineRouter.Rules(engines, 1, false, 1, 1, requestTimeout);
  }

  /** What a router says of its leases now. */
  static EngineRouter.Stats stats(ActorTestKit kit, ActorRef<EngineRouter.Command> router) {
    TestProbe<EngineRouter.Stats> statistician = kit.createTestProbe();
    router.tell(new EngineRouter.GetStats(statistician.ref()));
    return statistician.receiveMessage();
  }

  /** One leased request. */
  static EngineActor.Generate order(long lease, RolloutRequest request) {
    return new EngineActor.Generate(List.of(new EngineActor.Leased(lease, request)));
  }

  /** What an engine answers next, of this kind; its denoising steps are passed over. */
  static <T extends EngineActor.Event> T answer(
      TestProbe<EngineActor.Event> router, Class<T> kind) {
    EngineActor.Event event = router.receiveMessage();
    while (event instanceof EngineActor.Stepped) {
      event = router.receiveMessage();
    }
    return kind.cast(event);
  }

  @Override
  public DiffusionEngine create(int engineIndex) {
    open.incrementAndGet();
    return new ToyEngine(engineIndex);
  }

  private final class ToyEngine implements DiffusionEngine {

    private final int index;
    private final Thread owner = Thread.currentThread();
    private long policyVersion;

    ToyEngine(int index) {
      this.index = index;
    }

    @Override
    public List<io.flowloop.engine.Drawn> generate(
        List<RolloutRequest> requests, StepListener steps) {
      checkThread();
      return requests.stream().map(request -> draw(request, steps)).toList();
    }

    private io.flowloop.engine.Drawn draw(RolloutRequest request, StepListener steps) {
      Drawn now = new Drawn(index, request);
      drawn.add(now);
      try {
        before.accept(now);
        if (Thread.interrupted()) {
          throw new EngineException("interrupted between two denoising steps");
        }
      } catch (RuntimeException e) {
        return new io.flowloop.engine.Drawn.Failure(e);
      }
      for (int done = 1; done <= request.sampling().numInferenceSteps(); done++) {
        steps.onStep(done);
      }
      return new io.flowloop.engine.Drawn.Whole(
          IntStream.range(0, request.rows())
              .mapToObj(row -> sample(request, row, policyVersion))
              .toList());
    }

    @Override
    public long load(PolicyWeights weights) {
      checkThread();
      long checksum = loading.applyAsLong(index, weights);
      policyVersion = weights.version();
      loaded.add(new Loaded(index, policyVersion));
      return checksum;
    }

    @Override
    public long policyVersion() {
      return policyVersion;
    }

    @Override
    public void close() {
      checkThread();
      open.decrementAndGet();
    }

    private void checkThread() {
      if (Thread.currentThread() != owner) {
        throw new IllegalStateException("engine used off its thread");
      }
      if (owner.isInterrupted()) {
        throw new IllegalStateException("an interrupt hit another call than the one it was for");
      }
    }
  }

  private static Sample sample(RolloutRequest request, int row, long policyVersion) {
    RowSeed seed = request.seeds().get(row);
    Sampling sampling = request.sampling();
    Random random =
        new Random(seed.seed() ^ request.prompt().hashCode() ^ sampling.toString().hashCode());
    byte[] rgb = new byte[PIXELS * PIXELS * 3];
    random.nextBytes(rgb);
    return new Sample(
        seed,
        new RgbImage(PIXELS, PIXELS, rgb),
        trajectory(sampling, random),
        new PromptEmbedding(new float[1], new boolean[1], 1),
        policyVersion,
        new SampleTimings(
            request.seeds().getFirst().seed(),
            row,
            request.rows(),
            sampling.numInferenceSteps(),
            0,
            Duration.ZERO,
            Duration.ZERO,
            Duration.ZERO));
  }

  private static Trajectory trajectory(Sampling sampling, Random random) {
    int window = sampling.sdeWindow().size();
    float[][] latents = new float[window == 0 ? 0 : window + 1][];
    for (int i = 0; i < latents.length; i++) {
      latents[i] = numbers(PIXELS, random);
    }
    return new Trajectory(
        latents,
        numbers(PIXELS, random),
        numbers(sampling.numInferenceSteps() + 1, random),
        sampling.sdeWindow(),
        numbers(window, random));
  }

  private static float[] numbers(int count, Random random) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = random.nextFloat();
    }
    return numbers;
  }
}
