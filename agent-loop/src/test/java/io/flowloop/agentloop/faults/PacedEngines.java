package io.flowloop.agentloop.faults;

import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.Drawn;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.StepListener;
import io.flowloop.rollout.EngineFactory;
import io.flowloop.rollout.ToyEngines;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Toy engines that take their time, one denoising step after the other, as a device would. A file
 * makes them {@code slow}, ten times as slow, or {@code hung}, for as long as it is there.
 *
 * @param toys what draws
 * @param step time of a denoising step, in nanoseconds
 * @param faults folder of these files
 */
record PacedEngines(ToyEngines toys, long step, Path faults) implements EngineFactory {

  private static final int SLOWER = 10;

  @Override
  public DiffusionEngine create(int engineIndex) {
    DiffusionEngine toy = toys.create(engineIndex);
    return new DiffusionEngine() {

      @Override
      public List<Drawn> generate(List<RolloutRequest> requests, StepListener steps) {
        int count = requests.getFirst().sampling().numInferenceSteps();
        for (int done = 1; done <= count && !Thread.currentThread().isInterrupted(); done++) {
          pass();
          steps.onStep(done);
        }
        return toy.generate(requests, StepListener.NONE);
      }

      @Override
      public long load(PolicyWeights weights) {
        return toy.load(weights);
      }

      @Override
      public long policyVersion() {
        return toy.policyVersion();
      }

      @Override
      public void close() {
        toy.close();
      }
    };
  }

  private void pass() {
    long nanos = Files.exists(faults.resolve("slow")) ? SLOWER * step : step;
    long end = System.nanoTime() + nanos;
    while (System.nanoTime() < end || Files.exists(faults.resolve("hung"))) {
      LockSupport.parkNanos(Math.min(nanos, TimeUnit.MILLISECONDS.toNanos(20)));
      if (Thread.currentThread().isInterrupted()) {
        return;
      }
    }
  }
}
