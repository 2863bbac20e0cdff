package io.flowloop.agentloop;

import io.flowloop.config.FlowLoopConfig;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.PolicySnapshot;
import io.flowloop.rollout.RolloutBatch;
import io.flowloop.rollout.RolloutException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/**
 * A training run on the caller's thread: one training step after the other, with validations,
 * checkpoints and trackers in between.
 *
 * <p>All that a step depends on is in the {@link Checkpoint} before it. A stop gives up what is
 * under way and saves the state behind the last whole step; the run that goes on does it again, to
 * the same bits. What the {@link Journal} has of it is not drawn again.
 */
final class TrainingRun {

  /**
   * What a run works with.
   *
   * @param prompts what is trained on
   * @param heldOut prompts to validate with
   * @param settings the settings as the trackers are told them
   * @param environment what it runs on, for the trackers
   * @param stop completed by whoever wants the run to stop
   * @param warnings told what goes wrong without ending the run
   */
  record Means(
      FlowLoopConfig config,
      RolloutRunner runner,
      PromptDataset prompts,
      List<String> heldOut,
      AdvantageEstimator advantages,
      TrackerGroup trackers,
      String settings,
      Map<String, String> environment,
      CompletableFuture<Void> stop,
      Consumer<String> warnings) {}

  /**
   * Where a run is between two steps.
   *
   * @param step training steps done
   * @param position prompts taken
   * @param best the best validation so far
   */
  private record Place(
      int step, long position, Optional<Checkpoint.Best> best, PolicySnapshot policy) {

    Place withBest(Checkpoint.Best validation) {
      return new Place(step, position, Optional.of(validation), policy);
    }
  }

  /** A stop was asked for while something was waited for. */
  private static final class Stopped extends Exception {
    private static final long serialVersionUID = 1L;
  }

  private final Means means;
  private final FlowLoopConfig config;
  private final RolloutRunner runner;
  private final SequencedMap<String, String> identity;
  private final Validator validator;
  private Optional<Checkpoint.Best> first = Optional.empty();
  private Optional<Checkpoint.Best> last = Optional.empty();

  /** The state behind the last whole step, and whether it was handed to the writer. */
  private Optional<Checkpoint> whole = Optional.empty();

  private boolean wholeIsWritten;

  /** The thread was interrupted, and is to hear of it again at the end. */
  private boolean interrupted;

  TrainingRun(Means means) {
    this.means = means;
    this.config = means.config();
    this.runner = means.runner();
    this.identity = RunIdentity.of(config);
    this.validator = new Validator(config.validation(), config.sampler(), means.heldOut());
  }

