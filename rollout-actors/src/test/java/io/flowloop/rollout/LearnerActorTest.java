package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import io.flowloop.engine.TrainingSample;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class LearnerActorTest {

  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final List<TrainingSample> SAMPLES = samples();

  private final ToyLearner toy = new ToyLearner();
  private final TestProbe<LearnerActor.UpdateReply> updates = KIT.createTestProbe();
  private final TestProbe<LearnerActor.PolicyReply> policies = KIT.createTestProbe();

  @AfterAll
  static void shutdown() {
    KIT.shutdownTestKit();
  }

  @Test
  void update_samples_answersMetricsAndTheNextVersion() {
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    update(learner);

    LearnerActor.Updated updated = updates.expectMessageClass(LearnerActor.Updated.class);
    assertThat(updated.metrics().loss()).isEqualTo(2);
    assertThat(updated.policy().version()).isEqualTo(1);
    assertThat(weight(updated.policy())).isEqualTo(3);
    assertThat(updated.policy().state().version()).isEqualTo(1);
    assertThat(updated.policy().kept().checksum())
        .isNotEqualTo(updated.policy().weights().checksum());
    assertThat(toy.updates().getFirst().samples()).isEqualTo(SAMPLES);
    assertThat(toy.updates().getFirst().trainingStep()).isEqualTo(4);
  }

  @Test
  void getPolicy_newLearner_isVersionZero() {
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    learner.tell(new LearnerActor.GetPolicy(policies.ref()));

    assertThat(current().version()).isZero();
  }

  @Test
  void restore_state_goesOnFromIt() {
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    learner.tell(new LearnerActor.Restore(ToyLearner.state(7, 5), policies.ref()));

    assertThat(current().version()).isEqualTo(7);
    learner.tell(new LearnerActor.GetPolicy(policies.ref()));
    assertThat(weight(current())).isEqualTo(5);
  }

  @Test
  void restore_stateOfAnotherModel_failsAndChangesNothing() {
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    SortedMap<String, HostTensor> none = new TreeMap<>();
    learner.tell(
        new LearnerActor.Restore(
            new LearnerState(7, 7, 0, none, none, none, none), policies.ref()));

    assertThat(policies.expectMessageClass(LearnerActor.Failed.class).cause())
        .hasMessage("no parameter named w");
    learner.tell(new LearnerActor.GetPolicy(policies.ref()));
    assertThat(current().version()).isZero();
  }

  @Test
  void create_learnerCannotBeCreated_failsEveryOrderWithTheCause() {
    ActorRef<LearnerActor.Command> learner =
        spawn(
            () -> {
              throw new UnsatisfiedLinkError("no libtorch");
            });
    update(learner);
    learner.tell(new LearnerActor.GetPolicy(policies.ref()));

    assertThat(failure())
        .isInstanceOf(EngineException.class)
        .hasMessage("the learner could not start: java.lang.UnsatisfiedLinkError: no libtorch");
    assertThat(policies.expectMessageClass(LearnerActor.Failed.class).cause())
        .hasMessageContaining("no libtorch");
  }

  @Test
  void update_learnerThrows_failsAndDoesNothingButRestoreAfterwards() {
    toy.before(
        _ -> {
          throw new EngineException("gradient of block 3 is not finite");
        });
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    update(learner);
    assertThat(failure()).hasMessage("gradient of block 3 is not finite");

    toy.before(_ -> {});
    update(learner);
    assertThat(failure()).hasMessageContaining("half way").hasMessageContaining("restored first");
    learner.tell(new LearnerActor.GetPolicy(policies.ref()));
    assertThat(policies.expectMessageClass(LearnerActor.Failed.class).cause())
        .hasMessageContaining("half way");

    learner.tell(new LearnerActor.Restore(ToyLearner.state(0, 0), policies.ref()));
    assertThat(current().version()).isZero();
    update(learner);
    updates.expectMessageClass(LearnerActor.Updated.class);
  }

  @Test
  void update_learnerDies_saysSoClosesItAndFailsEveryLaterOrder() {
    toy.before(
        _ -> {
          throw new OutOfMemoryError("heap");
        });
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    update(learner);
    assertThat(failure()).hasMessage("the learner died: java.lang.OutOfMemoryError: heap");

    update(learner);
    assertThat(failure()).hasMessageContaining("the learner died");
    assertThat(toy.open()).isZero();
    assertThat(toy.updates()).hasSize(1);
  }

  @Test
  void update_cancelledBeforeItBegins_failsAndTouchesNothing() {
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    learner.tell(new LearnerActor.Update(SAMPLES, 4, () -> true, updates.ref()));

    assertThat(failure()).isInstanceOf(CancellationException.class);
    assertThat(toy.updates()).isEmpty();
    update(learner);
    updates.expectMessageClass(LearnerActor.Updated.class);
  }

  @Test
  void stop_duringAnUpdate_givesItUpAndClosesTheLearnerOnItsThread() {
    CountDownLatch begun = new CountDownLatch(1);
    toy.before(
        update -> {
          begun.countDown();
          ToyLearner.awaitCancelled(update);
        });
    ActorRef<LearnerActor.Command> learner = spawn(toy);
    update(learner);
    ToyEngines.await(begun);

    KIT.stop(learner);

    assertThat(failure()).isInstanceOf(CancellationException.class);
    assertThat(toy.open()).isZero();
  }

  private static ActorRef<LearnerActor.Command> spawn(LearnerFactory factory) {
    return KIT.spawn(LearnerActor.create(factory));
  }

  private void update(ActorRef<LearnerActor.Command> learner) {
    learner.tell(new LearnerActor.Update(SAMPLES, 4, () -> false, updates.ref()));
  }

  private Throwable failure() {
    return updates.expectMessageClass(LearnerActor.Failed.class).cause();
  }

  private PolicySnapshot current() {
    return policies.expectMessageClass(LearnerActor.Current.class).policy();
  }

  private static float weight(PolicySnapshot policy) {
    return policy.weights().tensors().firstEntry().getValue().values()[0];
  }

  private static List<TrainingSample> samples() {
    try (DiffusionEngine engine = new ToyEngines().create(0)) {
      return engine.generate(RolloutRequest.of("a", Sampling.ode(2), 1, 2)).stream()
          .map(sample -> new TrainingSample(sample, 1.5))
          .toList();
    }
  }
}
