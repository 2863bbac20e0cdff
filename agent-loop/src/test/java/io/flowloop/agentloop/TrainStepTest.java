package io.flowloop.agentloop;

import static io.flowloop.agentloop.RolloutRig.N;
import static io.flowloop.agentloop.RolloutRig.PROMPTS;
import static io.flowloop.agentloop.RolloutRig.ROWS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.OnFailure;
import io.flowloop.engine.EngineException;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.TrainingSample;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;
import io.flowloop.rollout.RolloutException;
import io.flowloop.rollout.RolloutGroup;
import io.flowloop.rollout.ToyEngines;
import io.flowloop.rollout.ToyLearner;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TrainStepTest {

  private static final AdvantageEstimator ADVANTAGES =
      samples -> samples.stream().mapToDouble(sample -> sample.reward().total() - 0.5).toArray();

  private final RolloutRig rig = new RolloutRig();

  @BeforeEach
  void learn() {
    rig.learnerFactory = Optional.of(rig.learner);
  }

  @AfterEach
  void close() {
    rig.close();
  }

  @Test
  void trainStep_severalSteps_learnsFromEveryRowAndTheNextStepDrawsWithIt() {
    rig.engineCount = 2;
    RolloutRunner runner = rig.start();
    for (int step = 0; step < 3; step++) {
      TrainedStep trained = train(runner, step).join();

      assertThat(trained.step()).isEqualTo(step);
      assertThat(trained.batch().samples())
          .extracting(sample -> sample.sample().policyVersion())
          .containsOnly((long) step);
      assertThat(trained.policy().version()).isEqualTo(step + 1);
      assertThat(trained.policy().state().version()).isEqualTo(step + 1);
      assertThat(trained.policy().kept()).isNotEqualTo(trained.policy().weights());
      assertThat(trained.metrics().loss()).isEqualTo(ROWS);
      ToyLearner.Update update = rig.learner.updates().get(step);
      assertThat(update.trainingStep()).isEqualTo(step);
      assertThat(update.samples()).isEqualTo(samples(trained));
    }
    assertThat(rig.engines.loaded()).hasSize(6);
    RolloutRig.assertIdle(runner);
  }

  @Test
  void trainStep_times_splitTheRolloutAtItsLastImage() {
    TrainedStep trained = train(rig.start(), 0).join();
    TrainedStep.Times times = trained.times();

    assertThat(times.generate().plus(times.reward())).isEqualTo(trained.batch().elapsed());
    assertThat(Stream.of(times.generate(), times.reward(), times.update(), times.sync()))
        .allMatch(Duration::isPositive);
  }

  @Test
  void trainStep_oneEngineHasNotAcknowledged_nextStepDoesNotDraw() {
    CountDownLatch loading = new CountDownLatch(1);
    Queue<Integer> loadedAtDraw = new ConcurrentLinkedQueue<>();
    rig.engines.before(_ -> loadedAtDraw.add(rig.engines.loaded().size()));
    rig.engines.loading(
        (engine, weights) -> {
          if (engine == 2 && weights.version() == 1) {
            loading.countDown();
            ToyEngines.await(rig.gate);
          }
          return weights.checksum();
        });
    rig.engineCount = 3;
    RolloutRunner runner = rig.start();
    CompletableFuture<TrainedStep> first = train(runner, 0);
    CompletableFuture<TrainedStep> second = train(runner, 1);
    ToyEngines.await(loading);
    assertThat(first).isNotDone();
    assertThat(loadedAtDraw).hasSize(5).containsOnly(0);

    rig.gate.countDown();

    assertThat(first.join().policy().version()).isEqualTo(1);
    assertThat(second.join().policy().version()).isEqualTo(2);
    assertThat(loadedAtDraw).hasSize(10).containsOnly(0, 3);
  }

  @Test
  void trainStep_wrongChecksum_failsTheStepAndNamesEngineAndChecksums() {
    rig.engines.loading((engine, weights) -> engine == 1 ? 0xbadL : weights.checksum());
    rig.engineCount = 2;

    assertFails(
        train(rig.start(), 0),
        "step 0: weight sync: engine 1 loaded policy version 1, checksum 00000bad"
            + " \\(expected: version 1, checksum [0-9a-f]{8}\\)");
  }

  @Test
  void trainStep_engineDiesWhileItLoads_goesOnWithTheOthers() {
    rig.engines.loading(
        (engine, weights) -> {
          if (engine == 0) {
            throw new StackOverflowError();
          }
          return weights.checksum();
        });
    rig.engineCount = 2;
    RolloutRunner runner = rig.start();

    assertThat(train(runner, 0).join().policy().version()).isEqualTo(1);
    assertThat(train(runner, 1).join().batch().samples()).hasSize(ROWS);
  }

  @Test
  void trainStep_groupsDropped_refillsUntilNoneIsMissing() {
    breakEngineOn("b", "d", "f");

    TrainedStep trained = train(rig.start(), 0, "f", "g", "h", "i").join();

    assertThat(trained.batch().groups())
        .extracting(RolloutGroup::prompt)
        .containsExactly("a", "c", "e", "g", "h");
    assertThat(trained.batch().dropped())
        .extracting(DroppedGroup::prompt)
        .containsExactly("b", "d", "f");
    assertThat(trained.batch().batching().rows()).isEqualTo(8 * N);
    assertThat(rows(trained)).doesNotHaveDuplicates().hasSize(ROWS).endsWith(31);
    assertThat(trained.batch().samples())
        .extracting(sample -> sample.sample().row())
        .isEqualTo(rows(trained).stream().map(row -> RowSeed.of(42, 0, row)).toList());
    assertThat(trained.advantages()).hasSize(ROWS);
    assertThat(rig.learner.updates().getFirst().samples()).isEqualTo(samples(trained));
  }

  @Test
  void trainStep_moreDroppedThanSpares_trainsOnWhatIsLeft() {
    breakEngineOn("b", "d");

    TrainedStep trained = train(rig.start(), 0, "f").join();

    assertThat(trained.batch().groups())
        .extracting(RolloutGroup::prompt)
        .containsExactly("a", "c", "e", "f");
    assertThat(trained.batch().dropped()).hasSize(2);
  }

  @Test
  void trainStep_nothingDropped_leavesTheSparesAlone() {
    assertThat(train(rig.start(), 0, "f", "g").join().batch().groups()).hasSize(5);
    assertThat(rig.engines.drawn()).hasSize(5);
  }

  @Test
  void trainStep_everyGroupDropped_isSavedByItsSpares() {
    breakEngineOn(PROMPTS.toArray(String[]::new));

    assertThat(train(rig.start(), 0, "f", "g").join().batch().groups())
        .extracting(RolloutGroup::index)
        .containsExactly(5, 6);
  }

  @Test
  void trainStep_everyGroupAndSpareDropped_failsAndLearnsNothing() {
    breakEngineOn("a", "b", "c", "d", "e", "f", "g");

    assertFails(
        train(rig.start(), 0, "f", "g"),
        "step 0: all 7 groups failed, one of them: rows 0 to 3, prompt 'a': 3 attempts failed, the"
            + " last on engine \\d: out of memory");
    assertThat(rig.learner.updates()).isEmpty();
  }

  @Test
  void trainStep_groupFails_failRun_failsTheStepDespiteSpares() {
    breakEngineOn("b");
    rig.onFailure = OnFailure.FAIL_RUN;

    assertFails(
        train(rig.start(), 0, "f"),
        "step 0: rows 4 to 7, prompt 'b': 3 attempts failed, the last on engine \\d: out of memory");
  }

  @Test
  void trainStep_learnerThrows_failsAndNoEngineLoads() {
    rig.learner.before(
        _ -> {
          throw new EngineException("out of memory; lower update.microBatch");
        });

    assertFails(train(rig.start(), 0), "step 0: update: out of memory; lower update.microBatch");
    assertThat(rig.engines.loaded()).isEmpty();
  }

  @Test
  void trainStep_advantagesOfNoUse_failWithTheirCause() {
    RolloutRunner runner = rig.start();

    assertFails(
        runner.trainStep(
            rig.spec(0), List.of(), _ -> new double[3], StepJournal.NONE, RolloutListener.NONE),
        "step 0: advantages: 3 \\(expected: one for each of 20 samples\\)");
    assertFails(
        runner.trainStep(
            rig.spec(0),
            List.of(),
            samples -> IntStream.range(0, samples.size()).mapToDouble(i -> i / 0.0).toArray(),
            StepJournal.NONE,
            RolloutListener.NONE),
        "step 0: advantage of row 0: NaN \\(expected: a finite number\\)");
    assertThat(rig.learner.updates()).isEmpty();
    assertThat(train(runner, 0).join().policy().version()).isEqualTo(1);
  }

  @Test
  void trainStep_noLearner_saysSo() {
    rig.learnerFactory = Optional.empty();

    assertFails(train(rig.start(), 0), "learner: none .*");
    assertThat(rig.engines.drawn()).isEmpty();
  }

  @Test
  void trainStep_learnerCannotBeCreated_saysSo() {
    rig.learnerFactory =
        Optional.of(
            () -> {
              throw new EngineException("lora.targets: to_x (expected: a weight of the model)");
            });

    assertFails(
        train(rig.start(), 0), "step 0: update: the learner could not start: lora.targets: .*");
  }

  @Test
  void cancel_duringTheRollout_endsItLearnsNothingAndTheNextStepRuns() {
    rig.engines.before(_ -> ToyEngines.await(rig.gate));
    RolloutRunner runner = rig.start();
    CompletableFuture<TrainedStep> step = train(runner, 0);
    RolloutRig.awaitWaiting(runner, 3);

    step.cancel(false);
    RolloutRig.awaitWaiting(runner, 0);
    CompletableFuture<TrainedStep> next = train(runner, 1);
    rig.gate.countDown();

    assertThat(next.join().policy().version()).isEqualTo(1);
    assertThat(rig.learner.updates())
        .extracting(ToyLearner.Update::trainingStep)
        .containsExactly(1);
    RolloutRig.assertIdle(runner);
    assertThat(rig.engines.drawn()).hasSizeLessThan(2 * PROMPTS.size());
  }

  @Test
  void cancel_duringTheUpdate_givesItUpAndARestoreMakesTheNextStepRun() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.learner.before(
        update -> {
          begun.countDown();
          ToyLearner.awaitCancelled(update);
        });
    RolloutRunner runner = rig.start();
    CompletableFuture<TrainedStep> step = train(runner, 0);
    ToyEngines.await(begun);

    step.cancel(false);

    assertThatThrownBy(() -> runner.policy().join()).hasMessageContaining("half way");
    RolloutRig.assertIdle(runner);
    assertThat(rig.engines.loaded()).isEmpty();
    rig.learner.before(_ -> {});
    runner.restore(ToyLearner.state(0, 0)).join();
    assertThat(train(runner, 0).join().policy().version()).isEqualTo(1);
    assertThatThrownBy(step::join).isInstanceOf(CancellationException.class);
  }

  @Test
  void cancel_duringTheSync_letsItEndBeforeTheNextOrderBegins() {
    CountDownLatch loading = new CountDownLatch(1);
    rig.engines.loading(
        (_, weights) -> {
          loading.countDown();
          ToyEngines.await(rig.gate);
          return weights.checksum();
        });
    RolloutRunner runner = rig.start();
    CompletableFuture<TrainedStep> step = train(runner, 0);
    ToyEngines.await(loading);

    step.cancel(false);
    CompletableFuture<TrainedStep> next = train(runner, 1);
    rig.gate.countDown();

    assertThat(next.join().policy().version()).isEqualTo(2);
  }

  @Test
  void close_duringTheUpdate_givesItUpAndFreesTheLearner() {
    CountDownLatch begun = new CountDownLatch(1);
    rig.learner.before(
        update -> {
          begun.countDown();
          ToyLearner.awaitCancelled(update);
        });
    RolloutRunner runner = rig.start();
    CompletableFuture<TrainedStep> step = train(runner, 0);
    ToyEngines.await(begun);

    runner.close();

    assertFails(step, "step 0: .*");
    assertThat(rig.learner.open()).isZero();
  }

  private CompletableFuture<TrainedStep> train(RolloutRunner runner, int step, String... spares) {
    return runner.trainStep(
        rig.spec(step), List.of(spares), ADVANTAGES, StepJournal.NONE, RolloutListener.NONE);
  }

  private void breakEngineOn(String... prompts) {
    rig.onFailure = OnFailure.DROP_GROUP;
    rig.workers = 1;
    rig.engines.before(
        drawn -> {
          if (Set.of(prompts).contains(drawn.request().prompt())) {
            throw new EngineException("out of memory");
          }
        });
  }

  private static void assertFails(CompletableFuture<TrainedStep> step, String messagePattern) {
    assertThatThrownBy(step::join)
        .cause()
        .isInstanceOf(RolloutException.class)
        .hasMessageMatching(messagePattern);
  }

  private static List<TrainingSample> samples(TrainedStep trained) {
    List<RewardedSample> samples = trained.batch().samples();
    return IntStream.range(0, samples.size())
        .mapToObj(i -> new TrainingSample(samples.get(i).sample(), trained.advantages()[i]))
        .toList();
  }

  private static List<Integer> rows(TrainedStep trained) {
    return trained.batch().samples().stream().map(sample -> sample.row().index()).toList();
  }
}