  /**
   * Trains until the last step or a stop.
   *
   * @param from folder of the checkpoint to go on from; empty to begin
   * @throws RolloutException if a step fails; what was done before is saved
   * @throws io.flowloop.engine.EngineException if the checkpoint is of another run or model
   */
  TrainingSummary run(Optional<Path> from) {
    long begun = System.nanoTime();
    Path dir = config.trainer().dir();
    Checkpoints checkpoints = Checkpoints.open(dir, config.trainer().keep());
    boolean stopped = false;
    try (TrackerGroup trackers = means.trackers();
        Journal journal = new Journal(dir, config.trainer().journal(), means.warnings());
        CheckpointWriter writer =
            new CheckpointWriter(checkpoints, journal::covered, means.warnings())) {
      try {
        train(from, trackers, journal, writer);
      } catch (Stopped e) {
        stopped = true;
      } finally {
        if (!wholeIsWritten) {
          whole.ifPresent(writer::write);
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    int step = whole.map(Checkpoint::step).orElse(0);
    Duration elapsed = Duration.ofNanos(System.nanoTime() - begun);
    return new TrainingSummary(
        step, stopped, first, whole.flatMap(Checkpoint::best), last, elapsed, dir);
  }

  private void train(
      Optional<Path> from, TrackerGroup trackers, Journal journal, CheckpointWriter writer)
      throws Stopped {
    Place place = from.isPresent() ? resumed(from.get()) : begun();
    trackers.onStart(
        new Tracker.Run(
            config.trainer().dir(),
            place.step(),
            config.trainer().steps(),
            means.settings(),
            means.environment()));
    if (from.isEmpty()) {
      place = validated(place, trackers, writer);
    }
    while (place.step() < config.trainer().steps()) {
      place = stepped(place, trackers, journal);
      if (isDue(place, config.trainer().validateEvery())) {
        place = validated(place, trackers, writer);
      }
      whole = Optional.of(checkpoint(place));
      wholeIsWritten = isDue(place, config.trainer().saveEvery());
      if (wholeIsWritten) {
        writer.write(whole.get());
      }
    }
  }

  private boolean isDue(Place place, int every) {
    return place.step() % every == 0 || place.step() == config.trainer().steps();
  }

  private Place begun() throws Stopped {
    PolicySnapshot policy = await(runner.policy());
    var _ = await(runner.sync(policy.weights()));
    return new Place(0, 0, Optional.empty(), policy);
  }

  private Place resumed(Path from) throws Stopped {
    Checkpoint checkpoint = Checkpoints.load(from);
    checkpoint.requireSameRun(from, identity);
    PolicySnapshot policy = restored(from, checkpoint);
    var _ = await(runner.sync(policy.weights()));
    whole = Optional.of(checkpoint);
    wholeIsWritten = true;
    return new Place(checkpoint.step(), checkpoint.position(), checkpoint.best(), policy);
  }

  private PolicySnapshot restored(Path from, Checkpoint checkpoint) throws Stopped {
    try {
      checkpoint.requireSameModel(from, await(runner.policy()).state().base());
    } catch (RolloutException e) {
      // Half way through an update that was given up a learner has no policy to tell; it checks the
      // state that it is given all the same.
    }
    return await(runner.restore(checkpoint.learner()));
  }

  private Place stepped(Place place, TrackerGroup trackers, Journal journal) throws Stopped {
    int prompts = config.data().promptsPerStep();
    int spares = config.trainer().refillGroups();
    List<String> texts = texts(place.position(), prompts + spares);
    RolloutSpec spec =
        RolloutSpec.of(config.rollout(), config.sampler(), texts.subList(0, prompts), place.step());
    long begun = System.nanoTime();
    StepJournal finished =
        journal.begin(JournalHeader.of(place.step() + 1, identity, place.policy()));
    if (!finished.finished().isEmpty()) {
      trackers.onJournal(place.step() + 1, finished.finished().size());
    }
    TrainedStep step =
        await(
            runner.trainStep(
                spec,
                texts.subList(prompts, prompts + spares),
                means.advantages(),
                finished,
                RolloutListener.NONE));
    Duration elapsed = Duration.ofNanos(System.nanoTime() - begun);
    warn(step);
    trackers.onStep(
        new Tracker.Metrics(
            place.step() + 1, StepMetrics.of(step, config.rollout().engines(), elapsed)));
    int drawn = step.batch().groups().size() + step.batch().dropped().size();
    return new Place(place.step() + 1, place.position() + drawn, place.best(), step.policy());
  }

  private List<String> texts(long position, int count) {
    return means.prompts().promptsAt(position, count).stream().map(Prompt::text).toList();
  }

  private void warn(TrainedStep step) {
    int number = step.step() + 1;
    for (DroppedGroup group : step.batch().dropped()) {
      means
          .warnings()
          .accept(
              "step %d: group %d dropped: %s"
                  .formatted(number, group.index(), group.cause().getMessage()));
    }
    if (step.metrics().freshRatioError() > 0) {
      means
          .warnings()
          .accept(
              "step %d: ratios of fresh data differ from 1 by up to %.1e (expected: exactly 1);"
                      .formatted(number, step.metrics().freshRatioError())
                  + " with update.microBatch = null forwards have the rollout's shapes");
    }
    if (step.metrics().skippedSteps() > 0) {
      means
          .warnings()
          .accept(
              "step %d: %d optimiser steps skipped, as their gradient norm was not finite"
                  .formatted(number, step.metrics().skippedSteps()));
    }
  }

  /** Judges the kept weights; engines draw with the policy's again afterwards. */
  private Place validated(Place place, TrackerGroup trackers, CheckpointWriter writer)
      throws Stopped {
    PolicySnapshot policy = place.policy();
    boolean others = policy.kept().checksum() != policy.weights().checksum();
    if (others) {
      var _ = await(runner.sync(policy.kept()));
    }
    RolloutBatch batch = await(runner.rollout(validator.spec(), RolloutListener.NONE));
    if (others) {
      var _ = await(runner.sync(policy.weights()));
    }
    OptionalDouble best = place.best().stream().mapToDouble(Checkpoint.Best::reward).findFirst();
    Tracker.Validation verdict = validator.judge(place.step(), batch, best);
    Checkpoint.Best found =
        new Checkpoint.Best(place.step(), RewardStats.of(batch.samples()).mean());
    first = first.or(() -> Optional.of(found));
    last = Optional.of(found);
    trackers.onValidation(verdict);
    if (!verdict.best()) {
      return place;
    }
    Place better = place.withBest(found);
    writer.writeBest(checkpoint(better));
    return better;
  }

  private Checkpoint checkpoint(Place place) {
    return new Checkpoint(
        place.step(),
        place.position(),
        place.best(),
        identity,
        new TreeMap<>(Map.of("model", config.model().name())),
        place.policy().kept(),
        place.policy().state());
  }

  /** Waits for an order, or gives it up if a stop or an interrupt comes first. */
  private <T> T await(CompletableFuture<T> order) throws Stopped {
    try {
      if (Thread.interrupted()) {
        throw new InterruptedException(); // what has ended already would be taken otherwise
      }
      // Of two that have ended the first one decides: an order given after the stop may have
      // failed.
      var _ = CompletableFuture.anyOf(means.stop(), order).get();
      if (means.stop().isDone()) {
        order.cancel(false);
        throw new Stopped();
      }
      return order.join();
    } catch (InterruptedException e) {
      interrupted = true;
      order.cancel(false);
      throw new Stopped();
    } catch (ExecutionException | CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
    }
  }
}
