package io.flowloop.rollout;

import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * Many engines in virtual time: the real {@link LeaseTable}, with scripted engines in place of
 * actors. Each draws a group of 16 in 24 s, ten denoising steps, give or take 5 %; some take
 * several times as long, some die in the middle of it and are missed five seconds later.
 */
final class FleetSimulation implements LeaseTable.Outbox {

  /**
   * What is simulated.
   *
   * @param slowShare of engines that take {@code slowness} times as long
   * @param dyingShare of engines that die, at a random time of the ideal run
   */
  record Script(
      int engines,
      int requestsPerEngine,
      double slowShare,
      double slowness,
      double dyingShare,
      long seed) {}

  /**
   * What came of it.
   *
   * @param makespan until the last request had its answer
   * @param ideal with the work spread over the engines' speeds to the second, and none of it lost
   * @param answeredOnce requests that got one answer
   * @param answeredOften requests that got more
   * @param leasesLeft after all that was drawn twice has ended
   * @param cpu that events and table took
   */
  record Outcome(
      Duration makespan,
      Duration ideal,
      int answeredOnce,
      int answeredOften,
      long retries,
      long lateResults,
      int leasesLeft,
      long leases,
      Duration cpu) {

    double utilization() {
      return (double) ideal.toNanos() / makespan.toNanos();
    }
  }

  private static final int STEPS = 10;
  private static final int ROWS = 16;
  private static final double STEP_NANOS = 2.4e9;
  private static final long MISSED_AFTER = Duration.ofSeconds(5).toNanos();
  private static final long TICK = Duration.ofSeconds(1).toNanos();
  private static final ActorRef<EngineActor.Command> FRONT =
      TestInbox.<EngineActor.Command>create().getRef();
  private static final ActorRef<EngineRouter.Reply> ASKER =
      TestInbox.<EngineRouter.Reply>create().getRef();

  private record Event(long time, long order, Runnable action) {}

  private final class Engine {

    private final EngineSlot slot;
    private final double slowness;
    private final Deque<Pack> queue = new ArrayDeque<>();
    private boolean dead;

    Engine(int index, double slowness) {
      this.slot = new EngineSlot("engine " + index, FRONT);
      this.slowness = slowness;
      slot.become(EngineSlot.State.READY);
    }

    void take(Pack pack) {
      queue.add(pack);
      if (queue.size() == 1) {
        step(pack, 1);
      }
    }

    private void step(Pack pack, int done) {
      double jitter = .95 + .1 * random.nextDouble();
      after((long) (STEP_NANOS * slowness * jitter), () -> stepped(pack, done));
    }

    private void stepped(Pack pack, int done) {
      if (dead) {
        return;
      }
      hears();
      pack.leases().forEach(lease -> table.stepped(slot, lease.id(), done, now));
      if (done < STEPS) {
        step(pack, done + 1);
      } else {
        finish(pack);
      }
    }

    private void finish(Pack pack) {
      pack.leases().forEach(lease -> table.generated(slot, lease.id(), List.of(), now));
      queue.remove(pack);
      if (!queue.isEmpty()) {
        step(queue.element(), 1);
      }
      table.dispatch(slots, now);
    }

    void leave(long lease) {
      for (Pack pack : List.copyOf(queue).subList(Math.min(1, queue.size()), queue.size())) {
        if (pack.has(lease)) {
          queue.remove(pack);
          after(0, () -> table.cancelled(slot, lease, now));
        }
      }
    }

    void die() {
      dead = true;
      after(
          MISSED_AFTER,
          () -> {
            slot.become(EngineSlot.State.GONE);
            table.lose(slot);
            table.dispatch(slots, now);
          });
    }

    private void hears() {
      if (slot.state() == EngineSlot.State.LATE) {
        slot.become(EngineSlot.State.READY);
      }
    }
  }

  private final Script script;
  private final Random random;
  private final LeaseTable table = new LeaseTable(1, ROWS, this);
  private final List<Engine> engines = new ArrayList<>();
  private final List<EngineSlot> slots = new ArrayList<>();
  private final Map<EngineSlot, Engine> bySlot = new HashMap<>();
  private final PriorityQueue<Event> events =
      new PriorityQueue<>(Comparator.comparingLong(Event::time).thenComparingLong(Event::order));
  private final int[] answers;
  private long scheduled;
  private long now;
  private int answered;

  private FleetSimulation(Script script) {
    this.script = script;
    this.random = new Random(script.seed());
    this.answers = new int[script.engines() * script.requestsPerEngine()];
    for (int i = 0; i < script.engines(); i++) {
      boolean slow = i < script.engines() * script.slowShare();
      engines.add(new Engine(i, slow ? script.slowness() : 1));
      slots.add(engines.getLast().slot);
      bySlot.put(slots.getLast(), engines.getLast());
    }
  }

  static Outcome run(Script script) {
    return new FleetSimulation(script).run();
  }

  private Outcome run() {
    Sampling sampling = Sampling.ode(STEPS);
    for (int i = 0; i < answers.length; i++) {
      RolloutRequest request =
          RolloutRequest.of(String.valueOf(i), sampling, LongStream.range(0, ROWS).toArray());
      table.offer(new EngineRouter.Generate(request, ASKER), 0);
    }
    double ideal = idealNanos();
    for (int i = 0; i < script.engines() * script.dyingShare(); i++) {
      Engine dying = engines.get(engines.size() - 1 - i);
      after((long) (ideal * random.nextDouble()), dying::die);
    }
    after(TICK, this::tick);
    long start = System.nanoTime();
    table.dispatch(slots, now);
    while (answered < answers.length) {
      Event next = events.remove();
      now = next.time();
      next.action().run();
    }
    Duration makespan = Duration.ofNanos(now);
    long tableNanos = System.nanoTime() - start;
    // What was drawn twice comes to its end too.
    while (slots.stream().anyMatch(slot -> !slot.isIdle())) {
      Event next = events.remove();
      now = next.time();
      next.action().run();
    }
    int once = 0;
    int often = 0;
    for (int count : answers) {
      once += count == 1 ? 1 : 0;
      often += count > 1 ? 1 : 0;
    }
    return new Outcome(
        makespan,
        Duration.ofNanos((long) ideal),
        once,
        often,
        table.retries(),
        table.lateResults(),
        slots.stream().mapToInt(EngineSlot::leases).sum(),
        table.granted(),
        Duration.ofNanos(tableNanos));
  }

  private double idealNanos() {
    double perSecond = engines.stream().mapToDouble(engine -> 1 / engine.slowness).sum();
    return answers.length * STEP_NANOS * STEPS / perSecond;
  }

  private void tick() {
    for (EngineSlot slot : slots) {
      if (table.isStuck(slot, now)) {
        table.repeat(slot);
        slot.become(EngineSlot.State.LATE);
      }
    }
    table.shareOut(slots, now);
    table.dispatch(slots, now);
    after(TICK, this::tick);
  }

  private void after(long nanos, Runnable action) {
    events.add(new Event(now + nanos, scheduled++, action));
  }

  @Override
  public void draw(EngineSlot engine, Pack pack) {
    Objects.requireNonNull(bySlot.get(engine)).take(pack);
  }

  @Override
  public void cancel(EngineSlot engine, long lease) {
    Objects.requireNonNull(bySlot.get(engine)).leave(lease);
  }

  @Override
  public void answer(EngineRouter.Generate order, EngineRouter.Reply reply) {
    answers[Integer.parseInt(order.request().prompt())]++;
    answered++;
  }
}
