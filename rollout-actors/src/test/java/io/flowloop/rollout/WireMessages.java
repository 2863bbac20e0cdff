package io.flowloop.rollout;

import io.flowloop.config.SdeType;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PromptEmbedding;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.SdeWindow;
import io.flowloop.engine.Trajectory;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorRefResolver;
import org.apache.pekko.actor.typed.ActorSystem;

/** One small message of each kind, the same in every run. */
final class WireMessages {

  /** The name of the system that {@link #all} can resolve actors in. */
  static final String SYSTEM = "wire";

  private static final Sampling SAMPLING =
      new Sampling(3, 1.5, SdeType.CPS, 0.7, new SdeWindow(1, 1));
  private static final RolloutRequest REQUEST =
      new RolloutRequest(
          "a \"7\" — é", List.of(new RowSeed(4, -1), new RowSeed(5, 1L << 40)), SAMPLING);

  private static EngineException cause() {
    return new EngineException("row 4: NaN");
  }

  static List<WireMessage> all(ActorSystem<?> system) {
    DataHandle handle = new DataHandle("gpu-1", 7356, 9, 59L << 20, 0xFFFF_FFFFL);
    EngineActor.Leased leased = new EngineActor.Leased(7, REQUEST);
    return List.of(
        new EngineHost.Describe(resolve(system, "asker#1")),
        new EngineHost.Description(resolve(system, "host#1"), "gpu-1:7355", 1, "glyph é"),
        new EngineHost.Want(
            -5,
            3,
            resolve(system, "trainer#2"),
            List.of(
                new EngineHost.Order(1, List.of(leased), Optional.empty()),
                new EngineHost.Order(2, List.of(), Optional.of(handle))),
            List.of(7L)),
        new EngineHost.Stepped(-5, 7, 1),
        new EngineHost.Report(
            -5,
            List.of(new EngineHost.DrawnLease(7, handle)),
            List.of(new EngineHost.FailedLease(8, cause())),
            List.of(9L, 10L),
            List.of(new EngineHost.LoadedOrder(2, 3, 0xFFFF_FFFFL)),
            List.of(new EngineHost.RefusedOrder(3, cause())),
            true,
            Optional.of(cause())),
        new RewardHost.Describe(resolve(system, "asker#2")),
        new RewardHost.Description(resolve(system, "rewards#1"), "cpu-1:7355", "1.0 ocr", 4),
        new RewardHost.Want(
            -6, 4, resolve(system, "trainer#3"), List.of(new RewardHost.Portion(5, handle))),
        new RewardHost.Report(
            -6,
            List.of(
                new RewardHost.Scored(
                    5,
                    6,
                    0.75,
                    List.of(new RewardHost.Part("ocr", 1), new RewardHost.Part("jpeg", -0.25)))),
            List.of(new RewardHost.Failed(5, 7, cause())),
            List.of(new RewardHost.Lost(6, cause())),
            true));
  }

  private static <T> ActorRef<T> resolve(ActorSystem<?> system, String name) {
    return ActorRefResolver.get(system).resolveActorRef("pekko://" + SYSTEM + "/user/" + name);
  }

  /** A report of one lease that was drawn. */
  static EngineHost.Report drawn(DataHandle handle) {
    return new EngineHost.Report(
        1,
        List.of(new EngineHost.DrawnLease(1, handle)),
        List.of(),
        List.of(),
        List.of(),
        List.of(),
        false,
        Optional.empty());
  }

  static Sample sample(int row) {
    return new Sample(
        new RowSeed(row, -row),
        new RgbImage(2, 1, new byte[] {0, 1, 2, (byte) 253, (byte) 254, (byte) 255}),
        new Trajectory(
            new float[][] {{0.25f, -1}, {1e-30f, 3}},
            new float[] {0.5f, -0.5f},
            new float[] {1, 0.75f, 0.5f, 0},
            new SdeWindow(1, 1),
            new float[] {-1.25f}),
        new PromptEmbedding(new float[] {1, 2, 3, 4}, new boolean[] {true, false}, 2),
        3,
        new SampleTimings(
            -4, 1, 2, 3, 1, Duration.ofNanos(1), Duration.ofMillis(20), Duration.ofSeconds(3)));
  }

  private WireMessages() {}
}
