package io.flowloop.engine;

import java.util.List;

/** What came of a rollout request. */
public sealed interface Drawn {

  /**
   * The samples.
   *
   * @throws RuntimeException the cause, if there are none
   */
  List<Sample> samples();

  /** One sample for each seed, in the order of the seeds. */
  record Whole(List<Sample> samples) implements Drawn {

    public Whole {
      samples = List.copyOf(samples);
    }
  }

  /** No samples: the request failed by itself, whatever it was drawn with. */
  record Failure(RuntimeException cause) implements Drawn {

    @Override
    public List<Sample> samples() {
      throw cause;
    }
  }
}
