package io.flowloop.rollout;

import io.flowloop.engine.Learner;

/** Where a learner comes from. Called once, on the thread that the learner lives on. */
@FunctionalInterface
public interface LearnerFactory {

  /** A new learner, owned and closed by the caller. */
  Learner create();
}
