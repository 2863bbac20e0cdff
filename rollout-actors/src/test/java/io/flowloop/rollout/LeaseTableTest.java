package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;

class LeaseTableTest {

  private static final int STEPS = 4;
  private static final long STEP = Duration.ofSeconds(1).toNanos();

  private record Answer(String prompt, boolean whole) {}

  private record Told(EngineSlot engine, List<String> prompts) {}

  private record Cancelled(EngineSlot engine, long lease) {}

  private final List<Told> drawn = new ArrayList<>();
  private final List<Cancelled> cancelled = new ArrayList<>();
  private final List<Answer> answers = new ArrayList<>();
  private final LeaseTable.Outbox outbox =
      new LeaseTable.Outbox() {
        @Override
        public void draw(EngineSlot engine, Pack pack) {
          drawn.add(
              new Told(
                  engine,
                  pack.leases().stream().map(l -> l.request().request().prompt()).toList()));
        }

        @Override
        public void cancel(EngineSlot engine, long lease) {
          cancelled.add(new Cancelled(engine, lease));
        }

        @Override
        public void answer(EngineRouter.Generate order, EngineRouter.Reply reply) {
          answers.add(
              new Answer(order.request().prompt(), reply instanceof EngineRouter.Generated));
        }
      };
  private final LeaseTable table = new LeaseTable(1, 16, outbox);
  private final EngineSlot fast = engine("fast");
  private final EngineSlot other = engine("other");
  private final List<EngineSlot> engines = List.of(fast, other);
  private long now;

  @Test
  void dispatch_packs_takeWhatWaitsInItsOrderUpToAForward() {
    LeaseTable packing = new LeaseTable(3, 16, outbox);
    for (String prompt : List.of("a", "b", "c", "d", "e")) {
      packing.offer(order(prompt, 4), now);
    }
    packing.offer(order("large", 10), now);
    packing.offer(order("f", 4), now);

    packing.dispatch(List.of(fast), now);

    assertThat(drawn)
        .containsExactly(new Told(fast, List.of("a", "b", "c")), new Told(fast, List.of("d", "e")));
    assertThat(packing.waiting()).isEqualTo(2);
  }

  @Test
  void dispatch_packsAndIdleEngines_leavesSomethingForEach() {
    LeaseTable packing = new LeaseTable(4, 16, outbox);
    for (String prompt : List.of("a", "b", "c", "d")) {
      packing.offer(order(prompt, 4), now);
    }

    packing.dispatch(engines, now);

    assertThat(drawn)
        .containsExactly(new Told(fast, List.of("a", "b")), new Told(other, List.of("c", "d")));
  }

  @Test
  void dispatch_requestsOfOtherSampling_shareNoForward() {
    LeaseTable packing = new LeaseTable(4, 16, outbox);
    packing.offer(order("a", 1), now);
    packing.offer(
        new EngineRouter.Generate(RolloutRequest.of("b", Sampling.ode(STEPS + 1), 1), asker()),
        now);

    packing.dispatch(List.of(fast), now);

    assertThat(drawn).extracting(Told::prompts).containsExactly(List.of("a"), List.of("b"));
  }

  @Test
  void failed_threeTimes_isAnsweredWithTheCauseOnce() {
    table.offer(order("bad", 1), now);
    for (long lease = 0; lease < 3; lease++) {
      table.dispatch(engines, now);
      assertThat(answers).isEmpty();
      table.failed(fast, lease, new EngineException("NaN"), now);
    }

    assertThat(answers).containsExactly(new Answer("bad", false));
    assertIdle();
    assertThat(table.retries()).isEqualTo(2);
  }

  @Test
  void die_ofTheSameRequestThreeTimes_failsItAndNotTheOneBehind() {
    List<EngineSlot> three = List.of(engine("1"), engine("2"), engine("3"));
    table.offer(order("poison", 1), now);
    table.offer(order("good", 1), now);
    for (EngineSlot engine : three) {
      table.dispatch(List.of(engine), now);
      engine.become(EngineSlot.State.GONE);
      table.die(engine, new EngineException("died"));
    }

    assertThat(answers).containsExactly(new Answer("poison", false));
    table.dispatch(List.of(fast), now);
    assertThat(drawn.getLast()).isEqualTo(new Told(fast, List.of("good")));
  }

  @Test
  void abandon_firstResultWinsWhoeverBringsIt() {
    table.offer(order("a", 1), now);
    table.dispatch(List.of(fast), now);
    table.abandon(fast);
    table.dispatch(List.of(other), now);

    table.generated(fast, 0, List.of(), now);

    assertThat(answers).containsExactly(new Answer("a", true));
    assertThat(cancelled).containsExactly(new Cancelled(other, 1));
    table.generated(other, 1, List.of(), now);
    assertThat(answers).hasSize(1);
    assertThat(table.lateResults()).isEqualTo(1);
    assertIdle();
  }

