package io.flowloop.rollout;

import io.flowloop.engine.RolloutRequest;
import java.util.List;

/**
 * The rollout requests that rows were cut into.
 *
 * @param requests every row once, in row order as far as the rows were
 * @param batching how many rows share a request, and why the others do not
 */
public record RequestPlan(List<RolloutRequest> requests, Batching batching) {

  public RequestPlan {
    requests = List.copyOf(requests);
  }
}
