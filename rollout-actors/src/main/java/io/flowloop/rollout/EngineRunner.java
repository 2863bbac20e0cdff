package io.flowloop.rollout;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.PreRestart;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * The actor that owns a {@link DiffusionEngine} and its thread: creates it, runs it and closes it
 * there, one order after the other. It answers nothing while a forward runs.
 *
 * <p>An exception is the request's failure. An {@link Error} is the engine's end, as it is when the
 * engine cannot be created or fails while it loads weights. Weights of another model it refuses,
 * and draws on with those it has.
 */
final class EngineRunner extends AbstractMatchingBehavior<EngineActor.Order> {

  private static final Logger LOG = LoggerFactory.getLogger(EngineRunner.class);

  /** The thread of the first engine, and of a learner beside it; see reference.conf. */
  static final DispatcherSelector FIRST =
      DispatcherSelector.fromConfig("flowloop.first-engine-dispatcher");

  private static final DispatcherSelector FURTHER =
      DispatcherSelector.fromConfig("flowloop.engine-dispatcher");

  /** One thread for each engine. */
  static DispatcherSelector dispatcher(int index) {
    return index == 0 ? FIRST : FURTHER;
  }

  /**
   * A runner of a new engine.
   *
   * @param interruption what ends its requests when it is to stop
   * @param cancelled leases that it must not begin with, thread-safe
   */
  static Behavior<EngineActor.Order> create(
      int index,
      EngineFactory factory,
      Interruption interruption,
      Set<Long> cancelled,
      ActorRef<EngineActor.Command> front) {
    return Behaviors.setup(
        context -> {
          DiffusionEngine engine;
          try {
            engine = factory.create(index);
          } catch (Throwable e) {
            // Errors too: without its native library an engine must end the run, not the JVM.
            front.tell(gone(index, "could not start", e));
            return Behaviors.stopped();
          }
          front.tell(new EngineActor.Ran(new EngineActor.Started(index)));
          return new EngineRunner(context, index, engine, interruption, cancelled, front);
        });
  }

  private final int index;
  private final DiffusionEngine engine;
  private final Interruption interruption;
  private final Set<Long> cancelled;
  private final ActorRef<EngineActor.Command> front;

  private EngineRunner(
      ActorContext<EngineActor.Order> context,
      int index,
      DiffusionEngine engine,
      Interruption interruption,
      Set<Long> cancelled,
      ActorRef<EngineActor.Command> front) {
    super(context);
    this.index = index;
    this.engine = engine;
    this.interruption = interruption;
    this.cancelled = cancelled;
    this.front = front;
  }

  @Override
  public Behavior<EngineActor.Order> onMessage(EngineActor.Order order) {
    return switch (order) {
      case EngineActor.Generate generate -> onGenerate(generate);
      case EngineActor.Load(PolicyWeights weights) -> onLoad(weights);
    };
  }

  private Behavior<EngineActor.Order> onGenerate(EngineActor.Generate order) {
    List<EngineActor.Leased> wanted = withoutCancelled(order.leased());
    if (wanted.isEmpty()) {
      return this;
    }
    List<RolloutRequest> requests = wanted.stream().map(EngineActor.Leased::request).toList();
    long first = wanted.getFirst().lease();
    try (MDC.MDCCloseable _ = LogContext.requests(requests)) {
      LOG.debug("engine {} draws {} requests", index, requests.size());
      List<Drawn> drawn =
          interruption.call(
              () ->
                  engine.generate(
                      requests, done -> tell(new EngineActor.Stepped(index, first, done))));
      for (int i = 0; i < requests.size(); i++) {
        tell(answer(wanted.get(i), drawn.get(i)));
      }
      LOG.debug("engine {} is done", index);
    } catch (RuntimeException e) {
      wanted.forEach(leased -> tell(failed(leased, e)));
    } catch (Error e) {
      front.tell(gone(index, "died", e));
      return Behaviors.stopped();
    }
    return this;
  }

  private List<EngineActor.Leased> withoutCancelled(List<EngineActor.Leased> leased) {
    List<EngineActor.Leased> wanted = new ArrayList<>(leased);
    for (EngineActor.Leased each : leased) {
      if (cancelled.remove(each.lease())) {
        wanted.remove(each);
        tell(new EngineActor.Cancelled(index, each.lease()));
      }
    }
    return wanted;
  }

  private EngineActor.Event answer(EngineActor.Leased leased, Drawn drawn) {
    return switch (drawn) {
      case Drawn.Whole(List<Sample> samples) -> checked(leased, samples);
      case Drawn.Failure(RuntimeException cause) -> failed(leased, cause);
    };
  }

  private EngineActor.Event failed(EngineActor.Leased leased, RuntimeException cause) {
    try (MDC.MDCCloseable _ = LogContext.requests(List.of(leased.request()))) {
      LOG.info("engine {} cannot draw: {}", index, cause.getMessage());
      LOG.debug("its cause", cause);
    }
    return new EngineActor.Failed(index, leased.lease(), cause);
  }

  private void tell(EngineActor.Event event) {
    front.tell(new EngineActor.Ran(event));
  }

  private Behavior<EngineActor.Order> onLoad(PolicyWeights weights) {
    try {
      long checksum = engine.load(weights);
      front.tell(
          new EngineActor.Ran(new EngineActor.Loaded(index, engine.policyVersion(), checksum)));
      return this;
    } catch (EngineException e) {
      front.tell(new EngineActor.Ran(new EngineActor.Refused(index, refusal(weights, e))));
      return this;
    } catch (Throwable e) {
      front.tell(gone(index, "could not load policy version " + weights.version(), e));
      return Behaviors.stopped();
    }
  }

  private EngineException refusal(PolicyWeights weights, EngineException cause) {
    return new EngineException(
        "engine %d refused policy version %d: %s"
            .formatted(index, weights.version(), cause.getMessage()),
        cause);
  }

  private EngineActor.Event checked(EngineActor.Leased leased, List<Sample> samples) {
    List<RowSeed> drawn = samples.stream().map(Sample::row).toList();
    if (drawn.equals(leased.request().seeds())) {
      return new EngineActor.Generated(index, leased.lease(), samples);
    }
    return failed(
        leased,
        new EngineException(
            "engine %d drew %s (expected: one sample for each of %s)"
                .formatted(index, drawn, leased.request().seeds())));
  }

  private static EngineActor.Command gone(int index, String how, Throwable cause) {
    String what = cause instanceof EngineException ? cause.getMessage() : cause.toString();
    return new EngineActor.Ran(
        new EngineActor.Gone(
            index, new EngineException("engine %d %s: %s".formatted(index, how, what), cause)));
  }

  @Override
  public Behavior<EngineActor.Order> onSignal(Signal signal) {
    if (signal instanceof PostStop || signal instanceof PreRestart) {
      engine.close();
    }
    return this;
  }
}