  @Test
  void generated_twiceTheSame_countsOnce() {
    table.offer(order("a", 1), now);
    table.dispatch(engines, now);

    table.generated(fast, 0, List.of(), now);
    table.generated(fast, 0, List.of(), now);

    assertThat(answers).hasSize(1);
    assertThat(table.lateResults()).isEqualTo(1);
    assertIdle();
  }

  @Test
  void isStuck_noStepForThreeTimesTheUsual_onlyThen() {
    for (long lease = 0; lease < 3; lease++) {
      draw("warm-up", lease);
    }
    table.offer(order("hangs", 1), now);
    table.dispatch(List.of(fast), now);
    now += STEP;
    table.stepped(fast, 3, 1, now);

    now += 3 * STEP;
    assertThat(table.isStuck(fast, now)).isFalse();
    now += 1;
    assertThat(table.isStuck(fast, now)).isTrue();

    table.repeat(fast);
    table.dispatch(List.of(other), now);
    assertThat(drawn.getLast()).isEqualTo(new Told(other, List.of("hangs")));
    table.generated(other, 4, List.of(), now);
    assertThat(answers.getLast()).isEqualTo(new Answer("hangs", true));
  }

  @Test
  void isStuck_engineOfWhichNothingIsKnown_isNot() {
    table.offer(order("first", 1), now);
    table.dispatch(List.of(fast), now);

    now += Duration.ofHours(1).toNanos();

    assertThat(table.isStuck(fast, now)).isFalse();
  }

  @Test
  void shareOut_engineIdles_takesWhatAnotherHasNotBegunWith() {
    table.offer(order("runs", 1), now);
    table.offer(order("ready", 1), now);
    table.dispatch(List.of(fast), now);

    table.shareOut(engines, now);
    table.dispatch(engines, now);

    assertThat(cancelled).containsExactly(new Cancelled(fast, 1));
    assertThat(drawn.getLast()).isEqualTo(new Told(other, List.of("ready")));
    table.cancelled(fast, 1, now);
    table.generated(other, 2, List.of(), now);
    table.generated(fast, 0, List.of(), now);
    assertThat(answers).containsExactly(new Answer("ready", true), new Answer("runs", true));
    assertIdle();
  }

  @Test
  void shareOut_requestTakesThreeTimesTheUsual_isDrawnTwice() {
    for (long lease = 0; lease < 3; lease++) {
      draw("warm-up", lease);
    }
    table.offer(order("slow", 1), now);
    table.dispatch(List.of(fast), now);
    long usual = STEPS * STEP + STEP;

    now += 3 * usual;
    table.shareOut(engines, now);
    assertThat(table.waiting()).isZero();
    now += 1;
    table.shareOut(engines, now);
    table.dispatch(engines, now);

    assertThat(drawn.getLast()).isEqualTo(new Told(other, List.of("slow")));
  }

  @Test
  void oldestWaiting_isTheTimeSinceItCame() {
    assertThat(table.oldestWaiting(now)).isZero();
    table.offer(order("a", 1), now);
    now += STEP;
    table.offer(order("b", 1), now);
    now += STEP;
    assertThat(table.oldestWaiting(now)).isEqualTo(Duration.ofNanos(2 * STEP));
  }

  /** A whole request on the fast engine: a second a step, and another for its results. */
  private void draw(String prompt, long lease) {
    table.offer(order(prompt, 1), now);
    table.dispatch(List.of(fast), now);
    for (int done = 1; done <= STEPS; done++) {
      now += STEP;
      table.stepped(fast, lease, done, now);
    }
    now += STEP;
    table.generated(fast, lease, List.of(), now);
  }

  private void assertIdle() {
    assertThat(table.waiting()).isZero();
    assertThat(engines).allMatch(engine -> engine.leases() == 0);
  }

  private static EngineSlot engine(String name) {
    EngineSlot engine = new EngineSlot(name, TestInbox.<EngineActor.Command>create().getRef());
    engine.become(EngineSlot.State.READY);
    return engine;
  }

  private static EngineRouter.Generate order(String prompt, int rows) {
    return new EngineRouter.Generate(
        RolloutRequest.of(prompt, Sampling.ode(STEPS), LongStream.range(0, rows).toArray()),
        asker());
  }

  private static ActorRef<EngineRouter.Reply> asker() {
    return TestInbox.<EngineRouter.Reply>create().getRef();
  }
}
