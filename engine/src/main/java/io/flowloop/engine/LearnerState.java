package io.flowloop.engine;

import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Everything a learner's next update depends on, in plain memory: going on from it gives the same
 * bits as never having stopped.
 *
 * @param version updates done
 * @param optimizerSteps steps AdamW applied
 * @param base checksum of the weights that training began with
 * @param parameters what is trained, by name: weights, or adapters
 * @param firstMoments AdamW's, by the same names
 * @param secondMoments AdamW's, by the same names
 * @param averages running means of the parameters, by the same names; empty without EMA
 */
public record LearnerState(
    long version,
    int optimizerSteps,
    long base,
    SortedMap<String, HostTensor> parameters,
    SortedMap<String, HostTensor> firstMoments,
    SortedMap<String, HostTensor> secondMoments,
    SortedMap<String, HostTensor> averages) {

  public LearnerState {
    parameters = copy(parameters);
    firstMoments = copy(firstMoments);
    secondMoments = copy(secondMoments);
    averages = copy(averages);
  }

  private static SortedMap<String, HostTensor> copy(Map<String, HostTensor> tensors) {
    return Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
  }
}
