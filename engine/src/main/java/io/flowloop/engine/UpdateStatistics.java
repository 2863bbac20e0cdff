package io.flowloop.engine;

import java.time.Duration;
import java.util.SortedMap;
import java.util.TreeMap;

/** Gathers what an update measures, term by term and step by step, into {@link UpdateMetrics}. */
final class UpdateStatistics {

  /** Sum and number of some values. */
  private static final class Mean {
    private double sum;
    private long count;

    void add(double value) {
      sum += value;
      count++;
    }

    double value() {
      return count == 0 ? 0 : sum / count;
    }
  }

  private final double clipRange;
  private final Mean ratio = new Mean();
  private final Mean squaredRatioError = new Mean();
  private final Mean higher = new Mean();
  private final Mean lower = new Mean();
  private final Mean squaredLogRatio = new Mean();
  private final Mean loss = new Mean();
  private final Mean kl = new Mean();
  private final Mean gradientNorm = new Mean();
  private final SortedMap<Integer, Mean> drift = new TreeMap<>();
  private final SortedMap<Integer, Integer> forwards = new TreeMap<>();
  private double freshRatioError;
  private double learningRate;
  private int optimizerSteps;
  private int skippedSteps;
  private long logProbNanos;
  private long updateNanos;

  /**
   * @param clipRange ratios further than this from 1 count as clipped; infinity for a loss that
   *     says itself which terms it cut
   */
  UpdateStatistics(double clipRange) {
    this.clipRange = clipRange;
  }

  /**
   * The terms of k rows at one denoising step.
   *
   * @param fresh whether no optimiser step was taken since they were drawn
   */
  void add(
      int denoisingStep,
      float[] ratios,
      float[] cut,
      float[] logProbs,
      float[] oldLogProbs,
      float[] losses,
      float[] kls,
      boolean fresh) {
    for (int row = 0; row < ratios.length; row++) {
      // Around 1, where the digits are.
      double error = (double) ratios[row] - 1;
      double logRatio = (double) logProbs[row] - oldLogProbs[row];
      ratio.add(error);
      squaredRatioError.add(error * error);
      higher.add(error > clipRange || (cut[row] > 0 && error > 0) ? 1 : 0);
      lower.add(error < -clipRange || (cut[row] > 0 && error < 0) ? 1 : 0);
      squaredLogRatio.add(logRatio * logRatio);
      loss.add(losses[row]);
      kl.add(kls[row]);
      drift.computeIfAbsent(denoisingStep, _ -> new Mean()).add(logRatio);
      if (fresh) {
        freshRatioError = Math.max(freshRatioError, Math.abs(error));
      }
    }
  }

  void addForward(int rows, long nanos) {
    forwards.merge(rows, 1, Integer::sum);
    logProbNanos += nanos;
  }

  void addBackward(long nanos) {
    updateNanos += nanos;
  }

  /** An optimiser step with this norm; one that is not finite was skipped. */
  void addStep(double norm, double rate, long nanos) {
    updateNanos += nanos;
    learningRate = rate;
    if (Double.isFinite(norm)) {
      optimizerSteps++;
      gradientNorm.add(norm);
    } else {
      skippedSteps++;
    }
  }

  UpdateMetrics metrics() {
    SortedMap<Integer, Double> drifts = new TreeMap<>();
    drift.forEach((step, mean) -> drifts.put(step, mean.value()));
    double error = ratio.value();
    return new UpdateMetrics(
        optimizerSteps,
        skippedSteps,
        loss.value(),
        1 + error,
        Math.sqrt(Math.max(0, squaredRatioError.value() - error * error)),
        higher.value() + lower.value(),
        higher.value(),
        lower.value(),
        squaredLogRatio.value() / 2,
        kl.value(),
        gradientNorm.value(),
        learningRate,
        freshRatioError,
        drifts,
        forwards,
        Duration.ofNanos(logProbNanos),
        Duration.ofNanos(updateNanos));
  }
}
